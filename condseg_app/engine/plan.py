"""Default preprocessing and network for some images."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from condseg_app.data import (
    Image,
    IntensityStep,
    Preprocessing,
    Reorient,
    Spacing,
    UnitRange,
    Window,
    ZScore,
    intensity_step,
)
from condseg_app.engine.preprocess import WorkingGrid
from condseg_app.errors import GeometryError, ModelError
from condseg_models import PRESETS

# Soft tissue in Hounsfield units: fat at -100 to contrast-filled vessels at 240.
_CT_WINDOW = Window(-160.0, 240.0)
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
    _check_dimensions(images, chosen.dimensions)
    in_mm = chosen.dimensions != "2D" and all(image.geometry.unit != "pixel" for image in images)
    plan = Preprocessing(
        dimensions=chosen.dimensions,
        window=chosen.window,
        intensity=(suggest_intensity(images),) * len(images[0].channels),
        orientation=Reorient("RAS") if in_mm else None,
        spacing=_median_spacing(images) if in_mm else None,
        neighbours=chosen.neighbours,
    )
    return replace(plan, window=_fitting_window(images, plan))


class _Settings(BaseModel):
    """A user's settings; `low` and `high` alone are those of a window."""

    model_config = ConfigDict(extra="forbid")

    window: tuple[int, int, int] | None = None
    spacing: tuple[float, float, float] | None = None
    intensity: str | None = None
    low: float | None = None
    high: float | None = None


def with_settings(plan: Preprocessing, settings: Mapping[str, Any]) -> Preprocessing:
    """A plan with the user's settings.

    Args:
        plan: for the images.
        settings: `window`, `spacing`, and `intensity` of all channels, with `low` and `high` as in `intensity_step`.

    Raises:
        ModelError: no such setting, or an impossible value.
    """
    try:
        wanted = _Settings.model_validate(dict(settings))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"the preprocessing setting '{where}' is wrong: {first['msg']}") from error
    if (wanted.low is None) != (wanted.high is None):
        raise ModelError("an intensity range has two ends; give both 'low' and 'high'")
    ends = {} if wanted.low is None or wanted.high is None else {"low": wanted.low, "high": wanted.high}
    intensity = wanted.intensity or ("window" if ends else None)
    return replace(
        plan,
        window=wanted.window or plan.window,
        spacing=Spacing(wanted.spacing) if wanted.spacing else plan.spacing,
        intensity=(intensity_step(intensity, **ends),) * plan.channels if intensity else plan.intensity,
    )


def suggest_intensity(images: Sequence[Image]) -> IntensityStep:
    """The type's range for pictures, a soft-tissue window for CT (known by air below -100), z-scores otherwise."""
    if images[0].geometry.is_2d and images[0].geometry.unit == "pixel":
        return UnitRange()
    lowest = [float(np.nanmin(image.voxels().astype(np.float32))) for image in images]
    return _CT_WINDOW if np.median(lowest) <= -100 else ZScore()


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


def _median_spacing(images: Sequence[Image]) -> Spacing:
    spacings = [image.geometry.reoriented("RAS").spacing_mm for image in images]
    i, j, k = (float(f"{s:.4g}") for s in np.median(spacings, axis=0))
    return Spacing((i, j, k))
