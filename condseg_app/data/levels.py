"""Probabilities of many classes, kept only where each class is."""

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.geometry import Shape

Region = tuple[slice, slice, slice]

_CHUNK = 64
_NOT_THERE = 3
"""Where its level does not reach this (1 %), a class is not there, and the level counts as 0."""


class ClassLevels:
    """One class's (I, J, K) uint8 levels, 255 for certainty, kept in the chunks of the grid where the class is.

    What is read does not depend on the order in which blocks were pasted. One thread may paste while others read.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._chunks: Mapping[Shape, NDArray[np.uint8]] = {}

    def copy(self) -> "ClassLevels":
        """The same levels, to be pasted into without the ones here changing."""
        copied = ClassLevels(self.shape)
        copied._chunks = {place: chunk.copy() for place, chunk in self._chunks.items()}
        return copied

    def paste(self, region: Region, levels: NDArray[np.uint8]) -> None:
        """Put a block into its place; what was there before is gone."""
        kept = levels * (levels >= _NOT_THERE)
        new: dict[Shape, NDArray[np.uint8]] = {}
        for place, inside, beside in self._meetings(region):
            piece, chunk = kept[beside], self._chunks.get(place)
            if chunk is not None:
                chunk[inside] = piece
            elif piece.any():
                new[place] = self._empty(place)
                new[place][inside] = piece
        if new:  # another dictionary: whoever goes through the old one is not disturbed
            self._chunks = {**self._chunks, **new}

    def read(self, region: Region) -> NDArray[np.uint8]:
        """The levels in a region: a new array, at the cost of the region alone."""
        found = np.zeros([stop - start for start, stop in self._bounds(region)], np.uint8)
        chunks = self._chunks
        for place, inside, beside in self._meetings(region):
            if place in chunks:
                found[beside] = chunks[place][inside]
        return found

    def whole(self) -> NDArray[np.uint8]:
        """The levels everywhere: a new array."""
        return self.read((slice(None), slice(None), slice(None)))

    def chunks(self) -> Iterator[tuple[Region, NDArray[np.uint8]]]:
        """Where the class may be, and its levels there; everywhere else they are 0."""
        for place, chunk in self._chunks.items():
            i, j, k = (slice(at * _CHUNK, at * _CHUNK + n) for at, n in zip(place, chunk.shape, strict=True))
            yield (i, j, k), chunk

    def may_be_in(self, region: Region) -> bool:
        """Whether a region shares a chunk with the class; it is not there if not."""
        chunks = self._chunks
        return any(place in chunks for place in product(*self._touched(region)))

    @property
    def nbytes(self) -> int:
        """How much memory the chunks take."""
        return sum(chunk.nbytes for chunk in self._chunks.values())

    def _bounds(self, region: Region) -> list[tuple[int, int]]:
        return [part.indices(n)[:2] for part, n in zip(region, self.shape, strict=True)]

    def _touched(self, region: Region) -> list[range]:
        return [range(start // _CHUNK, -(-stop // _CHUNK)) for start, stop in self._bounds(region)]

    def _meetings(self, region: Region) -> Iterator[tuple[Shape, Region, Region]]:
        """The chunks that a region touches: which, where they meet in the chunk, and where in the region's block."""
        bounds = self._bounds(region)
        along = [
            [(at, *_meeting(at, *ends)) for at in touched]
            for touched, ends in zip(self._touched(region), bounds, strict=True)
        ]
        for i, j, k in product(*along):
            yield (i[0], j[0], k[0]), (i[1], j[1], k[1]), (i[2], j[2], k[2])

    def _empty(self, place: Shape) -> NDArray[np.uint8]:
        i, j, k = (min(_CHUNK, n - _CHUNK * at) for at, n in zip(place, self.shape, strict=True))
        return np.zeros((i, j, k), np.uint8)


class Levels(Mapping[str, NDArray[np.uint8]]):
    """Class name -> (I, J, K) uint8 levels, each kept as `ClassLevels`.

    Looking a class up makes a new, whole array, so memory holds one of those at a time and not one for each class.

    Args:
        shape: (I, J, K).
        classes: what there is already; it is not copied.
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
        self.paste(name, (slice(None), slice(None), slice(None)), levels)

    def paste(self, name: str, region: Region, levels: NDArray[np.uint8]) -> None:
        """Put a block into its place; what was there before is gone."""
        self._classes.setdefault(name, ClassLevels(self.shape)).paste(region, levels)

    def paste_all(self, region: Region, found: Mapping[str, NDArray[np.uint8]]) -> None:
        """Put blocks of some classes into their place."""
        for name, levels in found.items():
            self.paste(name, region, levels)

    @property
    def nbytes(self) -> int:
        """How much memory the chunks take."""
        return sum(levels.nbytes for levels in self._classes.values())


def extent_of(mask: NDArray[np.bool_]) -> Region | None:
    """The smallest region that holds all of a mask (I, J, K); None if it is empty."""
    ranges = []
    for axis in range(3):
        held = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        if len(held) == 0:
            return None
        ranges.append(slice(int(held[0]), int(held[-1]) + 1))
    return ranges[0], ranges[1], ranges[2]


def _meeting(place: int, start: int, stop: int) -> tuple[slice, slice]:
    """Where a chunk and a region meet along an axis: in the chunk, and in the region's block."""
    first, last = max(place * _CHUNK, start), min((place + 1) * _CHUNK, stop)
    return slice(first - place * _CHUNK, last - place * _CHUNK), slice(first - start, last - start)
