"""What is kept of many classes equals what was pasted, but for what is nearly nothing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import EVERYWHERE, ClassLevels, Levels, Shape, level_counts

Box = tuple[slice, slice, slice]


@st.composite
def grid_and_boxes(draw: st.DrawFn) -> tuple[Shape, list[Box]]:
    shape = draw(st.tuples(st.integers(1, 150), st.integers(1, 70), st.integers(1, 66)))
    boxes = []
    for _ in range(draw(st.integers(1, 4))):
        ends = [sorted(draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True))) for n in shape]
        i, j, k = (slice(a, b) for a, b in ends)
        boxes.append((i, j, k))
    return shape, boxes


@given(grid_and_boxes(), st.integers(0, 2**32 - 1))
def test_blocks_come_back_where_they_were_put(case: tuple[Shape, list[Box]], seed: int) -> None:
    shape, boxes = case
    rng = np.random.default_rng(seed)
    expected, levels = np.zeros(shape, np.uint8), Levels(shape)
    for box in boxes:
        block = rng.integers(3, 256, expected[box].shape, dtype=np.uint8)
        if rng.integers(0, 2):
            block[...] = 10  # as far from a class, where a chunk of one level is kept as that level
        expected[box] = block
        levels.paste("liver", box, block)
    assert list(levels) == ["liver"]
    np.testing.assert_array_equal(levels["liver"], expected)


@given(grid_and_boxes(), st.integers(0, 2**32 - 1))
def test_a_part_is_read_as_it_is_in_the_whole(case: tuple[Shape, list[Box]], seed: int) -> None:
    shape, boxes = case
    rng = np.random.default_rng(seed)
    levels, whole = ClassLevels(shape), np.zeros(shape, np.uint8)
    for box in boxes[::2]:
        block = rng.integers(0, 256, whole[box].shape, dtype=np.uint8) * np.uint8(rng.integers(0, 2))
        levels.paste(box, block)
        whole[box] = np.where(block < 3, 0, block)
    chunked = np.zeros(shape, np.uint8)
    for region, chunk in levels.chunks():
        chunked[region] = chunk
    np.testing.assert_array_equal(chunked, whole)
    for box in boxes:
        part = levels.read(box)
        np.testing.assert_array_equal(part, whole[box])
        assert levels.may_be_in(box) or not part.any()
        for level in (3, 128, 255):
            assert levels.may_be_in(box, level) or (part < level).all()
        part[...] = 77
    np.testing.assert_array_equal(levels.whole(), whole, "what is read is the reader's own")


def test_where_all_levels_are_alike_they_take_no_memory() -> None:
    levels, chunk = ClassLevels((200, 130, 66)), 64**3
    for start in range(0, 200, 40):  # no block is a chunk
        levels.paste((slice(start, start + 40), slice(None), slice(None)), np.full((40, 130, 66), 10, np.uint8))
    assert levels.nbytes == 0
    assert levels.reaching(10) == 200 * 130 * 66
    levels.paste((slice(70, 80), slice(70, 80), slice(10, 20)), np.full((10, 10, 10), 200, np.uint8))
    assert levels.nbytes == chunk
    assert levels.whole().sum(dtype=np.int64) == 10 * 200 * 130 * 66 + 190 * 1000
    copied = levels.copy()
    copied.paste((slice(0, 1), slice(0, 1), slice(0, 1)), np.full((1, 1, 1), 255, np.uint8))
    assert (levels.nbytes, copied.nbytes, int(levels.whole()[0, 0, 0])) == (chunk, 2 * chunk, 10)


def test_a_reader_in_another_thread_is_not_disturbed() -> None:
    levels = ClassLevels((200, 200, 10))
    levels.paste((slice(0, 10), slice(0, 10), slice(0, 10)), np.full((10, 10, 10), 9, np.uint8))
    found = levels.chunks()
    next(found)
    levels.paste((slice(100, 150), slice(100, 150), slice(0, 10)), np.full((50, 50, 10), 9, np.uint8))
    assert list(found) == []


def test_a_class_that_is_in_one_place_takes_memory_for_that_place() -> None:
    shape = (256, 256, 128)
    levels, block = Levels(shape), np.ones(shape, np.uint8)
    block[10:20, 70:80, 100:110] = 200
    levels.put("spleen", block)
    assert levels.nbytes == 64**3
    assert levels["spleen"][15, 75, 105] == 200
    assert levels["spleen"][200, 200, 0] == 0


def test_what_is_kept_does_not_depend_on_what_was_there_in_between() -> None:
    shape = (64, 64, 64)
    faint: NDArray[np.uint8] = np.full(shape, 2, np.uint8)
    once, twice = Levels(shape), Levels(shape)
    once.put("liver", faint)
    twice.put("liver", faint + np.uint8(100))
    twice.put("liver", faint)
    np.testing.assert_array_equal(once["liver"], twice["liver"])
    assert len(once) == 1
    assert "liver" in once


def test_the_order_of_blocks_is_of_no_account_to_what_is_nearly_nothing() -> None:
    upper, lower = (slice(0, 32), slice(0, 64), slice(0, 64)), (slice(32, 64), slice(0, 64), slice(0, 64))
    faint, clear = np.full((32, 64, 64), 2, np.uint8), np.full((32, 64, 64), 200, np.uint8)
    one, other = ClassLevels((64, 64, 64)), ClassLevels((64, 64, 64))
    for levels, blocks in ((one, [(upper, faint), (lower, clear)]), (other, [(lower, clear), (upper, faint)])):
        for region, block in blocks:
            levels.paste(region, block)
    np.testing.assert_array_equal(one.whole(), other.whole())


def test_a_class_that_is_only_faint_in_a_place_does_not_reach_the_threshold_there() -> None:
    levels, faint = ClassLevels((128, 64, 64)), np.full((128, 64, 64), 10, np.uint8)
    faint[100, 3, 3] = 200
    levels.paste(EVERYWHERE, faint)
    left, right = (slice(0, 64), *EVERYWHERE[1:]), (slice(64, 128), *EVERYWHERE[1:])
    assert levels.may_be_in(left)
    assert not levels.may_be_in(left, 128)
    assert levels.may_be_in(right, 128)
    copied = levels.copy()
    levels.paste(right, np.full((64, 64, 64), 10, np.uint8))  # as when a lesson's preview comes again
    assert not levels.may_be_in(right, 128)
    assert copied.may_be_in(right, 128)


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.integers(0, 255))
def test_levels_are_counted_as_numpy_counts_them(seed: int, part: float, most: int) -> None:
    rng = np.random.default_rng(seed)
    levels = np.where(rng.random((9, 4, 5)) < part, most, rng.integers(0, 256, (9, 4, 5))).astype(np.uint8)
    for view in (levels, levels[::2, 1:3], levels[:0]):
        np.testing.assert_array_equal(level_counts(view), np.bincount(view.ravel(), minlength=256))
