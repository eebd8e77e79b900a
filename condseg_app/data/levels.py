"""Probabilities of many classes, kept only where each class is."""

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.geometry import Shape

Region = tuple[slice, slice, slice]

_CHUNK = 64
_NOT_THERE = 3
"""Where no level of a chunk reaches this (1 %), the class is not there, and the chunk counts as 0."""


class Levels(Mapping[str, NDArray[np.uint8]]):
    """Class name -> (I, J, K) uint8 levels, 255 for certainty, kept in the chunks of the grid where the class is.

    Looking a class up makes a new, whole array, so memory holds one of those at a time and not one for each class.
    What is kept does not depend on the order in which blocks were pasted.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._chunks: dict[str, dict[Shape, NDArray[np.uint8]]] = {}

    def __getitem__(self, name: str) -> NDArray[np.uint8]:
        whole = np.zeros(self.shape, np.uint8)
        for place, chunk in self._chunks[name].items():
            if chunk.max() >= _NOT_THERE:
                i, j, k = (slice(n * _CHUNK, (n + 1) * _CHUNK) for n in place)
                whole[i, j, k] = chunk
        return whole

    def __iter__(self) -> Iterator[str]:
        return iter(self._chunks)

    def __len__(self) -> int:
        return len(self._chunks)

    def put(self, name: str, levels: NDArray[np.uint8]) -> None:
        """Keep a class's levels on all of the grid."""
        i, j, k = (slice(0, n) for n in self.shape)
        self.paste(name, (i, j, k), levels)

    def paste(self, name: str, region: Region, levels: NDArray[np.uint8]) -> None:
        """Put a block into its place; what was there before is gone."""
        chunks = self._chunks.setdefault(name, {})
        starts = [part.start for part in region]
        touched = [range(part.start // _CHUNK, (part.stop - 1) // _CHUNK + 1) for part in region]
        for i, j, k in product(*touched):
            inside, beside = zip(*map(_meeting, (i, j, k), region, starts), strict=True)
            piece = levels[beside]
            if (i, j, k) not in chunks and piece.max() < _NOT_THERE:
                continue
            chunk = chunks.setdefault((i, j, k), self._empty((i, j, k)))
            chunk[inside] = piece

    @property
    def nbytes(self) -> int:
        """How much memory the chunks take."""
        return sum(chunk.nbytes for chunks in self._chunks.values() for chunk in chunks.values())

    def _empty(self, place: Shape) -> NDArray[np.uint8]:
        i, j, k = (min(_CHUNK, n - _CHUNK * at) for at, n in zip(place, self.shape, strict=True))
        return np.zeros((i, j, k), np.uint8)


def _meeting(place: int, part: slice, start: int) -> tuple[slice, slice]:
    """Where a chunk and a region meet along an axis: in the chunk, and in the region's block."""
    first, last = max(place * _CHUNK, part.start), min((place + 1) * _CHUNK, part.stop)
    return slice(first - place * _CHUNK, last - place * _CHUNK), slice(first - start, last - start)
