"""Coarse pass: a class is searched in few windows, then predicted only around its places."""

from collections.abc import Sequence

from condseg_app.data import Geometry, Region, millimetres
from condseg_app.data.regions import meet

SMALLEST = 10.0
"""Millimetres: smaller objects may lie between the windows of the coarse pass."""


# Voxels of a body are at least as large, in millimetres; below that a volume shows a specimen under a microscope.
_BODY = 0.05


def smallest_in(geometry: Geometry) -> float:
    """`SMALLEST` in a grid's unit; 0 where the grid does not say how large things are in it, or is no body's."""
    is_body = geometry.unit != "pixel" and max(geometry.spacing_mm) >= _BODY
    return SMALLEST / millimetres(geometry.unit) if is_body else 0.0


class CoarseFilter:
    """Places of classes, as found in the coarse pass.

    Args:
        reach: voxels of the image (I, J, K) around a place into which the class may extend.
    """

    def __init__(self, reach: Sequence[int]) -> None:
        self._reach = reach
        self._found: dict[str, list[Region]] = {}

    def note(self, name: str, region: Region) -> None:
        """A class is in a region."""
        i, j, k = (slice(part.start - r, part.stop + r) for part, r in zip(region, self._reach, strict=True))
        self._found.setdefault(name, []).append((i, j, k))

    def among(self, classes: Sequence[str], region: Region) -> list[str]:
        """The classes that may be in a region."""
        return [name for name in classes if any(meet(found, region) for found in self._found.get(name, ()))]
