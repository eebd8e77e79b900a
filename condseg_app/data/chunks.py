"""A grid cut into cubes, so that a part can be read, written and kept at that part's cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.geometry import Shape
from condseg_app.data.regions import Region


@dataclass(frozen=True)
class ChunkGrid:
    """The chunks of a grid.

    Attributes:
        shape: (I, J, K) of the grid.
        size: voxels along each edge of a chunk; those at the grid's ends are shorter.
    """

    shape: Shape
    size: int

    def bounds(self, region: Region) -> list[tuple[int, int]]:
        """First and last voxel (exclusive) of a region along each axis."""
        return [part.indices(n)[:2] for part, n in zip(region, self.shape, strict=True)]

    def shape_of(self, region: Region) -> Shape:
        """(i, j, k) of a region."""
        i, j, k = (max(0, stop - start) for start, stop in self.bounds(region))
        return i, j, k

    def touched(self, region: Region) -> Iterator[Shape]:
        """Places of the chunks that share a voxel with a region."""
        i, j, k = (range(start // self.size, -(-stop // self.size)) for start, stop in self.bounds(region))
        return product(i, j, k)

    def meetings(self, region: Region) -> Iterator[tuple[Shape, Region, Region]]:
        """The chunks that a region touches, each with the overlap inside the chunk and inside the region's block."""
        along = []
        for start, stop in self.bounds(region):
            touched = range(start // self.size, -(-stop // self.size))
            along.append([(at, *self._meeting(at, start, stop)) for at in touched])
        for i, j, k in product(*along):
            yield (i[0], j[0], k[0]), (i[1], j[1], k[1]), (i[2], j[2], k[2])

    def chunk_shape(self, place: Shape) -> Shape:
        """(i, j, k) of a chunk."""
        size, (i, j, k), (last_i, last_j, last_k) = self.size, place, self.shape
        return min(size, last_i - size * i), min(size, last_j - size * j), min(size, last_k - size * k)

    def region_of(self, place: Shape) -> Region:
        """Region of a chunk."""
        i, j, k = (
            slice(at * self.size, at * self.size + n) for at, n in zip(place, self.chunk_shape(place), strict=True)
        )
        return i, j, k

    def _meeting(self, place: int, start: int, stop: int) -> tuple[slice, slice]:
        """Overlap of a chunk and a region along an axis: in the chunk, and in the region's block."""
        origin = place * self.size
        first, last = max(origin, start), min(origin + self.size, stop)
        return slice(first - origin, last - origin), slice(first - start, last - start)


def compact(chunk: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The chunk; a read-only chunk without memory of its own if all voxels are equal."""
    first = chunk[0, 0, 0]
    alike = first == chunk[-1, -1, -1] and bool((chunk == first).all())
    return uniform(chunk.shape, int(first)) if alike else chunk


@cache
def uniform(shape: tuple[int, ...], value: int) -> NDArray[np.uint8]:
    """A read-only chunk of equal voxels, which takes no memory."""
    return np.broadcast_to(np.uint8(value), shape)


def is_uniform(chunk: NDArray[np.uint8]) -> bool:
    """Whether a chunk was made by `uniform`."""
    return not any(chunk.strides)


def bytes_of(chunk: NDArray[np.uint8]) -> int:
    """Memory of a chunk, in bytes."""
    return 0 if is_uniform(chunk) else chunk.nbytes
