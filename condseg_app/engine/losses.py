"""Losses over samples that each ask for one class."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LossSettings:
    """What a training minimises.

    Attributes:
        dice: weight of the Dice loss (equation 5).
        bce: weight of the binary cross-entropy. The paper found it much worse alone; beside Dice it gives a
            gradient where a class is absent, and Dice does not.
        smooth: added to numerator and denominator of the Dice loss, so that an empty target has a loss.
        alpha: weight of each class, by row (equation 4); 1 where the tuple is too short.
    """

    dice: float = 1.0
    bce: float = 1.0
    smooth: float = 1.0
    alpha: tuple[float, ...] = ()


def conditioned_loss(
    logits: Tensor, target: Tensor, supervised: Tensor, rows: Tensor, settings: LossSettings
) -> Tensor:
    """Dmitriev & Kaufman's equation 4: L = sum_i alpha_i beta_i L_i over the classes of a batch.

    beta_i is 1 for the classes that samples of the batch were asked for and 0 for all others. The sum is
    divided by the number of classes present, so that its scale does not depend on the draw.

    Args:
        logits: (B, 1, *spatial).
        target: same shape, 0 to 1.
        supervised: same shape, 1 where the target is known; elsewhere nothing has any gradient.
        rows: (B,) the class of each sample.
        settings: weights.
    """
    total = logits.new_zeros(())
    present = torch.unique(rows)
    for row in present.tolist():
        chosen = rows == row
        alpha = settings.alpha[row] if row < len(settings.alpha) else 1.0
        total = total + alpha * _class_loss(logits[chosen], target[chosen], supervised[chosen], settings)
    return total / len(present)


def _class_loss(logits: Tensor, target: Tensor, supervised: Tensor, settings: LossSettings) -> Tensor:
    loss = logits.new_zeros(())
    if settings.dice:
        loss = loss + settings.dice * dice_loss(logits.sigmoid(), target, supervised, settings.smooth)
    if settings.bce:
        voxelwise = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        loss = loss + settings.bce * (voxelwise * supervised).sum() / supervised.sum().clamp(min=1.0)
    return loss


def dice_loss(probability: Tensor, target: Tensor, supervised: Tensor, smooth: float) -> Tensor:
    """Equation 5, L = 1 - 2 sum(Y Y^) / (sum Y + sum Y^), smoothed, over all samples of one class together."""
    probability, target = probability * supervised, target * supervised
    overlap = (probability * target).sum()
    return 1.0 - (2.0 * overlap + smooth) / (probability.sum() + target.sum() + smooth)


def dice_score(logits: Tensor, target: Tensor, supervised: Tensor) -> float:
    """Dice of the mask at probability 0.5; 1 where both are empty."""
    predicted = (logits > 0) & (supervised > 0)
    truth = (target > 0.5) & (supervised > 0)
    total = int(predicted.sum() + truth.sum())
    return 1.0 if total == 0 else float(2 * (predicted & truth).sum() / total)
