"""Settings of a training, and ready-made recipes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from condseg_app.engine.devices import Precision
from condseg_app.engine.train.augmentation import Augmentation
from condseg_app.engine.train.losses import LossSettings
from condseg_app.errors import CondsegError

Sampling = Literal["equal", "sqrt", "per_image"]


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Attributes:
        steps: optimiser steps.
        batch: samples per device and pass.
        accumulate: passes whose gradients make one step: `accumulate * batch` samples on each device.
        learning_rate: highest rate.
        row_rate: factor on the learning rate for the rows of the look-up table. Adam moves a number by at most the
            rate per step, and a row has far to go from near zero: two look-alike boxes, bright and dark, were told
            apart after 60 steps with 10 (Dice 0.98) and not with 1 (0.66, both boxes for either class).
        warm_up: steps over which the rate rises to its highest.
        decay: whether the rate falls to zero along a cosine afterwards.
        weight_decay: of AdamW; 0 makes it Adam.
        ema: decay of the moving average of the weights that the model is taken from, less in the first steps; 0 for
            none.
        clip: largest norm of the gradient; 0 for none.
        loss: settings of the loss.
        deep_supervision: part of the steps in which only a network's further outputs, if any, are supervised; then
            the main output alone (the two stages of PIPO-FAN's training).
        augmentation: variation of the samples.
        centred: part of the windows cut about a voxel of their class.
        classes_per_window: largest number of labelled classes that a window is asked for. Shared features are
            computed once for a window, so a further class costs only a decoder pass.
        sampling: frequency of a data set: 'equal' (the paper's), 'sqrt' (by the root of its number of images, as
            MultiTalent) or 'per_image' (by the number, as DoDNet).
        validate_every: steps between two validations; 0 for none.
        validation_windows: number of validation windows, the same each time.
        patience: validations without a better Dice after which the training ends; 0 to take all steps.
        precision: Lightning Fabric's name: '32-true', 'bf16-mixed', '16-mixed'.
        seed: of everything random.
    """

    steps: int = 3000
    batch: int = 2
    accumulate: int = 1
    learning_rate: float = 3e-3
    row_rate: float = 10.0
    warm_up: int = 100
    decay: bool = True
    weight_decay: float = 1e-3
    ema: float = 0.995
    clip: float = 5.0
    loss: LossSettings = field(default_factory=LossSettings)
    augmentation: Augmentation = field(default_factory=Augmentation)
    deep_supervision: float = 0.5
    centred: float = 0.6
    classes_per_window: int = 1
    sampling: Sampling = "equal"
    validate_every: int = 0
    validation_windows: int = 64
    patience: int = 0
    precision: Precision = "32-true"
    seed: int = 0


RECIPES = {
    "default": Recipe(),
    # "Adam with the initial learning rate of 0.00005, beta1 = 0.9, beta2 = 0.999, with a batch size of 2 for 25K
    # iterations", the Dice loss alone, small random rotations, zooms and shifts.
    "paper": Recipe(
        steps=25_000,
        batch=2,
        learning_rate=5e-5,
        row_rate=1.0,
        warm_up=0,
        decay=False,
        weight_decay=0.0,
        ema=0.0,
        clip=0.0,
        loss=LossSettings(dice=1.0, bce=0.0),
        augmentation=Augmentation(rotation=10.0, zoom=0.1, shift=0.05, intensity=0.0),
    ),
}


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """A recipe with changed settings; those of loss and augmentation as 'loss.bce', 'augmentation.zoom'.

    Raises:
        CondsegError: no such setting, or an impossible value.
    """
    plain = asdict(recipe)
    for name, value in changes.items():
        *group, last = name.split(".")
        part = plain[group[0]] if group and group[0] in ("loss", "augmentation") else plain
        if last not in part or len(group) > 1 or isinstance(part[last], dict):
            raise CondsegError(f"there is no training setting '{name}'; there are: {', '.join(_settings(recipe))}")
        part[last] = value
    try:
        return TypeAdapter(Recipe).validate_python(plain)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CondsegError(f"the training setting '{where}' cannot be {first['input']!r}: {first['msg']}") from error


def _settings(recipe: Recipe) -> list[str]:
    plain = asdict(recipe)
    nested = [f"{name}.{key}" for name in ("loss", "augmentation") for key in plain[name]]
    return [*(name for name, value in plain.items() if not isinstance(value, dict)), *nested]
