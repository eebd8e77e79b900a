"""Probabilities of many classes, kept only where each class is."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.chunks import ChunkGrid, bytes_of, compact, is_uniform
from condseg_app.data.geometry import Shape
from condseg_app.data.regions import EVERYWHERE, Region, around, first_of, placed

_CHUNK = 64
_STEPS = 256
_NOT_THERE = 3
"""Smallest level (1 %) at which a class counts as present; lower levels become 0."""


class ClassLevels:
    """A class's (I, J, K) uint8 levels, 255 for certainty, kept in the chunks of the grid where the class is.

    Chunks with the same level everywhere take no memory.

    The result does not depend on the order of pasted blocks. A single thread may paste while others read.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._grid = ChunkGrid(shape, _CHUNK)
        self._chunks: Mapping[Shape, NDArray[np.uint8]] = {}
        self._highest: dict[Shape, int] = {}
        self._counts = np.zeros(_STEPS, np.int64)

    def copy(self) -> "ClassLevels":
        """A copy, for pasting without a change of the original."""
        copied = ClassLevels(self.shape)
        copied._chunks = {place: chunk if is_uniform(chunk) else chunk.copy() for place, chunk in self._chunks.items()}
        copied._highest, copied._counts = dict(self._highest), self._counts.copy()
        return copied

    def paste(self, region: Region, levels: NDArray[np.uint8]) -> None:
        """Put a block into place; earlier levels there are replaced."""
        kept = levels * (levels >= _NOT_THERE)
        new: dict[Shape, NDArray[np.uint8]] = {}
        for place, inside, beside in self._grid.meetings(region):
            piece, chunk = kept[beside], self._chunks.get(place)
            if chunk is None and not piece.any():
                continue
            self._counts += level_counts(piece)
            if chunk is None:
                chunk = np.zeros(self._grid.chunk_shape(place), np.uint8)
            else:
                self._counts -= level_counts(chunk[inside])
            if is_uniform(chunk):
                chunk = chunk.copy()
            chunk[inside] = piece
            new[place] = compact(chunk)
            self._highest[place] = int(new[place].max())
        if new:  # a new dictionary, so that other threads can finish iterating over the old dictionary
            self._chunks = {**self._chunks, **new}

    def read(self, region: Region) -> NDArray[np.uint8]:
        """The levels in a region: a new array, at the cost of the region alone."""
        found = np.zeros(self._grid.shape_of(region), np.uint8)
        chunks = self._chunks
        for place, inside, beside in self._grid.meetings(region):
            if place in chunks:
                found[beside] = chunks[place][inside]
        return found

    def whole(self) -> NDArray[np.uint8]:
        """The levels everywhere: a new array."""
        return self.read(EVERYWHERE)

    def chunks(self) -> Iterator[tuple[Region, NDArray[np.uint8]]]:
        """Regions where the class may be, with the levels; all other levels are 0."""
        for place, chunk in self._chunks.items():
            yield self._grid.region_of(place), chunk

    def may_be_in(self, region: Region, level: int = 1) -> bool:
        """Whether a region shares a chunk with voxels of at least a level; otherwise it has none."""
        highest = self._highest
        return any(highest.get(place, 0) >= level for place in self._grid.touched(region))

    def extent(self, level: int) -> Region | None:
        """The smallest region around all voxels of at least a level; None without such voxels."""
        highest = self._highest
        places = [(place, chunk) for place, chunk in self._chunks.items() if highest.get(place, 0) >= level]
        found = ((self._grid.region_of(place), extent_of(chunk >= level)) for place, chunk in places)
        return around(placed(inside, first_of(region)) for region, inside in found if inside is not None)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of voxels at each level of 1 to 255, a new array; what it says of level 0 is without meaning."""
        return self._counts.copy()

    def reaching(self, level: int) -> int:
        """Number of voxels with at least a level of 1 to 255, from running counts."""
        return int(self._counts[level:].sum())

    @property
    def nbytes(self) -> int:
        """Memory of the chunks, in bytes."""
        return sum(bytes_of(chunk) for chunk in self._chunks.values())


def level_counts(levels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Number of voxels at each level of 0 to 255."""
    if levels.size == 0:
        return np.zeros(_STEPS, np.int64)
    most = levels.flat[levels.size // 2]  # mostly one level, and to count all the others takes long
    others = levels[levels != most]
    counts = np.bincount(others, minlength=_STEPS)
    counts[most] = levels.size - others.size
    return counts


class Levels(Mapping[str, NDArray[np.uint8]]):
    """Class name -> (I, J, K) uint8 levels, each kept as `ClassLevels`.

    Looking up a class makes a new, whole array, so memory holds a single such array and not an array for each class.

    Args:
        shape: (I, J, K).
        classes: existing levels; not copied.
    """

    def __init__(self, shape: Shape, classes: Mapping[str, ClassLevels] | None = None) -> None:
        self.shape = shape
        self._classes = dict(classes or {})

    def __getitem__(self, name: str) -> NDArray[np.uint8]:
        return self._classes[name].whole()

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def put(self, name: str, levels: NDArray[np.uint8]) -> None:
        """Keep a class's levels on all of the grid."""
        self.paste(name, EVERYWHERE, levels)

    def paste(self, name: str, region: Region, levels: NDArray[np.uint8]) -> None:
        """Put a block into place; earlier levels there are replaced."""
        self._classes.setdefault(name, ClassLevels(self.shape)).paste(region, levels)

    def paste_all(self, region: Region, found: Mapping[str, NDArray[np.uint8]]) -> None:
        """Put blocks of some classes into their place."""
        for name, levels in found.items():
            self.paste(name, region, levels)

    @property
    def nbytes(self) -> int:
        """Memory of the chunks, in bytes."""
        return sum(levels.nbytes for levels in self._classes.values())


def extent_of(mask: NDArray[np.bool_]) -> Region | None:
    """The smallest region around all of a mask (I, J, K); None for an empty mask."""
    ranges = []
    for axis in range(3):
        held = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        if len(held) == 0:
            return None
        ranges.append(slice(int(held[0]), int(held[-1]) + 1))
    return ranges[0], ranges[1], ranges[2]
