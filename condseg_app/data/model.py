"""Models: a network's weights with all that their use needs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.classes import ClassTable
from condseg_app.data.fingerprint import Fingerprint
from condseg_app.data.image import Image
from condseg_app.errors import ModelError

FINGERPRINT = "fingerprint"
"""Key of the fingerprint of the training images in the training record."""

Dimensions = Literal["2D", "2.5D", "3D"]
# How many voxels of a model one voxel of an image may be made into.
_LARGEST_VOXEL = 20_000.0

Intensity = Literal["zscore", "window", "percentile", "unit"]


@dataclass(frozen=True)
class Preprocessing:
    """Preparation of an image for the network; kept with the weights, which are worthless without.

    Attributes:
        dimensions: '2D' (pictures), '2.5D' (a slice with its neighbours as channels) or '3D'.
        channels: channels of the image, before neighbouring slices are added.
        orientation: axis codes that volumes are turned to, such as 'RAS'; None for the file's own axes.
        spacing: voxel size that volumes are resampled to, in mm, per axis of `orientation`; None for the file's own.
        intensity: 'zscore' (mean 0, deviation 1 per image), 'window' (`low` to `high` becomes 0 to 1, values outside
            are cut), 'percentile' (the same between two percentiles of the image) or 'unit' (the type's range,
            0 to 255 say, becomes 0 to 1).
        low: lower end of the window, in the image's own intensities (HU for CT) or as a percentile.
        high: upper end of the window.
        window: voxels of a sliding window (I, J, K); K is 1 for '2D' and '2.5D'.
        neighbours: slices on each side that are shown as channels ('2.5D' only).
    """

    dimensions: Dimensions
    window: tuple[int, int, int]
    channels: int = 1
    orientation: str | None = None
    spacing: tuple[float, float, float] | None = None
    intensity: Intensity = "zscore"
    low: float = 0.0
    high: float = 1.0
    neighbours: int = 0

    def __post_init__(self) -> None:
        if self.intensity in ("window", "percentile") and not self.low < self.high:
            raise ModelError(
                f"a window of intensities from {self.low:g} to {self.high:g} is empty; give the lower first"
            )
        if self.intensity == "percentile" and not (self.low >= 0 and self.high <= 100):
            raise ModelError(f"percentiles lie in 0 to 100, not at {self.low:g} and {self.high:g}; give other ones")

    @property
    def network_channels(self) -> int:
        """Channels of the network's input."""
        return self.channels * (1 + 2 * self.neighbours)


@dataclass(frozen=True, eq=False)
class Model:
    """A network with its look-up table.

    Attributes:
        name: the name on screen.
        network: a key of the table of networks, 'dense_unet'.
        settings: the network's settings, as plain values.
        preprocessing: of images.
        classes: the look-up table.
        weights: tensor name -> array. Empty in a model that was opened for its description only.
        licence: of the model.
        training: record of the training: data, recipe, steps, figures. Plain values.
        parent: SHA-256 of the model file that this model was fine-tuned from.
        source: the model's file, None for a model only in memory.
    """

    name: str
    network: str
    settings: Mapping[str, Any]
    preprocessing: Preprocessing
    classes: ClassTable
    weights: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    licence: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    source: Path | None = None

    @property
    def fingerprint(self) -> Fingerprint | None:
        """Fingerprint of the training images; None where not recorded."""
        return Fingerprint.of_plain(self.training.get(FINGERPRINT))

    def misfit(self, image: Image) -> str | None:
        """Reason why the model cannot be used on an image, a sentence; None for none."""
        wanted, got = self.preprocessing.channels, len(image.channels)
        if wanted != got:
            channels = "1 channel" if wanted == 1 else f"{wanted} channels"
            return f"model '{self.name}' takes {channels}, '{image.name}' has {got}; choose another model"
        if self.preprocessing.dimensions == "3D" and image.geometry.is_2d:
            return f"model '{self.name}' is for volumes, '{image.name}' is a 2D image; choose a 2D model"
        if self.preprocessing.dimensions == "2D" and not image.geometry.is_2d:
            return f"model '{self.name}' is for 2D images, '{image.name}' is a volume; choose a volume model"
        if self.preprocessing.spacing is not None and image.geometry.unit == "pixel":
            return f"model '{self.name}' needs voxel sizes in mm, '{image.name}' has none; choose another model"
        return self._odd_size(image)

    def _odd_size(self, image: Image) -> str | None:
        """Why an image cannot be of the size that it states, or not for this model; None where it may be."""
        pre, geometry = self.preprocessing, image.geometry
        if pre.spacing is None:
            return None
        turned = geometry if pre.orientation is None else geometry.reoriented(pre.orientation)
        ratios = [own / wanted for own, wanted in zip(turned.spacing_mm, pre.spacing, strict=True)]
        if math.prod(ratios) > _LARGEST_VOXEL:
            what = f"voxels of '{image.name}' measure {_sizes(turned.spacing_mm)} mm"
        elif max(n * ratio for n, ratio in zip(turned.shape, ratios, strict=True)) < 1.0:
            lengths = [n * size for n, size in zip(turned.shape, turned.spacing_mm, strict=True)]
            what = f"'{image.name}' measures {_sizes(lengths)} mm in all"
        else:
            return None
        return f"{what}, voxels of model '{self.name}' {_sizes(pre.spacing)} mm; check the image's unit of length"

    def check_fits(self, image: Image) -> None:
        """Raise ModelError with the reason where the model cannot be used on an image."""
        reason = self.misfit(image)
        if reason is not None:
            raise ModelError(reason)


def _sizes(lengths: Sequence[float]) -> str:
    return " x ".join(f"{length:.3g}" for length in lengths)
