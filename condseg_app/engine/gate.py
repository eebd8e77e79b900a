"""The coarse pass: a class is looked for in few windows, and asked for elsewhere only about where it was found."""

from collections.abc import Sequence

from condseg_app.data import Block, Region, as_level, extent_of
from condseg_app.engine.scope import meet

SMALLEST = 10.0
"""Millimetres: what is smaller than this along every axis may lie between the windows of the coarse pass."""

# Where a mask begins, by the usual threshold: what is less certain leaves nothing in a mask of that threshold.
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
            inside = extent_of(levels >= _FOUND)
            if inside is not None:
                i, j, k = (
                    slice(whole.start + part.start - reach, whole.start + part.stop + reach)
                    for whole, part, reach in zip(block.region, inside, self._reach, strict=True)
                )
                self._found.setdefault(name, []).append((i, j, k))

    def among(self, classes: Sequence[str], region: Region) -> list[str]:
        """The classes that may be in a region."""
        return [name for name in classes if any(meet(found, region) for found in self._found.get(name, ()))]
