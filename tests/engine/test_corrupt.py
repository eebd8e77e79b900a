"""Corruption of classes, for the experiment on spatial correlation."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from condseg_app.data import Annotation, Geometry, Image
from condseg_app.engine.train.corrupt import corrupt
from condseg_app.errors import CondsegError

SHAPE = (10, 10, 10)
GRID = Geometry.with_spacing(SHAPE, (1, 1, 1))


def case(dtype: type[np.generic] = np.int16) -> tuple[Image, list[Annotation]]:
    spleen, liver = (np.zeros(SHAPE, np.bool_) for _ in range(2))
    spleen[:5, :5], liver[6:] = True, True
    everywhere = np.ones(SHAPE, np.bool_)
    image = Image(np.full((1, *SHAPE), 60, dtype), GRID, name="a")
    return image, [Annotation("spleen", spleen, everywhere), Annotation("liver", liver, everywhere)]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_seventy_percent_of_a_class_become_fat_and_nothing_else_changes(
    dtype: type[np.generic], order: Literal["C", "F"]
) -> None:
    image, annotations = case(dtype)
    image = replace(image, array=np.asarray(image.voxels(), order=order))  # a NIfTI file's voxels come as "F"
    changed = corrupt(image, annotations, ["spleen"], seed=0)
    different = changed.voxels()[0] != image.voxels()[0]
    spleen = annotations[0].mask
    assert different.sum() == round(0.7 * spleen.sum())
    assert not (different & ~spleen).any()
    assert changed.voxels()[0][different].mean() == pytest.approx(-100, abs=5)
    assert changed.voxels().dtype == dtype
    assert (image.voxels() == 60).all()


def test_the_seed_decides() -> None:
    image, annotations = case()
    one, same, other = (corrupt(image, annotations, ["spleen", "liver"], seed).voxels() for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_class_that_is_not_labelled_cannot_be_corrupted() -> None:
    image, annotations = case()
    with pytest.raises(CondsegError, match="'a' does not label kidney"):
        corrupt(image, annotations, ["kidney"], seed=0)
