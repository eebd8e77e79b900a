"""Masks of many classes on one grid."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.classes import ClassTable
from condseg_app.data.geometry import Geometry
from condseg_app.errors import ClassTableError, GeometryError


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Each voxel's class value; 0 is background.

    Attributes:
        array: (I, J, K) unsigned integers.
        geometry: the grid.
        classes: what the values mean; values that occur but have no row are allowed, and kept.
        warnings: what was odd about the file it was read from, a sentence each.
    """

    array: NDArray[np.unsignedinteger]
    geometry: Geometry
    classes: ClassTable
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.array.shape != self.geometry.shape:
            raise GeometryError(f"the label map's shape {self.array.shape} is not its grid's {self.geometry.shape}")
        if self.array.dtype.kind != "u":
            raise ClassTableError(f"a label map holds unsigned integers, not {self.array.dtype}")

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Where a class is, (I, J, K)."""
        mask: NDArray[np.bool_] = self.array == self.classes[name].value
        return mask

    def with_parts(self, name: str) -> NDArray[np.bool_]:
        """Where a class or any part of it is, (I, J, K): an organ contains its tumour."""
        values = [e.value for e in self.classes if e.name == name or name in self.classes.wholes_of(e.name)]
        mask: NDArray[np.bool_] = np.isin(self.array, values)
        return mask
