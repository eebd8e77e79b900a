"""How much of an image a class takes up, in the unit that people use for it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from condseg_app.data.geometry import Geometry
from condseg_app.data.units import millimetres

MeasureUnit = Literal["ml", "mm²", "µm³", "µm²", "pixels", "voxels"]


@dataclass(frozen=True)
class Measure:
    """A volume or an area."""

    value: float
    unit: MeasureUnit


def voxel_size(geometry: Geometry) -> float:
    """How much one voxel is of what thresholds and figures are in: ml, mm² of a 2D image, 1 where no size is known."""
    if geometry.unit == "pixel":
        return 1.0
    step = millimetres(geometry.unit)
    return _area(geometry) * step**2 if geometry.is_2d else geometry.voxel_volume * step**3 / 1000


def measure(voxels: int, geometry: Geometry) -> Measure:
    """What a number of voxels amounts to: ml or mm² for images in mm, pixels where no size is known.

    Args:
        voxels: how many there are.
        geometry: the grid that they are on; a 2D one is measured as an area.
    """
    if geometry.unit == "pixel":
        return Measure(float(voxels), "pixels" if geometry.is_2d else "voxels")
    if geometry.is_2d:
        return Measure(voxels * _area(geometry), "mm²" if geometry.unit == "mm" else "µm²")
    if geometry.unit == "mm":
        return Measure(voxels * geometry.voxel_volume / 1000, "ml")
    return Measure(voxels * geometry.voxel_volume, "µm³")


def _area(geometry: Geometry) -> float:
    """Of a pixel, in the grid's unit squared."""
    return float(np.linalg.norm(np.cross(geometry.affine[:3, 0], geometry.affine[:3, 1])))
