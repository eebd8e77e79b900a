"""Consecutive voxels in a file, read and written box by box.

By file and not by memory map: a map of a large file needs its whole size in addresses, which a limited process
does not have, and ends the process when the file becomes shorter or its disk goes away.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Region, Shape
from condseg_app.data.regions import size

# Rows this near to each other are read together with the gap between: fewer and longer reads.
_SPAN = 1 << 16


class Readable(Protocol):
    """A file opened for reading bytes."""

    def readinto(self, room: Any, /) -> int | None:
        """Fill an array with the next bytes; returns their number."""

    def seek(self, position: int, /) -> int:
        """Go to a position in bytes, and return the position."""


@dataclass(frozen=True)
class VoxelGrid:
    """Position of voxels (I, J, K) in a file, I fastest.

    Attributes:
        shape: of the grid.
        dtype: of the stored voxels.
        offset: of the first voxel, in bytes.
    """

    shape: Shape
    dtype: np.dtype[np.generic]
    offset: int

    @property
    def end(self) -> int:
        """The offset behind the last voxel."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize


def read_box(file: Readable, grid: VoxelGrid, box: Region) -> NDArray[np.generic]:
    """The stored voxels of a box; little more than these bytes is read.

    Raises:
        EOFError: the file ends before the box does.
    """
    shape = size(box)
    room = np.empty(math.prod(shape) * grid.dtype.itemsize, np.uint8)
    filled = 0
    for position, length, count, step in _runs(grid, box):
        together = max(1, _SPAN // step)
        for first in range(0, count, together):
            rows = min(together, count - first)
            place = room[filled : filled + rows * length].reshape(rows, length)
            _read_rows(file, position + first * step, step, place)
            filled += place.size
    return room.view(grid.dtype).reshape(shape, order="F")


def write_box(file: BinaryIO, grid: VoxelGrid, box: Region, values: NDArray[np.generic]) -> None:
    """Write a box's voxels, (I, J, K) of the grid's type, into their places."""
    content = np.asarray(values, grid.dtype).tobytes(order="F")
    written = 0
    for position, length, count, step in _runs(grid, box):
        for row in range(count):
            file.seek(position + row * step)
            file.write(content[written : written + length])
            written += length


def fill(file: Readable, room: NDArray[np.uint8]) -> int:
    """Read until the room is full or the file ends; returns how many bytes there were."""
    filled = 0
    while filled < room.size:
        count = file.readinto(room[filled : filled + (1 << 22)].data)
        if not count:
            break
        filled += count
    return filled


def _read_rows(file: Readable, position: int, step: int, place: NDArray[np.uint8]) -> None:
    """Rows (count, length) that begin `step` bytes apart."""
    count, length = place.shape
    span = place.reshape(-1) if count == 1 else np.empty((count - 1) * step + length, np.uint8)
    file.seek(position)
    if fill(file, span) < span.size:
        raise EOFError
    if count > 1:
        place[...] = np.lib.stride_tricks.as_strided(span, place.shape, (step, 1))


def _runs(grid: VoxelGrid, box: Region) -> Iterator[tuple[int, int, int, int]]:
    """The box's bytes in the file's order: position, length, how often, and how far apart the repetitions are."""
    (i, j, k), (width, height, depth) = box, size(box)
    row = grid.shape[0] * grid.dtype.itemsize
    plane = row * grid.shape[1]
    start = grid.offset + k.start * plane + j.start * row + i.start * grid.dtype.itemsize
    length = width * grid.dtype.itemsize
    if not width * height * depth:
        return
    if (width, height) == grid.shape[:2]:
        yield start, depth * plane, 1, depth * plane
        return
    for position in range(start, start + depth * plane, plane):
        if width == grid.shape[0]:
            yield position, height * row, 1, height * row
        else:
            yield position, length, height, row
