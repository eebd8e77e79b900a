"""From samples to batches for a network."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from condseg_app.data import ClassTable
from condseg_app.engine.networks import condition_for, memory_format
from condseg_app.engine.train.samples import TrainingSample


class Batch(NamedTuple):
    """Images and N questions, each about a class in one of the images.

    Attributes:
        images: (B, C, *spatial).
        owners: (N,) the image that a question is about.
        rows: (N,) the class asked for.
        codes: (N,) that class's code.
        target: (N, 1, *spatial), 0 to 1.
        supervised: (N, 1, *spatial), 1 where the target is known.
    """

    images: Tensor
    owners: Tensor
    rows: Tensor
    codes: Tensor
    target: Tensor
    supervised: Tensor


def make_batch(samples: Sequence[TrainingSample], classes: ClassTable, device: torch.device) -> Batch:
    """The questions of some samples, on a device."""
    images = torch.stack([sample.image for sample in samples])
    condition = condition_for(classes, [name for sample in samples for name in sample.classes], device)
    return Batch(
        images.to(device, memory_format=memory_format(images.dim() - 2, device)),
        torch.tensor([owner for owner, sample in enumerate(samples) for _ in sample.classes], device=device),
        condition.rows,
        condition.codes,
        torch.cat([sample.target for sample in samples])[:, None].to(device),
        torch.cat([sample.supervised for sample in samples])[:, None].to(device),
    )


def ask_unlabelled(sample: TrainingSample, classes: ClassTable) -> TrainingSample:
    """The sample with every class of the table asked for, unlabelled classes as absent."""
    others = tuple(name for name in classes.names if name not in sample.classes)
    shape = (len(others), *sample.image.shape[1:])
    return TrainingSample(
        sample.image,
        torch.cat([sample.target, torch.zeros(shape)]),
        torch.cat([sample.supervised, torch.ones(shape)]),
        (*sample.classes, *others),
    )
