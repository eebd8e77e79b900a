"""Learning of a row of the table from windows.

Without an own encoder, windows are encoded once and learnt from many times; every variation of a window is encoded for
itself. A class with an encoder of its own learns from new windows in each step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from condseg_app.data import Model
from condseg_app.engine.class_rows import Row
from condseg_app.engine.networks import build_network, condition_for, memory_format
from condseg_app.engine.train.augmentation import FOR_FEW, Augmentation, augmenter, unvaried
from condseg_app.engine.train.losses import ConditionedLoss, LossSettings, overlap_sums
from condseg_app.engine.train.samples import Cropping, PreparedCase, TrainingSample, crop
from condseg_models import OWN_ENCODER, ROWS, ConditionedModule, Features


@dataclass(frozen=True)
class ExactRecipe:
    """Settings of an exact lesson.

    Attributes:
        steps: to take.
        batch: windows a step.
        learning_rate: of Adam, in the beginning.
        settling: steps after which the rate has fallen to 0.7 of that. The rate goes on falling with the root of the
            steps, for their final number is unknown.
        clip: largest norm of the gradient.
        rank: of the class's own updates of convolutions; 0 for none.
        own_encoder: whether the class also has updates of the encoder, where the network has room for these; the class
            then takes an encoder pass of its own.
        pool: encoded windows that are kept to learn from.
        renewed: part of a batch's windows that are new in each step; all windows of a class with an own encoder are
            new, for nothing of a window is kept but the image.
        centred: part of the windows cut about a voxel of the class.
        average: decay of the row's moving average, which is the row in use.
        loss: settings of the loss, over supervised voxels only.
        augmentation: variation of the windows.
        exam: windows by which a row's Dice is measured.
        folds: rows that are learnt beside, each without some of the annotated slices, for the held-out Dice; 0 for
            none.
        seed: of everything random.
    """

    steps: int = 600
    batch: int = 4
    learning_rate: float = 0.005
    settling: int = 100
    clip: float = 5.0
    rank: int = 8
    own_encoder: bool = True
    pool: int = 48
    renewed: float = 0.25
    centred: float = 0.5
    average: float = 0.99
    loss: LossSettings = field(default_factory=LossSettings)
    augmentation: Augmentation = FOR_FEW
    exam: int = 12
    folds: int = 3
    seed: int = 0


@dataclass(frozen=True, eq=False)
class EncodedSample:
    """An encoded window.

    Attributes:
        features: of a batch of a single window.
        target: (1, *spatial), 0 to 1.
        supervised: (1, *spatial), 1 where the target is known.
    """

    features: Features
    target: Tensor
    supervised: Tensor


class WindowSampler:
    """Sampler of encoded windows.

    Args:
        network: for its encoder.
        model: of the network.
        class_name: the class of the targets.
        cases: images with the class's annotation.
        recipe: settings of the lesson.
    """

    def __init__(
        self,
        network: ConditionedModule,
        model: Model,
        class_name: str,
        cases: Sequence[PreparedCase],
        recipe: ExactRecipe,
    ) -> None:
        self._network, self._name, self._cases = network, class_name, tuple(cases)
        self._device = next(network.parameters()).device
        # All classes that will be asked for: the class alone in a lesson, any class in the search for a start.
        self._condition = condition_for(model.classes, model.classes.names, self._device)
        plan = model.preprocessing
        self._varied = Cropping(plan, network.stride, augmenter(recipe.augmentation, plan), recipe.centred)
        self._plain = Cropping(plan, network.stride, unvaried, 1.0)
        self._rng = np.random.default_rng(recipe.seed)

    def varied(self) -> EncodedSample:
        """A random, varied window."""
        return self._encode(self._draw(self._varied, self._rng))

    def exam(self, count: int) -> list[EncodedSample]:
        """The same windows each time, not varied."""
        rng = np.random.default_rng(0)
        return [self._encode(self._draw(self._plain, rng)) for _ in range(count)]

    def _draw(self, cropping: Cropping, rng: np.random.Generator) -> TrainingSample:
        return crop(self._cases[int(rng.integers(len(self._cases)))], self._name, cropping, rng)

    @torch.no_grad()
    def _encode(self, sample: TrainingSample) -> EncodedSample:
        device, image = self._device, sample.image[None]
        shown = image.to(device, memory_format=memory_format(image.dim() - 2, device))
        features = self._network.encode_for(shown, self._condition)
        return EncodedSample(features, sample.target.to(device), sample.supervised.to(device))


class Learner:
    """A row in training.

    Args:
        model: the class alone, with the row to begin with.
        cases: images with the class's annotation.
        recipe: settings of the lesson.
        device: 'auto', 'cpu', 'cuda', ...
    """

    def __init__(
        self,
        model: Model,
        cases: Sequence[PreparedCase],
        recipe: ExactRecipe,
        device: torch.device,
    ) -> None:
        self._recipe, self._device = recipe, device
        self._network = build_network(model, device)
        self._rows: dict[str, Tensor] = {}
        for name, parameter in self._network.named_parameters():
            parameter.requires_grad_(name.endswith(ROWS))
            if name.endswith(ROWS):
                self._rows[name] = parameter
        own_encoder = OWN_ENCODER in self._rows and bool(self._rows[OWN_ENCODER] > 0.5)
        self._renewed, self._pooled = (1.0, recipe.batch) if own_encoder else (recipe.renewed, recipe.pool)
        self._average = {name: row.detach().clone() for name, row in self._rows.items()}
        self._optimizer = torch.optim.Adam(self._rows.values(), lr=recipe.learning_rate)
        self._loss = ConditionedLoss(recipe.loss, 1)
        self._condition = condition_for(model.classes, model.classes.names * recipe.batch, device)
        self._rng = np.random.default_rng(recipe.seed)
        self._model, self.steps = model, 0
        self.show(cases)

    def show(self, cases: Sequence[PreparedCase]) -> None:
        """Go on with other annotations; encoded windows are forgotten, and the average begins anew.

        So new annotations change the class within some steps, however long the average is.
        """
        self.cases, self._steps_since_shown = cases, 0
        self._windows = WindowSampler(self._network, self._model, self._model.classes.names[0], cases, self._recipe)
        self._pool: list[EncodedSample] = []

    def step(self) -> float:
        """Learn from a batch; returns its loss."""
        recipe = self._recipe
        missing = max(recipe.batch - len(self._pool), round(self._renewed * recipe.batch), 1)
        self._pool += [self._windows.varied() for _ in range(missing)]
        del self._pool[: -self._pooled]
        chosen = [self._pool[n] for n in self._rng.choice(len(self._pool), recipe.batch, replace=False)]
        features = tuple(torch.cat(parts) for parts in zip(*(one.features for one in chosen), strict=True))
        target, supervised = (torch.stack([getattr(one, name) for one in chosen]) for name in ("target", "supervised"))
        self._optimizer.zero_grad()
        logits = self._network.decode(features, self._condition)
        loss = self._loss(logits, target, supervised, torch.zeros(recipe.batch, dtype=torch.int64, device=self._device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._rows.values(), recipe.clip)
        self._optimizer.param_groups[0]["lr"] = recipe.learning_rate / math.sqrt(1 + self.steps / recipe.settling)
        self._optimizer.step()
        self.steps += 1
        self._steps_since_shown += 1
        decay = min(recipe.average, self._steps_since_shown / (10 + self._steps_since_shown))
        for name, row in self._rows.items():
            self._average[name].lerp_(row.detach(), 1 - decay)
        return float(loss.detach())

    def row(self) -> Row:
        """The present row."""
        return {name: average.cpu().numpy()[0].copy() for name, average in self._average.items()}


@torch.no_grad()
def held_out_dice_of(
    model: Model, names: Sequence[str], samples: Sequence[EncodedSample], device: torch.device
) -> list[float]:
    """Dice of some of a model's classes with the samples' target, over the supervised voxels of all samples."""
    network = build_network(model, device)
    scores = []
    for name in names:
        condition = condition_for(model.classes, [name], device)
        sums = torch.zeros(3)
        for sample in samples:
            mask = (network.decode(sample.features, condition) > 0).float()
            found = overlap_sums(mask, (sample.target > 0.5).float()[None], sample.supervised[None])
            sums += torch.stack(found).sum(dim=1).cpu()
        scores.append(1.0 if sums[1:].sum() == 0 else float(2 * sums[0] / sums[1:].sum()))
    return scores
