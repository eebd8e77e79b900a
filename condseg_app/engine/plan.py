"""What preprocessing and which network suit some images, where the user has not said."""

from collections.abc import Sequence

import numpy as np

from condseg_app.data import Image, Intensity, Preprocessing
from condseg_app.errors import GeometryError
from condseg_models import PRESETS

# Soft tissue in Hounsfield units: fat at -100 to contrast-filled vessels at 240.
_CT_WINDOW = (-160.0, 240.0)


def suggest_network(images: Sequence[Image]) -> str:
    """The preset for some images: 2D for pictures, 3D for small volumes, slice by slice for large ones."""
    if all(image.geometry.is_2d for image in images):
        return "dense-2d"
    return "dense-3d" if np.median([max(image.geometry.shape) for image in images]) <= 64 else "dense-2.5d"


def plan_preprocessing(images: Sequence[Image], preset: str) -> Preprocessing:
    """Spacing, orientation and intensities from a few images of the data sets.

    Raises:
        GeometryError: pictures and volumes, or images of different channels, are mixed.
    """
    chosen = PRESETS[preset]
    if len({len(image.channels) for image in images}) > 1:
        raise GeometryError("the images differ in their number of channels; train on images of one kind")
    if len({image.geometry.is_2d for image in images}) > 1:
        raise GeometryError("2D images and volumes are mixed; train on one kind")
    intensity, low, high = suggest_intensity(images)
    in_mm = chosen.dimensions != "2D" and all(image.geometry.unit != "pixel" for image in images)
    return Preprocessing(
        dimensions=chosen.dimensions,
        window=chosen.window,
        channels=len(images[0].channels),
        orientation="RAS" if in_mm else None,
        spacing=_median_spacing(images) if in_mm else None,
        intensity=intensity,
        low=low,
        high=high,
        neighbours=chosen.neighbours,
    )


def suggest_intensity(images: Sequence[Image]) -> tuple[Intensity, float, float]:
    """The type's range for pictures, a soft-tissue window for CT (it has air below -100), z-scores otherwise."""
    if images[0].geometry.is_2d and images[0].geometry.unit == "pixel":
        return "unit", 0.0, 1.0
    lowest = [float(np.nanmin(image.voxels().astype(np.float32))) for image in images]
    return ("window", *_CT_WINDOW) if np.median(lowest) <= -100 else ("zscore", 0.0, 1.0)


def _median_spacing(images: Sequence[Image]) -> tuple[float, float, float]:
    spacings = [image.geometry.reoriented("RAS").spacing for image in images]
    i, j, k = (round(float(s), 3) for s in np.median(spacings, axis=0))
    return i, j, k
