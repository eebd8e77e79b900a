"""What a class says of windows that nobody marked, as a further lesson for itself.

The moving average of its row answers (mean teacher: Tarvainen & Valpola, 2017). Where it is sure, the row that is
learnt is to say the same of the window disturbed (FixMatch: Sohn et al., 2020). A few marked slices teach what a class
looks like there; this carries it to the slices and images beside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from condseg_app.data import Model
from condseg_app.engine.augment import Disturb
from condseg_app.engine.networks import build_network, condition_for, memory_format
from condseg_app.engine.samples import Cropping, PreparedCase, crop_anywhere


@dataclass(frozen=True)
class SelfTraining:
    """Settings of it.

    Attributes:
        windows: a step; 0 for none.
        weight: of their loss.
        begins: steps before, from the last change of the marks on: what it believed before it saw them must not go on.
        sure: probability from which the class is sure to be there, and one minus it of the opposite.
    """

    windows: int = 4
    weight: float = 0.5
    begins: int = 200
    sure: float = 0.9


@dataclass(frozen=True, eq=False)
class OwnAnswers:
    """Disturbed windows with what the class said of them undisturbed.

    Attributes:
        images: (B, C, *spatial).
        target: (B, 1, *spatial), 0 or 1.
        sure: (B, 1, *spatial), 1 where the class was sure.
    """

    images: Tensor
    target: Tensor
    sure: Tensor


class Unmarked:
    """Windows anywhere in some images.

    Args:
        model: the class alone.
        settings: how many, and when an answer counts.
        cropping: how windows are cut and varied.
        disturb: what the class that is learnt sees instead of a window.
        device: where.

    Attributes:
        condition: the class, for so many windows.
    """

    def __init__(
        self, model: Model, settings: SelfTraining, cropping: Cropping, disturb: Disturb, device: torch.device
    ) -> None:
        self._settings, self._cropping, self._device = settings, cropping, device
        self._network = build_network(model, device)
        self.condition = condition_for(model.classes, model.classes.names * settings.windows, device)
        self._disturb = disturb

    @torch.no_grad()
    def answered(
        self, rows: Mapping[str, Tensor], cases: Sequence[PreparedCase], rng: np.random.Generator
    ) -> OwnAnswers:
        """Some windows of the images, answered with these rows."""
        for name, parameter in self._network.named_parameters():
            if name in rows:
                parameter.copy_(rows[name])
        drawn = [crop_anywhere(cases[int(rng.integers(len(cases)))], self._cropping, rng) for _ in self.condition.rows]
        images, disturbed = self._placed(drawn), self._placed([self._disturb(image, rng) for image in drawn])
        found = self._network.decode(self._network.encode_for(images, self.condition), self.condition).sigmoid()
        sure = (found > self._settings.sure) | (found < 1 - self._settings.sure)
        return OwnAnswers(disturbed, (found > 0.5).float(), sure.float())

    def _placed(self, images: Sequence[Tensor]) -> Tensor:
        layout = memory_format(images[0].dim() - 1, self._device)
        return torch.stack(list(images)).to(self._device, memory_format=layout)
