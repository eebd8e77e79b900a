"""Looking at samples held out from training, and keeping the best weights seen."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from condseg_app.data import ClassTable
from condseg_app.engine.train.batches import Batch, make_batch
from condseg_app.engine.train.recipes import Recipe
from condseg_app.engine.train.samples import SampleSource
from condseg_models import Condition, ConditionedModule

# A place in the seed that no training step reaches.
_NEVER_A_STEP = 2**40
_SAMPLES_AT_ONCE = 4


@dataclass(frozen=True)
class ValidationScore:
    """Dice on the validation samples after a step, by class."""

    step: int
    dice: Mapping[str, float]

    @property
    def mean(self) -> float:
        """Over the classes."""
        return float(np.mean(list(self.dice.values())))


class Validation:
    """Validation on the same held-out samples, now and then.

    Args:
        sources: sources of samples, drawn equally often; they should not vary their samples.
        classes: the table.
        recipe: number of samples, steps between validations, and patience.
    """

    def __init__(self, sources: Sequence[SampleSource], classes: ClassTable, recipe: Recipe) -> None:
        self.looks: list[ValidationScore] = []
        self.best_weights: dict[str, Tensor] = {}
        self._classes, self._recipe = classes, recipe
        self._samples = [
            sources[n % len(sources)].draw(np.random.default_rng([recipe.seed, _NEVER_A_STEP, n]))
            for n in range(recipe.validation_windows)
        ]

    @property
    def best(self) -> ValidationScore | None:
        """The look with the highest mean Dice."""
        return max(self.looks, key=lambda look: look.mean, default=None)

    @property
    def exhausted(self) -> bool:
        """Whether nothing better has come for as many looks as the recipe has patience."""
        if not self._recipe.patience or self.best is None:
            return False
        return len(self.looks) - 1 - self.looks.index(self.best) >= self._recipe.patience

    def due(self, step: int) -> bool:
        """Whether a validation is due after a step."""
        return step % self._recipe.validate_every == 0 or step == self._recipe.steps

    def look(self, step: int, network: ConditionedModule) -> None:
        """Score a network, and keep a copy of the weights if the score is the best so far."""
        self.looks.append(ValidationScore(step, self._dice(network)))
        if self.best is self.looks[-1]:
            self.best_weights = {name: t.detach().cpu().clone() for name, t in network.state_dict().items()}

    def state(self) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
        """Content for a checkpoint: the best weights, and all scores."""
        return self.best_weights, [asdict(look) for look in self.looks]

    def resume(self, weights: Mapping[str, Tensor], looks: Sequence[Mapping[str, Any]]) -> None:
        """Go on from an earlier `state`."""
        self.best_weights = dict(weights)
        self.looks = [ValidationScore(**look) for look in looks]

    @torch.no_grad()
    def _dice(self, network: ConditionedModule) -> dict[str, float]:
        training = network.training
        network.eval()
        device = next(network.parameters()).device
        sums = torch.zeros(3, len(self._classes), dtype=torch.float64, device=device)
        for first in range(0, len(self._samples), _SAMPLES_AT_ONCE):
            batch = make_batch(self._samples[first : first + _SAMPLES_AT_ONCE], self._classes, device)
            sums.index_add_(1, batch.rows, _counts(network, batch))
        network.train(training)
        both, total, asked = sums.tolist()
        return {
            name: 2 * both[row] / total[row] if total[row] else 1.0
            for row, name in enumerate(self._classes.names)
            if asked[row]
        }


def _counts(network: ConditionedModule, batch: Batch) -> Tensor:
    """(3, N): of each question the voxels in mask and truth, those in either (twice if in both), and 1."""
    features = tuple(f[batch.owners] for f in network.encode(batch.images))
    predicted = (network.decode(features, Condition(batch.rows, batch.codes)) > 0) & (batch.supervised > 0)
    truth = (batch.target > 0.5) & (batch.supervised > 0)
    both = (predicted & truth).flatten(1).sum(dim=1)
    either = predicted.flatten(1).sum(dim=1) + truth.flatten(1).sum(dim=1)
    return torch.stack([both, either, torch.ones_like(both)]).double()
