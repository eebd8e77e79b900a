"""From a batch to a loss: a network together with its loss.

An objective is a module whose `forward` takes a whole batch, so that a wrapper for several devices or for lower
precision sees a single call, however the network computes inside.
"""

from typing import cast

import torch
from torch import Tensor, nn

from condseg_app.data import Model
from condseg_app.engine.networks import answers_together
from condseg_app.engine.train.batches import Batch
from condseg_app.engine.train.losses import ConditionedLoss, LossSettings, Total, alone
from condseg_app.engine.train.softmax_losses import SoftmaxLoss
from condseg_app.errors import ModelError
from condseg_models import Condition, ConditionedNetwork, SoftmaxNetwork, class_logits, members


class ConditionedObjective(nn.Module):
    """Each question is decoded by itself and has its own loss."""

    def __init__(self, network: ConditionedNetwork, loss: ConditionedLoss) -> None:
        super().__init__()
        self.network = cast("nn.Module", network)
        self.loss = loss

    def forward(self, batch: Batch, deep: bool = False) -> tuple[Tensor, Tensor]:
        """The loss, and the questions' logits (N, 1, *spatial)."""
        network = cast("ConditionedNetwork", self.network)
        features = tuple(f[batch.owners] for f in network.encode(batch.images))
        logits = network.decode(features, Condition(batch.rows, batch.codes))
        return self.loss(logits, batch.target, batch.supervised, batch.rows), logits


class SoftmaxObjective(nn.Module):
    """All questions of an image are answered by the same softmax.

    With `deep` a network's further outputs are supervised instead of the main output: PIPO-FAN's first stage.
    """

    def __init__(self, network: SoftmaxNetwork, loss: SoftmaxLoss) -> None:
        super().__init__()
        self.network = cast("nn.Module", network)
        self.loss = loss

    def forward(self, batch: Batch, deep: bool = False) -> tuple[Tensor, Tensor]:
        """The loss, and the questions' logits (N, 1, *spatial)."""
        network = cast("SoftmaxNetwork", self.network)
        scores = network.scores(network.encode(batch.images))
        target, supervised = self._side_by_side(batch)
        outputs = scores[1:] if deep and len(scores) > 1 else scores[:1]
        loss = torch.stack([self.loss(output, target, supervised) for output in outputs]).mean()
        return loss, class_logits(scores[0][batch.owners], batch.rows, self.loss.members.to(batch.rows.device))

    def _side_by_side(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Targets and supervised voxels of each image as (B, classes, *spatial)."""
        shape = (len(batch.images), len(self.loss.members), *batch.target.shape[2:])
        target, supervised = batch.target.new_zeros(shape), batch.target.new_zeros(shape)
        target[batch.owners, batch.rows] = batch.target[:, 0]
        supervised[batch.owners, batch.rows] = batch.supervised[:, 0]
        return target, supervised


def make_objective(
    network: ConditionedNetwork, model: Model, settings: LossSettings, total: Total = alone
) -> ConditionedObjective | SoftmaxObjective:
    """The objective for a network.

    Raises:
        ModelError: the loss does not suit the network.
    """
    if answers_together(model):
        if settings.kind == "dice_bce":
            raise ModelError(f"'{model.network}' takes the loss target_adaptive or marginal_exclusion, not dice_bce")
        channels = members(len(model.classes), model.settings.get("parts", ()))
        return SoftmaxObjective(cast("SoftmaxNetwork", network), SoftmaxLoss(settings, channels, total))
    if settings.kind not in (None, "dice_bce"):
        raise ModelError(f"'{model.network}' answers for one class at a time; it takes the loss dice_bce")
    return ConditionedObjective(network, ConditionedLoss(settings, len(model.classes), total))
