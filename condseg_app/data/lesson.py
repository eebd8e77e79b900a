"""Lessons: a class to teach to a model, annotated on an image or a few."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.annotation import Annotation
from condseg_app.data.classes import ClassEntry
from condseg_app.data.image import Image
from condseg_app.errors import ClassTableError

TeachingMode = Literal["exact", "full"]
"""'exact' learns the class's row and nothing else; 'full' learns everything, with the old model as the teacher."""

Shown = tuple[Image, Sequence[Annotation]]
"""An image with its annotations."""

TEACHING_STEPS = 600
"""Steps that are usually enough."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """A class to add to a model, or to improve if the model has the class already.

    Attributes:
        entry: the class.
        image: the annotated image, on which the outcome is compared.
        annotations: of the class itself, and of any other class of the model.
        steps: training steps to take.
        mode: 'exact' or 'full'.
        beside: more images with annotations.

    Raises:
        ClassTableError: the class itself is not annotated on the image.
    """

    entry: ClassEntry
    image: Image
    annotations: tuple[Annotation, ...]
    steps: int = TEACHING_STEPS
    mode: TeachingMode = "exact"
    beside: tuple[Shown, ...] = ()

    @property
    def shown(self) -> tuple[Shown, ...]:
        """All images with their annotations; the lesson's own first."""
        return (self.image, self.annotations), *self.beside

    @property
    def annotation(self) -> Annotation:
        """The class's annotation on the lesson's image."""
        return next(a for a in self.annotations if a.class_name == self.entry.name)

    def __post_init__(self) -> None:
        marked = [a for a in self.annotations if a.class_name == self.entry.name]
        if not any(a.state == "present" for a in marked):
            raise ClassTableError(f"no voxel of '{self.entry.name}' is annotated yet; paint it on a few slices first")


@dataclass(frozen=True)
class TrainingProgress:
    """Progress of a training.

    Attributes:
        step: steps taken.
        steps: steps to take in all.
        loss: of the last step, smoothed over the last few.
        dice: class name -> Dice: in the mode 'full' of the last training samples of the class, smoothed likewise; in
            the mode 'exact' on held-out slices, absent while too few slices are annotated.
        seconds_left: estimate from the pace so far; None before the first step.
        nearest: the old class with the highest Dice with the annotation, and that Dice ('exact' only).
        seconds: spent so far, without pauses.
    """

    step: int
    steps: int
    loss: float = float("nan")
    dice: Mapping[str, float] = field(default_factory=dict)
    seconds_left: float | None = None
    nearest: tuple[str, float] | None = None
    seconds: float = 0.0

    @property
    def finished(self) -> bool:
        """Whether all steps are taken."""
        return self.step >= self.steps


@dataclass(frozen=True, eq=False)
class LearntState:
    """State of a class during a lesson in the mode 'exact': a few kB, to go back to.

    Attributes:
        step: steps taken by then.
        row: tensor name -> learnt values.
        beside: fold -> row that is learnt without the fold's slices.
        slices: (an image's key, slice) -> the slice's number, which gives its fold.
        dice: held-out Dice when last measured; None while too few slices are annotated.
        seconds: spent on the lesson by then, without pauses.
    """

    step: int
    row: Mapping[str, NDArray[np.generic]]
    beside: Mapping[int, Mapping[str, NDArray[np.generic]]] = field(default_factory=dict)
    slices: Mapping[tuple[str, int], int] = field(default_factory=dict)
    dice: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class ClassChange:
    """A class before and after a lesson, on the lesson's image.

    Attributes:
        name: the class.
        before: Dice of the old model (None for a new class).
        after: Dice of the new model.
        reference: of both Dice values: the person's 'annotation', or, for a class without annotation, the old model's
            own 'prediction' (`before` is then 1 by definition).
    """

    name: str
    before: float | None
    after: float
    reference: str


@dataclass(frozen=True)
class DeviceInfo:
    """A device: 'cpu', 'cuda' and so on, the name, and the number of a CPU's threads."""

    kind: str
    name: str
    threads: int = 0
