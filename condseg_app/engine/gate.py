"""The coarse pass: a class is looked for in few windows, and asked for elsewhere only about where it was found."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Block, Region, as_level
from condseg_app.engine.scope import meet

SMALLEST = 10.0
"""Millimetres: what is smaller than this along every axis may lie between the windows of the coarse pass."""

# A mask begins here, see `data.levels`: what is less certain leaves nothing in the result.
_FOUND = as_level(0.5)


class Gate:
    """Where classes were found in the coarse pass.

    Args:
        reach: voxels of the image (I, J, K) around what was found in which a class may go on.
    """

    def __init__(self, reach: Sequence[int]) -> None:
        self._reach = reach
        self._found: dict[str, list[Region]] = {}

    def look(self, block: Block) -> None:
        """Note where a block of the coarse pass shows its classes."""
        for name, levels in block.probabilities.items():
            inside = _extent(levels >= _FOUND)
            if inside is not None:
                i, j, k = (
                    slice(whole.start + part.start - reach, whole.start + part.stop + reach)
                    for whole, part, reach in zip(block.region, inside, self._reach, strict=True)
                )
                self._found.setdefault(name, []).append((i, j, k))

    def among(self, classes: Sequence[str], region: Region) -> list[str]:
        """The classes that may be in a region."""
        return [name for name in classes if any(meet(found, region) for found in self._found.get(name, ()))]


def _extent(mask: NDArray[np.bool_]) -> Region | None:
    """The smallest region that holds all of a mask."""
    ranges = []
    for axis in range(3):
        held = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        if len(held) == 0:
            return None
        ranges.append(slice(int(held[0]), int(held[-1]) + 1))
    return ranges[0], ranges[1], ranges[2]
