"""Models: a network's weights with all that their use needs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.classes import ClassTable
from condseg_app.data.fingerprint import Fingerprint
from condseg_app.data.image import Image
from condseg_app.data.preprocessing import Preprocessing
from condseg_app.errors import ModelError

FINGERPRINT = "fingerprint"
"""Key of the fingerprint of the training images in the training record."""

# How many voxels of a model one voxel of an image may be made into.
_LARGEST_VOXEL = 20_000.0


@dataclass(frozen=True)
class Inference:
    """Settings of predicting with a model.

    Attributes:
        overlap: of neighbouring windows, as a part of their size.
        mirrored: axes of the window; logits are averaged over all mirrorings along them.
        members: networks of an ensemble, whose logits are averaged. Tensors of all but the first are named
            'member 1.', 'member 2.', ... and the tensor's name.
    """

    overlap: float = 0.25
    mirrored: tuple[int, ...] = ()
    members: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < 1 or not {0, 1, 2}.issuperset(self.mirrored) or self.members < 1:
            raise ModelError(
                "windows overlap by 0 to below 1, axes are 0, 1 or 2, and an ensemble has at least one member; "
                f"not {self}"
            )


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
        inference: settings of predicting.
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
    inference: Inference = Inference()

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
        turned = pre.axes(geometry).geometry(geometry)
        ratios = [own / wanted for own, wanted in zip(turned.spacing_mm, pre.spacing.size, strict=True)]
        if math.prod(ratios) > _LARGEST_VOXEL:
            what = f"voxels of '{image.name}' measure {_sizes(turned.spacing_mm)} mm"
        elif max(n * ratio for n, ratio in zip(turned.shape, ratios, strict=True)) < 1.0:
            lengths = [n * size for n, size in zip(turned.shape, turned.spacing_mm, strict=True)]
            what = f"'{image.name}' measures {_sizes(lengths)} mm in all"
        else:
            return None
        return f"{what}, voxels of model '{self.name}' {_sizes(pre.spacing.size)} mm; check the image's unit of length"

    def check_fits(self, image: Image) -> None:
        """Raise ModelError with the reason where the model cannot be used on an image."""
        reason = self.misfit(image)
        if reason is not None:
            raise ModelError(reason)


def _sizes(lengths: Sequence[float]) -> str:
    return " x ".join(f"{length:.3g}" for length in lengths)
