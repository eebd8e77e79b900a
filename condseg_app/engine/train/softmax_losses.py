"""Losses for networks with a softmax over all classes, on partly labelled data."""

from dataclasses import dataclass

import torch
from torch import Tensor

from condseg_app.engine.train.losses import LossSettings, Total, alone, dice_loss


@dataclass(frozen=True)
class SoftmaxLoss:
    """The target adaptive loss, and the additions of 'marginal_exclusion'.

    The target adaptive loss (PIPO-FAN, equation 8) is the cross-entropy in which the channels of a voxel's
    unlabelled classes are merged with the background, so that the loss is -log sum_(k allowed) p_k over the channels
    that the labels allow. A class that is part of another is allowed wherever the other is marked. Where all classes
    are labelled the loss is the weighted cross-entropy of equation 1.

    'marginal_exclusion' (Shi et al., Medical Image Analysis 70, 2021) adds the Dice loss of the labelled
    classes' merged probabilities, and punishes unlabelled classes where a labelled class is marked.

    Attributes:
        settings: weights; alpha weighs the voxels of a class.
        members: (classes, 1 + classes) bool, the channels that make up a class: its own and its parts'.
        total: adds up the sums of the loss over processes.
    """

    settings: LossSettings
    members: Tensor
    total: Total = alone

    def __call__(self, scores: Tensor, target: Tensor, supervised: Tensor) -> Tensor:
        """The loss of a batch.

        Args:
            scores: (B, 1 + classes, *spatial) before the softmax, background first.
            target: (B, classes, *spatial), 0 or 1.
            supervised: same shape, 1 where the class is labelled.
        """
        log_p = scores.float().log_softmax(dim=1)
        marked, known = (target > 0.5) & (supervised > 0.5), supervised > 0.5
        loss = self._target_adaptive(log_p, marked, known)
        if self.settings.kind == "marginal_exclusion":
            loss = loss + self._marginal_dice(log_p.exp(), marked, known)
            loss = loss + self.settings.exclusion * self._exclusion(log_p.exp(), marked, known)
        return loss

    def _target_adaptive(self, log_p: Tensor, marked: Tensor, known: Tensor) -> Tensor:
        allowed = self._allowed(marked, known)
        # Nothing is learnt where nothing is labelled, nor where labels contradict each other.
        counts = known.any(dim=1) & allowed.any(dim=1)
        allowed = allowed | ~counts[:, None]
        voxelwise = -log_p.masked_fill(~allowed, -torch.inf).logsumexp(dim=1)  # (B, *spatial)
        alpha = log_p.new_tensor(self.settings.weights(len(self.members)))
        weight = counts * (1.0 + torch.einsum("bk...,k->b...", marked.float(), alpha - 1.0))
        loss, weights = self.total(torch.stack([(weight * voxelwise).sum(), weight.sum()]))
        mean: Tensor = loss / weights.clamp(min=1.0)
        return mean

    def _allowed(self, marked: Tensor, known: Tensor) -> Tensor:
        """(B, 1 + classes, *spatial): the channels that agree with every label of a voxel."""
        members = self.members.to(marked.device).float()
        against = torch.einsum("bk...,kc->bc...", marked.float(), 1.0 - members)
        against = against + torch.einsum("bk...,kc->bc...", (known & ~marked).float(), members)
        return against == 0

    def _marginal_dice(self, probability: Tensor, marked: Tensor, known: Tensor) -> Tensor:
        merged = torch.einsum("bc...,kc->bk...", probability, self.members.to(known.device).float()) * known
        sums = self.total(
            torch.stack([_by_class(x) for x in (merged * marked, merged, marked.float(), known.float())])
        )  # (4, classes)
        labelled = (sums[3] > 0).float()
        loss = dice_loss(sums[0], sums[1], sums[2], self.settings.smooth)
        return (labelled * loss).sum() / labelled.sum().clamp(min=1.0)

    def _exclusion(self, probability: Tensor, marked: Tensor, known: Tensor) -> Tensor:
        """Overlap of unlabelled classes with labelled masks of classes that are neither part nor whole of theirs."""
        own = self.members[:, 1:].to(known.device)
        foreign = (~(own | own.T)).float()
        elsewhere = torch.einsum("bk...,kn->bn...", marked.float(), foreign) > 0
        unlabelled = ~known.flatten(2).any(dim=2).reshape(*known.shape[:2], *[1] * (known.dim() - 2))
        p = probability[:, 1:] * unlabelled
        sums = self.total(torch.stack([_by_class(x) for x in (p * elsewhere, p, (elsewhere & unlabelled).float())]))
        absent = (sums[2] > 0).float()
        overlap = 2.0 * sums[0] / (sums[1] + sums[2]).clamp(min=1.0)
        return (absent * overlap).sum() / absent.sum().clamp(min=1.0)


def _by_class(x: Tensor) -> Tensor:
    return x.transpose(0, 1).flatten(1).sum(dim=1)
