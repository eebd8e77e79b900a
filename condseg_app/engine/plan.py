"""Default preprocessing and network for some images."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from condseg_app.data import Image, Intensity, Preprocessing
from condseg_app.engine.preprocess import WorkingGrid
from condseg_app.errors import GeometryError, ModelError
from condseg_models import PRESETS

# Soft tissue in Hounsfield units: fat at -100 to contrast-filled vessels at 240.
_CT_WINDOW = (-160.0, 240.0)
# Every preset's stride divides this.
_WINDOW_STEP = 16


def suggest_network(images: Sequence[Image]) -> str:
    """The preset for some images: 2D for pictures, 3D for small volumes, slice by slice for large ones."""
    if all(image.geometry.is_2d for image in images):
        return "dense-2d"
    return "dense-3d" if np.median([max(image.geometry.shape) for image in images]) <= 64 else "dense-2.5d"


def plan_preprocessing(images: Sequence[Image], preset: str) -> Preprocessing:
    """Spacing, orientation and intensities from a few images of the data sets.

    Raises:
        GeometryError: pictures and volumes, or images of different channels, are mixed.
        ModelError: there is no such preset.
    """
    if preset not in PRESETS:
        raise ModelError(f"there is no network '{preset}'; choose one of {', '.join(PRESETS)}")
    chosen = PRESETS[preset]
    if len({len(image.channels) for image in images}) > 1:
        raise GeometryError("the images differ in their number of channels; train on images of one kind")
    if len({image.geometry.is_2d for image in images}) > 1:
        raise GeometryError("2D images and volumes are mixed; train on one kind")
    intensity, low, high = suggest_intensity(images)
    _check_dimensions(images, chosen.dimensions)
    in_mm = chosen.dimensions != "2D" and all(image.geometry.unit != "pixel" for image in images)
    plan = Preprocessing(
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
    return replace(plan, window=_fitting_window(images, plan))


def suggest_intensity(images: Sequence[Image]) -> tuple[Intensity, float, float]:
    """The type's range for pictures, a soft-tissue window for CT (known by air below -100), z-scores otherwise."""
    if images[0].geometry.is_2d and images[0].geometry.unit == "pixel":
        return "unit", 0.0, 1.0
    lowest = [float(np.nanmin(image.voxels().astype(np.float32))) for image in images]
    return ("window", *_CT_WINDOW) if np.median(lowest) <= -100 else ("zscore", 0.0, 1.0)


def _check_dimensions(images: Sequence[Image], dimensions: str) -> None:
    if images[0].geometry.is_2d != (dimensions == "2D"):
        what = "2D images" if images[0].geometry.is_2d else "volumes"
        raise GeometryError(f"the network is for {dimensions}, the images are {what}; choose another network")


def _fitting_window(images: Sequence[Image], plan: Preprocessing) -> tuple[int, int, int]:
    """The preset's window, or a smaller window that holds nearly all of the images whole."""
    shapes = [WorkingGrid.of(image.geometry, plan).shape for image in images]
    needed = np.quantile(shapes, 0.9, axis=0)
    i, j, k = (min(w, _WINDOW_STEP * math.ceil(n / _WINDOW_STEP)) for w, n in zip(plan.window, needed, strict=True))
    return i, j, (k if plan.dimensions == "3D" else 1)


def _median_spacing(images: Sequence[Image]) -> tuple[float, float, float]:
    spacings = [image.geometry.reoriented("RAS").spacing_mm for image in images]
    i, j, k = (float(f"{s:.4g}") for s in np.median(spacings, axis=0))
    return i, j, k
