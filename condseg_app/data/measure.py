"""Size of a class in an image, in the usual unit."""

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
    """Size of a voxel in the unit of thresholds and figures: ml, mm² of a 2D image, 1 where no size is known."""
    if geometry.unit == "pixel":
        return 1.0
    step = millimetres(geometry.unit)
    return _area(geometry) * step**2 if geometry.is_2d else geometry.voxel_volume * step**3 / 1000


def measure(voxels: int, geometry: Geometry) -> Measure:
    """Size of a number of voxels: ml or mm² for images in mm, pixels where no size is known.

    Args:
        voxels: number of voxels.
        geometry: grid of the voxels; the size on a 2D grid is an area.
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
