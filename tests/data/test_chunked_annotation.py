"""An annotation that is edited box by box says and counts what whole arrays would."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import EVERYWHERE, ChunkedAnnotation, Region
from condseg_app.data.chunked_annotation import PRESENT, UNDECIDED
from condseg_app.errors import GeometryError

SHAPE = (70, 33, 5)


@st.composite
def boxes(draw: st.DrawFn) -> Region:
    ends = [sorted(draw(st.tuples(st.integers(0, n - 1), st.integers(1, n)))) for n in SHAPE]
    i, j, k = (slice(min(a, b - 1), b) for a, b in ends)
    return i, j, k


def is_present(annotation: ChunkedAnnotation) -> Callable[[Region], NDArray[np.bool_]]:
    return lambda part: np.asarray(annotation.read(part) == PRESENT)


@given(st.lists(st.tuples(boxes(), st.sampled_from(["mixed", "same", "complete"])), max_size=6), st.integers(0, 999))
def test_edits_say_and_count_what_arrays_would(edits: list[tuple[Region, str]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    annotation, plain = ChunkedAnnotation.empty(SHAPE), np.zeros(SHAPE, np.uint8)
    kept = [(annotation, plain.copy())]
    for box, kind in edits:
        if kind == "complete":
            annotation = annotation.completed(box, is_present(annotation), lambda _: False)
            plain[box] = np.maximum(plain[box], 1)
        else:
            values = rng.integers(0, 3, plain[box].shape if kind == "mixed" else (1, 1, 1), dtype=np.uint8)
            plain[box] = values
            annotation = annotation.edited(box, plain[box])
        kept.append((annotation, plain.copy()))
    for earlier, expected in kept:  # none was changed by what came later
        np.testing.assert_array_equal(earlier.read(EVERYWHERE), expected)
        np.testing.assert_array_equal(earlier.mask, expected == PRESENT)
        np.testing.assert_array_equal(earlier.dense("y").supervised, expected != UNDECIDED)
        assert (earlier.decided, earlier.present) == ((expected != UNDECIDED).sum(), (expected == PRESENT).sum())
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            assert earlier.decided_on[axis].tolist() == (expected != UNDECIDED).sum(axis=others).tolist()
            assert earlier.present_on[axis].tolist() == (expected == PRESENT).sum(axis=others).tolist()
        assert annotation.says_as(earlier) == np.array_equal(plain, expected)
        unchanged = np.ones(SHAPE, bool)
        for part in annotation.changes_from(earlier):
            unchanged[part] = False
        assert np.array_equal(plain[unchanged], expected[unchanged])


def test_what_an_edit_did_not_touch_is_shared() -> None:
    large = ChunkedAnnotation.of(np.random.default_rng(0).random((256, 256, 8)) < 0.5, np.ones((256, 256, 8), bool))
    small = large.edited((slice(0, 3), slice(0, 3), slice(0, 1)), np.zeros((3, 3, 1), np.uint8))
    assert large.bytes_beside(None) == 256 * 256 * 8
    assert small.bytes_beside(large) == 32 * 32 * 8


def test_a_complete_volume_takes_no_memory_where_the_class_is_not() -> None:
    annotation = ChunkedAnnotation.empty((512, 512, 64)).completed(
        EVERYWHERE, lambda _: pytest.fail("it was looked at"), lambda _: False
    )
    assert annotation.decided == 512 * 512 * 64
    assert annotation.bytes_beside(None) == 0
    assert annotation.state == "absent"


def test_arrays_of_two_shapes_are_refused() -> None:
    with pytest.raises(GeometryError):
        ChunkedAnnotation.of(np.ones((2, 2, 2), bool), np.ones((2, 2, 3), bool))
