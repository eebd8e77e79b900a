import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from condseg_app.data import Region
from condseg_app.data.regions import whole
from condseg_app.io.voxels import boxes as voxel_file
from condseg_app.io.voxels.boxes import VoxelGrid, read_box, write_box
from condseg_app.io.voxels.regions import box_of, slabs

SHAPE = (7, 5, 4)
VOXELS = np.arange(140, dtype=">i2").reshape(SHAPE)
HEAD = b"header."


@st.composite
def boxes(draw: st.DrawFn, shape: tuple[int, ...] = SHAPE) -> Region:
    ends = [sorted(draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for n in shape]
    i, j, k = (slice(start, stop) for start, stop in ends)
    return i, j, k


@given(box=boxes(), span=st.sampled_from([1, 20, 1 << 16]))
def test_a_box_is_what_numpy_finds_there(box: Region, span: int) -> None:
    grid = VoxelGrid(SHAPE, VOXELS.dtype, len(HEAD))
    file = io.BytesIO(HEAD + VOXELS.tobytes(order="F") + b"behind")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(voxel_file, "_SPAN", span)
        found = read_box(file, grid, box)
    assert found.dtype == VOXELS.dtype
    assert np.array_equal(found, VOXELS[box])


@given(written=st.lists(boxes(), max_size=6))
def test_boxes_are_written_to_their_places_and_nowhere_else(written: list[Region]) -> None:
    grid = VoxelGrid(SHAPE, np.dtype(">i2"), len(HEAD))
    file = io.BytesIO(HEAD + bytes(grid.end - len(HEAD)) + b"behind")
    expected = np.zeros(SHAPE, np.int16)
    for n, box in enumerate(written):
        expected[box] = VOXELS[box] + n
        write_box(file, grid, box, expected[box])
    assert file.getvalue() == HEAD + expected.astype(">i2").tobytes(order="F") + b"behind"


def test_a_file_that_ends_too_early_is_noticed() -> None:
    grid = VoxelGrid(SHAPE, VOXELS.dtype, 0)
    file = io.BytesIO(VOXELS.tobytes(order="F")[:-1])
    assert read_box(file, grid, (slice(0, 7), slice(0, 5), slice(0, 3))).shape == (7, 5, 3)
    for box in (whole(SHAPE), (slice(2, 7), slice(2, 5), slice(3, 4)), (slice(6, 7), slice(4, 5), slice(3, 4))):
        with pytest.raises(EOFError):
            read_box(file, grid, box)


class Counting:
    """Counts the bytes that are asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def seek(self, position: int, /) -> int:
        return position

    def readinto(self, room: memoryview, /) -> int:
        self.asked += len(room)
        return len(room)


@pytest.mark.parametrize("width", [64, 300_000])
def test_no_more_is_read_of_long_rows_than_what_is_asked_for(width: int) -> None:
    grid, file = VoxelGrid((300_000, 50, 50), np.dtype(np.uint8), 0), Counting()
    found = read_box(file, grid, (slice(0, width), slice(0, 20), slice(4, 14)))
    assert file.asked == found.size == width * 20 * 10


@given(index=hnp.basic_indices((2, *SHAPE), allow_newaxis=True))
def test_any_index_is_a_box_and_what_is_taken_from_it(index: Any) -> None:
    array = np.arange(280).reshape(2, *SHAPE)
    box, rest = box_of(index, array.shape)
    assert all(
        0 <= part.start <= part.stop <= n and part.step is None for part, n in zip(box, array.shape, strict=True)
    )
    assert np.array_equal(array[box][rest], array[index])


@pytest.mark.parametrize("index", [([0, 1], slice(None)), np.ones((2, *SHAPE), np.bool_), True, ([1, 0], ..., 2)])
def test_arrays_and_masks_are_taken_from_the_whole(index: Any) -> None:
    array = np.arange(280).reshape(2, *SHAPE)
    box, rest = box_of(index, array.shape)
    assert np.array_equal(array[box][rest], array[index])


@pytest.mark.parametrize("index", [(0, 0, 0, 0, 0), (2,), (0, -8), (..., ...)])
def test_an_index_out_of_the_array_is_numpys_own_error(index: Any) -> None:
    with pytest.raises(IndexError):
        box_of(index, (2, *SHAPE))


def test_slabs_cover_the_array(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("condseg_app.io.voxels.regions._SLAB_BYTES", 2 * 7 * 5 * 8 * 3)
    array = np.arange(280, dtype=np.int64).reshape(2, *SHAPE)
    parts = list(slabs(array))
    assert [where for where, _ in parts] == [slice(0, 3), slice(3, 4)]
    assert np.array_equal(np.concatenate([part for _, part in parts], axis=-1), array)
