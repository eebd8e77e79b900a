"""Drawing tools: what each adds and takes away, in 2D and 3D, with voxels that are no cubes."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from condseg_app.session.drawing.growing import Grow, Shrink, Smooth
from condseg_app.session.drawing.intensities import KeepRange
from condseg_app.session.drawing.parts import FillHoles, KeepLargest, RemoveSmall
from condseg_app.session.drawing.piece import Piece, Tool
from condseg_app.session.drawing.slices import CopySlice, FillBetween

Mask = NDArray[np.bool_]
SPACING = (0.5, 1.0, 2.0)

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6))
masks = shapes.flatmap(lambda shape: arrays(np.bool_, shape))


def piece(mask: Mask, intensities: NDArray[Any] | None = None, **more: Any) -> Piece:
    values = np.zeros(mask.shape, np.float32) if intensities is None else intensities.astype(np.float32)
    return Piece(mask, more.pop("annotated", mask), lambda: values, more.pop("spacing", SPACING), **more)


def ball(shape: tuple[int, int, int], centre: tuple[float, ...], radius: float) -> Mask:
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return np.asarray(np.linalg.norm((places - centre) * SPACING, axis=-1) <= radius)


TOOLS: list[Callable[[], Tool]] = [
    lambda: Grow(1.0),
    lambda: Shrink(1.0),
    lambda: Smooth(1.0),
    lambda: FillHoles(),
    lambda: FillHoles(2),
    lambda: KeepLargest(),
    lambda: RemoveSmall(3.0),
    lambda: KeepRange(0, 1),
    lambda: FillBetween(0),
    lambda: CopySlice(1, 0, 0),
]


@pytest.mark.parametrize("make", TOOLS)
@given(mask=masks)
def test_no_tool_changes_what_it_is_given(make: Callable[[], Tool], mask: Mask) -> None:
    tool, before = make(), mask.copy()
    found = tool(piece(mask))
    assert found.shape == mask.shape
    assert found.dtype == np.bool_
    assert np.array_equal(mask, before)
    assert not np.shares_memory(found, mask)
    assert tool.title
    assert all(voxels >= 0 for voxels in tool.margin(SPACING))


@given(mask=masks, distance=st.floats(0, 4))
def test_growing_reaches_exactly_as_far_as_the_distance(mask: Mask, distance: float) -> None:
    grown = Grow(distance)(piece(mask))
    inside = np.argwhere(mask) * SPACING
    for place in np.ndindex(mask.shape):
        gap = np.linalg.norm(inside - np.multiply(place, SPACING), axis=1).min(initial=np.inf)
        if abs(gap - distance) > 1e-9:
            assert grown[place] == (gap < distance)


@given(mask=masks, distance=st.floats(0, 4))
def test_shrinking_is_growing_of_the_outside(mask: Mask, distance: float) -> None:
    shrunk = Shrink(distance)(piece(mask))
    assert np.array_equal(shrunk, ~Grow(distance)(piece(~mask)))


def test_a_margin_is_enough_for_growing() -> None:
    mask = ball((40, 30, 20), (20, 15, 10), 4)
    whole = Grow(3.0)(piece(mask))
    i, j, k = Grow(3.0).margin(SPACING)
    found = np.argwhere(mask)
    low, high = found.min(0) - (i, j, k), np.add(found.max(0), (i + 1, j + 1, k + 1))
    box = tuple(slice(max(0, a), b) for a, b in zip(low, high, strict=True))
    assert whole[box].sum() == whole.sum()
    assert np.array_equal(Grow(3.0)(piece(mask[box])), whole[box])


def test_smoothing_takes_the_specks_and_keeps_the_body() -> None:
    mask = ball((40, 30, 20), (20, 15, 10), 6)
    rough = mask.copy()
    rough[1, 1, 1] = True
    rough[20, 15, 10] = False
    smooth = Smooth(1.0)(piece(rough))
    assert not smooth[1, 1, 1]
    assert smooth[20, 15, 10]
    assert 2 * (smooth & mask).sum() / (smooth.sum() + mask.sum()) > 0.95


def test_smoothing_of_a_picture_leaves_its_single_slice() -> None:
    mask = np.ones((20, 20, 1), bool)
    mask[:5] = False
    assert np.array_equal(Smooth(1.0)(piece(mask)), mask)


def test_holes() -> None:
    ring = np.zeros((7, 7, 3), bool)
    ring[1:6, 1:6] = True
    ring[3, 3] = False  # a tube through all slices
    assert np.array_equal(FillHoles()(piece(ring)), ring)
    assert FillHoles(2)(piece(ring))[3, 3].all()
    assert FillHoles()(piece(ring[..., :1]))[3, 3, 0]
    closed = ring.copy()
    closed[3, 3, [0, 2]] = True
    assert FillHoles()(piece(closed))[3, 3, 1]


def test_parts() -> None:
    mask = np.zeros((10, 10, 3), bool)
    mask[:2, :2, :2] = True  # 8 voxels of 1 mm3
    mask[2, 2, 2] = True  # touches at a corner
    mask[7:9, 7, 0] = True  # 2 voxels
    large = mask.copy()
    large[7:9] = False
    assert np.array_equal(KeepLargest()(piece(mask)), large)
    assert np.array_equal(RemoveSmall(3.0)(piece(mask)), large)
    assert np.array_equal(RemoveSmall(2.0)(piece(mask)), mask)
    nothing = np.zeros_like(mask)
    assert not KeepLargest()(piece(nothing)).any()


def test_a_range_keeps_its_ends_and_no_nan() -> None:
    values = np.array([0, 1, 2, 3, np.nan, np.inf]).reshape(6, 1, 1)
    found = KeepRange(1, 3)(piece(np.ones(values.shape, bool), values))
    assert found.ravel().tolist() == [False, True, True, True, False, False]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_between_two_slices_the_shape_goes_over(axis: Literal[0, 1, 2]) -> None:
    mask = np.zeros((9, 20, 20), bool)
    mask[1, 2:8, 2:8] = True
    mask[7, 6:16, 6:16] = True
    given_ = np.moveaxis(mask, 0, axis)
    found = np.moveaxis(FillBetween(axis)(piece(given_, spacing=(1, 1, 1))), axis, 0)
    assert np.array_equal(found[[0, 1, 7, 8]], mask[[0, 1, 7, 8]])
    areas = found.sum(axis=(1, 2))[1:8]
    assert (np.diff(areas) >= 0).all()
    assert 36 < areas[3] < 100
    centres = [np.argwhere(part).mean() for part in found[1:8]]
    assert (np.diff(centres) > 0).all()


def test_a_slice_that_is_annotated_as_empty_ends_the_interpolation() -> None:
    mask = np.zeros((7, 5, 5), bool)
    mask[[0, 6], 1:4, 1:4] = True
    annotated = mask.copy()
    annotated[3] = True
    assert np.array_equal(FillBetween(0)(piece(mask, annotated=annotated)), mask)


def test_a_predicted_slice_between_annotated_slices_is_replaced() -> None:
    annotated = np.zeros((3, 8, 8), bool)
    annotated[[0, 2], 2:6, 2:6] = True
    mask = annotated.copy()
    mask[1, 7, 7] = True  # predicted
    assert np.array_equal(FillBetween(0)(piece(mask, annotated=annotated))[1], annotated[0])


def test_a_slice_is_copied_beside_the_class_there() -> None:
    mask = np.zeros((4, 4, 5), bool)
    mask[1, 1, 1] = mask[2, 2, 2] = True
    found = CopySlice(2, 11, 12)(piece(mask, start=(0, 0, 10)))
    assert np.argwhere(found).tolist() == [[1, 1, 1], [1, 1, 2], [2, 2, 2]]
