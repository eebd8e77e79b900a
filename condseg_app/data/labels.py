"""Label maps: masks of many classes on a grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.classes import ClassTable
from condseg_app.data.geometry import Geometry
from condseg_app.data.image import LazyArray
from condseg_app.errors import ClassTableError, GeometryError, one_line


def values_present(values: NDArray[np.unsignedinteger]) -> list[int]:
    """Class values other than 0 that occur in an array, ascending."""
    seen = np.zeros(int(values.max(initial=0)) + 1, np.bool_)
    for plane in values:  # numpy makes wide integers of an index, of one plane at a time
        seen[plane] = True
    return [int(value) for value in np.flatnonzero(seen) if value]


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Each voxel's class value; 0 is background.

    Attributes:
        array: (I, J, K) unsigned integers; may lie in a file, and be read on use.
        geometry: the grid.
        classes: meaning of the values; values without a row are allowed, and kept.
        warnings: oddities of the file, a sentence each.
    """

    array: LazyArray
    geometry: Geometry
    classes: ClassTable
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "warnings", tuple(one_line(warning) for warning in self.warnings))
        if self.array.shape != self.geometry.shape:
            raise GeometryError(f"the label map's shape {self.array.shape} is not its grid's {self.geometry.shape}")
        if self.array.dtype.kind != "u":
            raise ClassTableError(f"a label map holds unsigned integers, not {self.array.dtype}")

    @property
    def values(self) -> NDArray[np.unsignedinteger]:
        """All voxels in memory, (I, J, K)."""
        values: NDArray[np.unsignedinteger] = np.asarray(self.array[...])
        return values

    def counts(self) -> dict[str, int]:
        """Class name -> number of voxels; a whole includes its parts."""
        by_value = np.bincount(self.values.ravel(), minlength=max((e.value for e in self.classes), default=0) + 1)
        own = {entry.name: int(by_value[entry.value]) for entry in self.classes}
        parts = {name: [p for p in own if name in self.classes.wholes_of(p)] for name in own}
        return {name: count + sum(own[part] for part in parts[name]) for name, count in own.items()}

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Mask of a class, (I, J, K)."""
        mask: NDArray[np.bool_] = self.values == self.classes[name].value
        return mask

    def with_parts(self, name: str) -> NDArray[np.bool_]:
        """Mask of a class and its parts, (I, J, K): an organ contains its tumour."""
        values = [e.value for e in self.classes if e.name == name or name in self.classes.wholes_of(e.name)]
        mask: NDArray[np.bool_] = np.isin(self.values, values)
        return mask
