"""Post-processing: components, parts, overlaps."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from condseg_app.data import ClassEntry, ClassTable, Geometry, PostProcessing, Prediction
from condseg_app.engine.predict.post_process import final_masks, post_process
from condseg_app.errors import ClassTableError

SHAPE = (6, 5, 4)
GRID = Geometry.with_spacing(SHAPE, (10.0, 10.0, 10.0))  # a voxel is one ml
TABLE = ClassTable((ClassEntry(1, "liver"), ClassEntry(2, "tumour", part_of="liver"), ClassEntry(3, "spleen")))

levels = hnp.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 60, 130, 200, 255]))


def predicted(**probabilities: NDArray[np.uint8]) -> Prediction:
    return Prediction(GRID, probabilities)


def blobs() -> NDArray[np.uint8]:
    """Components of 8, 4 and 1 voxels; the last two would touch at a corner, were they one."""
    level = np.zeros(SHAPE, np.uint8)
    level[:2, :2, :2] = 200
    level[4:, :2, 0] = 255
    level[3, 4, 3] = 210
    return level


@pytest.mark.parametrize(("count", "sizes"), [(1, 8), (2, 12), (3, 13), (9, 13), (0, 0)])
def test_the_largest_components_are_kept(count: int, sizes: int) -> None:
    found = final_masks(predicted(liver=blobs()), TABLE, PostProcessing(largest={"liver": count}))
    assert found["liver"].sum() == sizes


@pytest.mark.parametrize(("ml", "voxels"), [(0.5, 13), (2, 12), (4, 12), (5, 8), (9, 0)])
def test_small_components_are_removed_by_their_volume(ml: float, voxels: int) -> None:
    found = final_masks(predicted(liver=blobs()), TABLE, PostProcessing(smallest={"liver": ml}))
    assert found["liver"].sum() == voxels


def test_voxels_that_touch_at_a_corner_are_one_component() -> None:
    level = np.zeros(SHAPE, np.uint8)
    level[0, 0, 0] = level[1, 1, 1] = 255
    found = final_masks(predicted(liver=level), TABLE, PostProcessing(largest={"liver": 1}))
    assert found["liver"].sum() == 2


def test_a_tumour_outside_of_its_organ_is_dropped_with_the_organs_removed_components() -> None:
    tumour = np.zeros(SHAPE, np.uint8)
    tumour[0, 0, 0] = tumour[4, 0, 0] = tumour[5, 4, 3] = 255  # in the liver, in its second component, outside
    plan = PostProcessing(largest={"liver": 1}, inside_whole=True, overlap="keep")
    found = final_masks(predicted(liver=blobs(), tumour=tumour), TABLE, plan)
    assert np.argwhere(found["tumour"]).tolist() == [[0, 0, 0]]


def test_a_part_comes_before_its_whole_and_the_whole_contains_it() -> None:
    tumour = np.zeros(SHAPE, np.uint8)
    tumour[0, 0, 0] = 130  # less probable than the liver, and a part of it all the same
    found = final_masks(predicted(liver=blobs(), tumour=tumour), TABLE, PostProcessing())
    assert found["tumour"].sum() == 1
    assert found["liver"].sum() == 13


def test_priority_wins_over_probability() -> None:
    probable, less = np.full(SHAPE, 250, np.uint8), np.full(SHAPE, 130, np.uint8)
    prediction = predicted(liver=probable, spleen=less)
    assert final_masks(prediction, TABLE, PostProcessing())["liver"].all()
    order = PostProcessing(overlap="priority", priority=("spleen",))
    assert final_masks(prediction, TABLE, order)["spleen"].all()
    assert all(mask.all() for mask in final_masks(prediction, TABLE, PostProcessing(overlap="keep")).values())


def test_a_class_that_is_not_there_is_refused() -> None:
    with pytest.raises(ClassTableError, match="kidney"):
        post_process(predicted(liver=blobs()), TABLE, PostProcessing(largest={"kidney": 1}))


@settings(deadline=None, max_examples=50)
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(TABLE.names, levels)),
    st.sampled_from(["probability", "priority"]),
    st.permutations(TABLE.names),
    st.booleans(),
)
def test_resolved_masks_overlap_only_where_one_contains_the_other(
    found: Mapping[str, NDArray[np.uint8]], overlap: str, order: list[str], inside: bool
) -> None:
    plan = PostProcessing(inside_whole=inside, overlap=overlap, priority=tuple(order))  # type: ignore[arg-type]
    masks = final_masks(Prediction(GRID, found), TABLE, plan)
    empty = np.zeros(SHAPE, np.bool_)
    liver, tumour, spleen = (masks.get(name, empty) for name in TABLE.names)
    assert not (spleen & (liver | tumour)).any()
    assert not (tumour & ~liver).any() or "liver" not in masks
    claimed = [level >= 128 for level in found.values()]
    if claimed and not inside:
        assert np.array_equal(liver | tumour | spleen, np.any(claimed, axis=0))
