"""What a model is to be taught: one class, shown on an image or a few."""

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
"""An image, with what is marked on it."""

TEACHING_STEPS = 600
"""Steps that are usually enough."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """A class to add to a model (or to improve, where its name is in the model's table already).

    Attributes:
        entry: the class.
        image: the image that was annotated, and on which the outcome is compared.
        annotations: what was marked on it: of the class itself, and of any other class of the model.
        steps: training steps to take.
        mode: what may change.
        beside: more images, with what was marked on them.

    Raises:
        ClassTableError: nothing of the class itself is marked on the image.
    """

    entry: ClassEntry
    image: Image
    annotations: tuple[Annotation, ...]
    steps: int = TEACHING_STEPS
    mode: TeachingMode = "exact"
    beside: tuple[Shown, ...] = ()

    @property
    def shown(self) -> tuple[Shown, ...]:
        """All images with what was marked on them; the lesson's own first."""
        return (self.image, self.annotations), *self.beside

    def __post_init__(self) -> None:
        marked = [a for a in self.annotations if a.class_name == self.entry.name]
        if not any(a.state == "present" for a in marked):
            raise ClassTableError(f"no voxel of '{self.entry.name}' is marked yet; paint it on a few slices first")


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training is.

    Attributes:
        step: steps taken.
        steps: steps to take in all.
        loss: of the last step, smoothed over the last few.
        dice: class name -> Dice: in the mode 'full' that of the last training samples of that class, smoothed likewise;
            in the mode 'exact' that on marked slices which were not learnt from, absent while too few are marked.
        seconds_left: estimate from the pace so far; None before the first step.
        nearest: the old class that explains the marks best, and its Dice with them ('exact' only).
        seconds: spent so far, pauses left out.
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
    """A class at one moment of a lesson in the mode 'exact': a few kB, by which one can go back to it.

    Attributes:
        step: steps taken by then.
        row: tensor name -> what is learnt.
        beside: by its number, each of the rows that are learnt without some of the marked slices, to say how good the
            class is on these.
        slices: (an image's key, slice) -> its number, which says what row is learnt without it.
        dice: on marked slices that were not learnt from, when that was last looked at; None while too few are marked.
        seconds: spent on the lesson by then, pauses left out.
    """

    step: int
    row: Mapping[str, NDArray[np.generic]]
    beside: Mapping[int, Mapping[str, NDArray[np.generic]]] = field(default_factory=dict)
    slices: Mapping[tuple[str, int], int] = field(default_factory=dict)
    dice: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class ClassChange:
    """One class before and after a lesson, on the lesson's image.

    Attributes:
        name: the class.
        before: Dice of the old model (None for a class it did not have).
        after: Dice of the new model.
        reference: what both were compared with: the person's 'annotation', or, for a class that is not
            annotated here, the old model's own 'prediction' (its `before` is 1 by definition).
    """

    name: str
    before: float | None
    after: float
    reference: str


@dataclass(frozen=True)
class DeviceInfo:
    """What computes: 'cpu' or 'cuda' and so on, its name, and how many threads a CPU uses."""

    kind: str
    name: str
    threads: int = 0
