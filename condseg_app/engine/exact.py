"""Teaching a class by its row of the table alone: no other class can change, for nothing else is learnt.

"A new entry to the look-up table and a simple fine-tuning" (Dmitriev & Kaufman, section 3.2), taken at its word.
With `film` a row holds scale and offset of every channel of the decoder; it may also hold low-rank updates of the
decoder's convolutions, which no other class sees (`condseg_models.conditioning.ClassMix`). The encoder is frozen, so
windows are encoded once and learnt from many times; every variation of a window is encoded for itself.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from condseg_app.data import Annotation, ClassEntry, Image, Model
from condseg_app.engine.augment import Augmentation, augmenter, unvaried
from condseg_app.engine.class_rows import Row, blended, only_class, row_of, with_row
from condseg_app.engine.devices import pick_device
from condseg_app.engine.losses import ConditionedLoss, LossSettings, overlap_sums
from condseg_app.engine.networks import build_network, condition_for, memory_format, with_rank
from condseg_app.engine.samples import Cropping, PreparedCase, TrainingSample, crop, prepare_case
from condseg_models import ROWS, Features

Shown = tuple[Image, Sequence[Annotation]]


@dataclass(frozen=True)
class ExactRecipe:
    """Settings of such a training.

    Attributes:
        batch: windows a step.
        learning_rate: of Adam.
        rank: of the class's own updates of convolutions; 0 for none.
        pool: encoded windows that are kept to learn from.
        renewed: part of a batch's windows that are encoded anew in each step.
        centred: part of the windows cut about a voxel of the class.
        loss: what is minimised, over supervised voxels only.
        augmentation: how windows are varied.
        seed: of everything random.
    """

    batch: int = 4
    learning_rate: float = 0.01
    rank: int = 4
    pool: int = 48
    renewed: float = 0.25
    centred: float = 0.8
    loss: LossSettings = field(default_factory=LossSettings)
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(15.0, 0.15, 0.1, intensity=0.3))
    seed: int = 0


@dataclass(frozen=True, eq=False)
class _Encoded:
    features: Features
    target: Tensor
    supervised: Tensor


class Learner:
    """One row that is learnt from windows of some images.

    Args:
        model: the class alone, with the row to begin with.
        cases: images with what is marked of the class.
        recipe: how.
        device: where.
    """

    def __init__(self, model: Model, cases: Sequence[PreparedCase], recipe: ExactRecipe, device: torch.device) -> None:
        self._model, self._cases, self._recipe, self._device = model, tuple(cases), recipe, device
        self._name = model.classes.names[0]
        self._network = build_network(model, device)
        self._rows = {}
        for name, parameter in self._network.named_parameters():
            parameter.requires_grad_(name.endswith(ROWS))
            if name.endswith(ROWS):
                self._rows[name] = parameter
        self._optimizer = torch.optim.Adam(self._rows.values(), lr=recipe.learning_rate)
        self._loss = ConditionedLoss(recipe.loss, 1)
        self._rng = np.random.default_rng(recipe.seed)
        varied = augmenter(recipe.augmentation, model.preprocessing, model.preprocessing.window)
        self._varied = Cropping(model.preprocessing, self._network.stride, varied, recipe.centred)
        self._pool: list[_Encoded] = []
        self.steps = 0

    def step(self) -> float:
        """Learn from a batch; returns its loss."""
        fresh = max(1, round(self._recipe.renewed * self._recipe.batch))
        for _ in range(self._recipe.batch if len(self._pool) < self._recipe.batch else fresh):
            self._pool.append(self._encode(self._draw(self._varied)))
        del self._pool[: -self._recipe.pool]
        chosen = [self._pool[n] for n in self._rng.choice(len(self._pool), self._recipe.batch, replace=False)]
        features = tuple(torch.cat(parts) for parts in zip(*(one.features for one in chosen), strict=True))
        target, supervised = (torch.stack([getattr(one, name) for one in chosen]) for name in ("target", "supervised"))
        rows = torch.zeros(len(chosen), dtype=torch.int64, device=self._device)
        condition = condition_for(self._model.classes, [self._name] * len(chosen), self._device)
        self._optimizer.zero_grad()
        loss = self._loss(self._network.decode(features, condition), target, supervised, rows)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self.steps += 1
        return float(loss.detach())

    def row(self) -> Row:
        """The row as it is now."""
        return {name: p.detach().cpu().numpy()[0].copy() for name, p in self._rows.items()}

    def _draw(self, cropping: Cropping) -> TrainingSample:
        case = self._cases[int(self._rng.integers(len(self._cases)))]
        return crop(case, self._name, cropping, self._rng)

    @torch.no_grad()
    def _encode(self, sample: TrainingSample) -> _Encoded:
        image = sample.image[None]
        shown = image.to(self._device, memory_format=memory_format(image.dim() - 2))
        return _Encoded(
            self._network.encode(shown), sample.target.to(self._device), sample.supervised.to(self._device)
        )
