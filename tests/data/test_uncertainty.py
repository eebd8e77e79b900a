"""Where a class is least certain, slice by slice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from condseg_app.data import ClassLevels, uncertainty_by_slice


def kept(levels: NDArray[np.uint8]) -> ClassLevels:
    shape = levels.shape[0], levels.shape[1], levels.shape[2]
    found = ClassLevels(shape)
    found.paste((slice(None), slice(None), slice(None)), levels)
    return found


def said(levels: NDArray[np.uint8], axis: int) -> NDArray[np.float64]:
    """The same, said at once for the whole array."""
    there = np.where(levels >= 3, levels, 0) / 255
    others = tuple(a for a in range(3) if a != axis)
    voxels = (there > 0).sum(axis=others)
    doubt = (4 * there * (1 - there)).sum(axis=others)
    return np.asarray(doubt / (voxels + voxels[voxels > 0].mean())) if voxels.any() else np.zeros(levels.shape[axis])


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(60, 70))),
    st.sampled_from([0, 1, 2]),
)
def test_it_is_the_mean_doubt_of_each_slice_whatever_the_chunks_are(levels: NDArray[np.uint8], axis: int) -> None:
    found = uncertainty_by_slice(kept(levels), axis)
    assert found == pytest.approx(said(levels, axis))
    assert (found >= 0).all()
    assert (found <= 1).all()


def test_a_doubtful_organ_outdoes_a_certain_one_and_a_few_specks() -> None:
    levels = np.zeros((20, 20, 5), np.uint8)
    levels[2:18, 2:18, 1] = 255
    levels[2:18, 2:18, 2] = 150
    levels[0, 0, 3] = 128
    assert np.argsort(uncertainty_by_slice(kept(levels), 2))[::-1][:2].tolist() == [2, 3]


def test_nothing_found_is_nothing_uncertain() -> None:
    assert not uncertainty_by_slice(kept(np.zeros((4, 5, 6), np.uint8)), 1).any()
