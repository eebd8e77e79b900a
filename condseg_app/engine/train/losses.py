"""Losses over samples that each ask for a class."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

LossKind = Literal["dice_bce", "target_adaptive", "marginal_exclusion"]

# Sums that a loss is made of, added up over all processes of a training.
Total = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class LossSettings:
    """Settings of a training's loss.

    Attributes:
        kind: 'dice_bce' for networks that answer class by class; for networks with a softmax over all classes
            'target_adaptive' (PIPO-FAN, equation 8) or 'marginal_exclusion' (Shi et al., 2021). None takes the
            default of the network.
        dice: weight of the Dice loss (equation 5).
        bce: weight of the binary cross-entropy. Alone much worse in the paper; beside Dice the term that penalises
            an absent class. 1 and 1 are DoDNet's equation 8.
        smooth: added to numerator and denominator of the Dice loss, so that an empty target has a loss. Beside
            cross-entropy a class that is nowhere in a batch has no Dice loss: such a loss pulls hardest where little
            is predicted, and kept small classes from ever being found (decision 14).
        exclusion: weight of the exclusion term of 'marginal_exclusion'.
        alpha: weight of each class, by row (equation 4); 1 where the tuple is too short.
        unlabelled_as_background: take classes that a case does not label for absent, as the paper's "no cond"
            does. Wrong for partly labelled data; kept to measure the damage.
    """

    kind: LossKind | None = None
    dice: float = 1.0
    bce: float = 1.0
    smooth: float = 1.0
    exclusion: float = 2.0
    alpha: tuple[float, ...] = ()
    unlabelled_as_background: bool = False

    def weights(self, classes: int) -> list[float]:
        """Alpha of every row."""
        return [*self.alpha[:classes], *[1.0] * (classes - len(self.alpha))]


def alone(sums: Tensor) -> Tensor:
    """The total over all processes of a training in a single process."""
    return sums


@dataclass(frozen=True)
class ConditionedLoss:
    """Dmitriev & Kaufman's equation 4: L = sum_i alpha_i beta_i L_i over the classes of a batch.

    beta_i is 1 for the classes that samples of the batch were asked for and 0 for all others. The sum is
    divided by the number of classes present, so that its scale does not depend on the draw.

    Attributes:
        settings: weights.
        classes: rows of the table.
        total: adds up the sums of the loss over processes, as if all samples were in a single batch.
    """

    settings: LossSettings
    classes: int
    total: Total = alone

    def __call__(self, logits: Tensor, target: Tensor, supervised: Tensor, rows: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            logits: (B, 1, *spatial).
            target: same shape, 0 to 1.
            supervised: same shape, 1 where the target is known; elsewhere nothing has any gradient.
            rows: (B,) the class of each sample.
        """
        logits = logits.float()
        voxelwise = binary_cross_entropy_with_logits(logits, target, reduction="none")
        sums = torch.stack(
            [
                *overlap_sums(logits.sigmoid(), target, supervised),
                _per_sample(voxelwise * supervised),
                _per_sample(supervised),
                torch.ones_like(rows, dtype=torch.float32),
            ]
        )  # (6, B)
        by_class = self.total(sums.new_zeros(6, self.classes).index_add(1, rows, sums))
        present = by_class[5] > 0  # beta
        overlap, predicted, true, bce, known, _asked = by_class[:, present]
        loss = self.settings.dice * dice_loss(overlap, predicted, true, self.settings.smooth)
        if self.settings.bce > 0:
            loss = loss * (true > 0) + self.settings.bce * bce / known.clamp(min=1.0)
        alpha = loss.new_tensor(self.settings.weights(self.classes))[present]
        weighted: Tensor = alpha * loss
        return weighted.mean()


def overlap_sums(probability: Tensor, target: Tensor, supervised: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of Dice per sample, (B,): sum(Y Y^), sum Y^ and sum Y over the supervised voxels."""
    probability, target = probability * supervised, target * supervised
    return _per_sample(probability * target), _per_sample(probability), _per_sample(target)


def dice_loss(overlap: Tensor, predicted: Tensor, true: Tensor, smooth: float) -> Tensor:
    """Equation 5, L = 1 - 2 sum(Y Y^) / (sum Y + sum Y^), smoothed."""
    return 1.0 - (2.0 * overlap + smooth) / (predicted + true + smooth)


def dice_score(logits: Tensor, target: Tensor, supervised: Tensor) -> float:
    """Dice of the mask at probability 0.5; 1 where both are empty."""
    predicted = (logits > 0) & (supervised > 0)
    truth = (target > 0.5) & (supervised > 0)
    both = int(predicted.sum() + truth.sum())
    return 1.0 if both == 0 else float(2 * (predicted & truth).sum() / both)


def _per_sample(x: Tensor) -> Tensor:
    return x.flatten(1).sum(dim=1)
