"""Prediction and corrections become one map, and figures."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from condseg_app.data import (
    ChunkedAnnotation,
    ClassId,
    ClassLevels,
    ClassTable,
    Geometry,
    Image,
    Measure,
    as_level,
    measure,
)
from condseg_app.session import fusing
from condseg_app.session.counting import VoxelCounts
from condseg_app.session.state import State

SHAPE = (4, 3, 2)
TABLE = ClassTable.from_names(["a", "b"])
A, B = TABLE.ids
AFFINE = np.array([[0.0, 2.0, 0.1, 5], [-1.5, 0, 0, 7], [0.0, 0.1, 4.0, -9], [0, 0, 0, 1]])
LEVELS = arrays.arrays(np.uint8, SHAPE, elements=st.integers(0, 255).map(lambda n: n if n > 2 else 0))
MASKS = arrays.arrays(np.bool_, SHAPE)


def opened(**levels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> State:
    image = Image(np.zeros((1, *SHAPE), np.int16), Geometry(SHAPE, AFFINE))
    return State(image=image, classes=TABLE, levels={TABLE[n].id: kept(levels[n]) for n in levels})


def voxels(state: State, class_id: ClassId) -> int:
    return VoxelCounts().voxels(state, class_id)


def kept(level: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> ClassLevels:
    levels = ClassLevels((level.shape[0], level.shape[1], level.shape[2]))
    levels.paste((slice(None), slice(None), slice(None)), level)
    return levels


@given(st.tuples(LEVELS, LEVELS), st.tuples(MASKS, MASKS), st.tuples(MASKS, MASKS), st.floats(0.0, 1.0))
def test_what_a_person_has_decided_always_wins(levels, masks, seen, threshold) -> None:  # type: ignore[no-untyped-def]
    (a, b), (mask_a, mask_b), (seen_a, seen_b) = levels, masks, seen
    state = opened(a=a, b=b)
    marks = {B: ChunkedAnnotation.of(mask_b, seen_b), A: ChunkedAnnotation.of(mask_a, seen_a)}
    state = replace(state, annotations=marks, thresholds={A: threshold})
    labels = fusing.labels(state).values
    marked_a, marked_b = mask_a & seen_a, mask_b & seen_b
    assert (labels[marked_a] == 1).all(), "a was marked last"
    assert (labels[marked_b & ~marked_a] == 2).all()
    assert not (labels == 1)[seen_a & ~mask_a].any()
    assert not (labels == 2)[seen_b & ~mask_b].any()
    own = fusing.mask(state, A)
    np.testing.assert_array_equal(own[seen_a], mask_a[seen_a])
    np.testing.assert_array_equal(own[~seen_a], (a >= as_level(threshold))[~seen_a])
    assert voxels(state, A) == own.sum()
    np.testing.assert_array_equal(fusing.masks(state, TABLE)["a"], own)


def test_a_class_of_many_chunks_is_measured_as_its_mask_is() -> None:
    shape = (70, 66, 130)
    rng = np.random.default_rng(3)
    level, mask, seen = (rng.integers(0, top, shape, dtype=np.uint8) for top in (255, 2, 2))
    level[:64] = 0
    image = Image(np.zeros((1, *shape), np.int16), Geometry(shape, AFFINE))
    marks = {A: ChunkedAnnotation.of(mask > 0, seen > 0)}
    state = State(image, classes=TABLE, levels={A: kept(level)}, annotations=marks)
    assert voxels(state, A) == fusing.mask(state, A).sum()
    without = replace(state, annotations={})
    assert voxels(without, A) == (level >= 128).sum()
    assert voxels(without, B) == 0


@given(LEVELS, MASKS, MASKS, st.integers(0, 3), st.integers(0, 2), st.integers(0, 1))
def test_a_region_is_cut_out_of_the_whole(a, mask, seen, i, j, k) -> None:  # type: ignore[no-untyped-def]
    state = replace(opened(a=a), annotations={B: ChunkedAnnotation.of(mask, seen)})
    whole = fusing.labels(state)
    part = fusing.labels(state, region=(slice(i, 4), slice(j, 3), slice(k, 2)))
    np.testing.assert_array_equal(part.array, whole.array[i:, j:, k:])
    corner = part.geometry.affine @ [0, 0, 0, 1]
    np.testing.assert_allclose(corner, AFFINE @ [i, j, k, 1])
    np.testing.assert_array_equal(part.geometry.affine[:, :3], AFFINE[:, :3])


@given(st.tuples(LEVELS, LEVELS), MASKS, MASKS)
def test_by_priority_the_first_class_has_all_that_it_reaches(levels, mask, seen) -> None:  # type: ignore[no-untyped-def]
    a, b = levels
    state = replace(opened(a=a, b=b), priority=(B, A))
    labels = fusing.labels(state).values
    np.testing.assert_array_equal(labels == 2, b >= 128)
    np.testing.assert_array_equal(labels == 1, (a >= 128) & (b < 128))
    marked = replace(state, annotations={A: ChunkedAnnotation.of(mask, seen)})
    assert (fusing.labels(marked).values[mask & seen] == 1).all(), "marks win over any order"


@given(st.tuples(LEVELS, LEVELS), MASKS, MASKS, st.floats(0.0, 1.0), st.integers(0, 3), st.integers(0, 1))
def test_conflicts_are_where_both_reach_their_thresholds(levels, mask, seen, threshold, i, k) -> None:  # type: ignore[no-untyped-def]
    a, b = levels
    state = replace(opened(a=a, b=b), thresholds={A: threshold})
    region = (slice(i, None), slice(None), slice(k, None))
    expected = (a >= as_level(threshold)) & (b >= 128)
    np.testing.assert_array_equal(fusing.conflicts(state, region), expected[region])
    marked = replace(state, annotations={A: ChunkedAnnotation.of(mask, seen)})
    decided = expected & ~seen  # marked as a, or as not a: then only b is left
    np.testing.assert_array_equal(fusing.conflicts(marked, region), decided[region])


def test_a_part_does_not_conflict_with_its_whole_but_with_others() -> None:
    table = ClassTable.from_names(["liver", "tumour", "cyst", "spleen"])
    table = table.replacing("tumour", part_of="liver").replacing("cyst", part_of="liver")
    there = np.zeros((4, *SHAPE), np.uint8)
    liver, tumour, cyst, spleen = there
    liver[...] = 200
    tumour[0, 0, 0] = tumour[1, 0, 0] = tumour[2, 0, 0] = 200
    cyst[1, 0, 0] = 200
    spleen[2, 0, 0] = spleen[3, 0, 0] = 200
    names = dict(zip(table.names, there, strict=True))
    levels = {table[name].id: kept(level) for name, level in names.items()}
    state = replace(opened(), classes=table, levels=levels)
    contested = fusing.conflicts(state, (slice(None),) * 3)
    assert {tuple(map(int, at)) for at in np.argwhere(contested)} == {(1, 0, 0), (2, 0, 0), (3, 0, 0)}


def test_nothing_known_is_no_conflict() -> None:
    assert not fusing.conflicts(opened(), (slice(None),) * 3).any()
    assert fusing.conflicts(opened(), (slice(1, 3), slice(None), slice(0, 1))).shape == (2, 3, 1)


def test_making_the_map_changes_nothing() -> None:
    level = np.full(SHAPE, 200, np.uint8)
    everywhere = np.ones(SHAPE, bool)
    state = replace(opened(a=level), annotations={A: ChunkedAnnotation.of(~everywhere, everywhere)})
    assert not fusing.labels(state).values.any()
    assert not fusing.mask(state, A).any()
    assert (state.levels[A].whole() == 200).all()
    assert state.threshold(A) == 0.5


def test_only_the_named_classes_take_part() -> None:
    level = np.full(SHAPE, 200, np.uint8)
    state = opened(a=level, b=level + 1)
    assert (fusing.labels(state).values == 2).all()
    assert (fusing.labels(state, [A]).values == 1).all()


def test_a_class_that_is_only_marked_is_in_the_map() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[1, 1, 1] = True
    state = replace(opened(), annotations={B: ChunkedAnnotation.of(mask, np.ones(SHAPE, bool))})
    labels = fusing.labels(state)
    assert labels.values.sum() == 2
    np.testing.assert_array_equal(labels.mask("b"), mask)


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        (Geometry.with_spacing((9, 9, 9), (2, 2, 5)), Measure(2.0, "ml")),
        (Geometry.with_spacing((9, 9, 1), (2, 0.5, 5)), Measure(100.0, "mm²")),
        (Geometry.of_picture(9, 9), Measure(100.0, "pixels")),
        (Geometry((9, 9, 9), np.eye(4), "pixel"), Measure(100.0, "voxels")),
        (Geometry.with_spacing((9, 9, 9), (1, 1, 2), "µm"), Measure(200.0, "µm³")),
        (Geometry.with_spacing((9, 9, 1), (1, 2, 7), "µm"), Measure(200.0, "µm²")),
    ],
)
def test_a_hundred_voxels_in_the_unit_that_people_use(geometry: Geometry, expected: Measure) -> None:
    found = measure(100, geometry)
    assert found.unit == expected.unit
    assert found.value == pytest.approx(expected.value)


def test_an_area_does_not_depend_on_how_the_slice_lies() -> None:
    turned = np.eye(4)
    turned[:3, :3] = [[0, 0, 3.0], [2.0, 0, 0], [0, 0.5, 0]]
    assert measure(10, Geometry((5, 5, 1), turned)) == Measure(10.0, "mm²")
