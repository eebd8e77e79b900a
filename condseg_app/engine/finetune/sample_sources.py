"""Samples of a lesson in full mode: annotations, and predictions of the old model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from condseg_app.data import Model
from condseg_app.engine.networks import condition_for
from condseg_app.engine.train.samples import Cropping, PreparedCase, TrainingSample, crop, crop_anywhere
from condseg_models import ConditionedModule

ASKED = 8
"""Old classes that a window is asked for at most."""


@dataclass(frozen=True, eq=False)
class AnnotationSource:
    """Samples of a class's annotations; nothing is learnt elsewhere."""

    class_name: str
    cases: tuple[PreparedCase, ...]
    cropping: Cropping

    @property
    def name(self) -> str:
        """The source's name in messages."""
        return f"annotation of {self.class_name}"

    @property
    def size(self) -> int:
        """Images."""
        return len(self.cases)

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        """A window about a voxel of the class."""
        return crop(_one_of(self.cases, rng), self.class_name, self.cropping, rng)


@dataclass(frozen=True, eq=False)
class TeacherSource:
    """Samples of the old classes, with the old model's predictions as targets.

    The target is predicted from the varied window, the pupil's input; a window is encoded once and asked for several
    classes. Half of the windows lie near annotated voxels, where the new class may take from old classes, the others
    anywhere. An annotation of an old class takes the place of the old model's prediction.
    """

    model: Model
    taught: str
    teacher: ConditionedModule
    cases: tuple[PreparedCase, ...]
    beside: tuple[PreparedCase, ...]
    cropping: Cropping

    @property
    def name(self) -> str:
        """The source's name in messages."""
        return f"{self.model.name}'s own answers"

    @property
    def size(self) -> int:
        """Images."""
        return len(self.cases) + len(self.beside)

    def draw(self, rng: np.random.Generator) -> TrainingSample:
        """A window for some random old classes."""
        others = [name for name in self.model.classes.names if name != self.taught]
        asked = tuple(str(name) for name in rng.permutation(others)[:ASKED])
        if rng.random() < 0.5:
            image = crop_anywhere(_one_of((*self.cases, *self.beside), rng), self.cropping, rng)
            return _everywhere(image, self._answers(image, asked), asked)
        sample = crop(_one_of(self.cases, rng), self.taught, replace(self.cropping, asked=None), rng)
        answers = self._answers(sample.image, asked)
        for number, name in enumerate(asked):
            if name in sample.classes:
                row = sample.classes.index(name)
                answers[number] = torch.where(sample.supervised[row] > 0, sample.target[row], answers[number])
        return _everywhere(sample.image, answers, asked)

    @torch.no_grad()
    def _answers(self, image: Tensor, asked: Sequence[str]) -> Tensor:
        """(classes asked, *spatial), 0 to 1."""
        device = next(self.teacher.parameters()).device
        features = self.teacher.encode(image[None].to(device))
        logits = self.teacher.decode(features, condition_for(self.model.classes, asked, device))
        return logits[:, 0].sigmoid().float().cpu()


def _everywhere(image: Tensor, target: Tensor, classes: tuple[str, ...]) -> TrainingSample:
    return TrainingSample(image, target, torch.ones_like(target), classes)


def _one_of(cases: Sequence[PreparedCase], rng: np.random.Generator) -> PreparedCase:
    return cases[int(rng.integers(len(cases)))]
