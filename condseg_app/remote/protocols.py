"""What can be asked of an engine, wherever it runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from condseg_app.data import (
    Annotation,
    Block,
    Certificate,
    ClassChange,
    DeviceInfo,
    Image,
    LearntState,
    Lesson,
    Model,
    Region,
    Shown,
    TaughtClass,
    TrainingProgress,
)
from condseg_app.remote.place import Place


class PredictorLike(Protocol):
    """Predicts one image with one model, a window at a time."""

    @property
    def windows(self) -> int:
        """How many windows cover the image."""

    def order(self, near: tuple[int, int, int] | None) -> list[int]:
        """All windows, those next to a voxel (I, J, K) first."""

    def segment(self, window: int, classes: Sequence[str]) -> Block:
        """The probabilities of some classes in one window; within a second or so."""


class TrainerLike(Protocol):
    """A training that goes on a little with each call."""

    def advance(self, seconds: float) -> TrainingProgress:
        """Train for about so long."""

    def model(self) -> Model:
        """The model as it is now."""


@runtime_checkable
class ExactTrainerLike(TrainerLike, Protocol):
    """A training of one class alone, which goes on with other marks, shows the class, and goes back."""

    def show(self, shown: Sequence[Shown]) -> None:
        """Go on with what is marked now."""

    def examine(self) -> float | None:
        """Dice on marked slices that were not learnt from; None where too few are marked."""

    def state(self) -> LearntState:
        """The class as it is now."""

    def go_to(self, state: LearntState) -> None:
        """Go on from an earlier state."""

    def look_at(self, part: Region) -> int:
        """Get ready to show the class as it is now on a part of the image; in how many windows."""

    def segment(self, window: int) -> Block | None:
        """The class in one of these windows, within a second or so; None before anything is looked at."""


class TeacherLike(TrainerLike, Protocol):
    """A training for a lesson, which can say what it has changed; what is said to be 'exact' needs that mode."""

    def show(self, marks: Annotation) -> None:
        """Go on with what is marked of the class now ('exact')."""

    def examine(self) -> float | None:
        """Dice on marked slices that were not learnt from ('exact'); None where too few are marked."""

    def state(self) -> LearntState:
        """The class as it is now ('exact')."""

    def go_to(self, state: LearntState) -> None:
        """Go on from an earlier state ('exact')."""

    def look_at(self, part: Region) -> int:
        """Get ready to show the class as it is now on a part of the image ('exact'); in how many windows."""

    def segment(self, window: int) -> Block | None:
        """The class in one of these windows, within a second or so ('exact')."""

    def compare(self) -> tuple[ClassChange, ...]:
        """Each class before and after, on the lesson's image."""

    def certificate(self) -> Certificate:
        """Whether the other classes answer on the lesson's image as they did."""


class Toolbox(Protocol):
    """The functions that an engine runs; values in, values out."""

    def device(self) -> DeviceInfo:
        """What computes."""

    def predictor(self, model: Model, image: Image) -> PredictorLike:
        """Get ready to predict."""

    def trainer(self, model: Model, lesson: Lesson) -> TrainerLike:
        """Get ready to teach."""

    def compare(self, before: Model, after: Model, lesson: Lesson) -> tuple[ClassChange, ...]:
        """Each class before and after, on the lesson's image."""

    def certify(self, before: Model, after: Model, lesson: Lesson) -> Certificate:
        """Whether the other classes answer on the lesson's image as they did."""

    def class_of(self, model: Model, name: str) -> TaughtClass:
        """A class by itself."""

    def with_class(self, model: Model, taught: TaughtClass) -> Model:
        """The model with a class more."""

    def without_class(self, model: Model, name: str) -> Model:
        """The model with a class less."""


class EngineLike(Protocol):
    """An engine; its methods block and may be called from any thread."""

    @property
    def place(self) -> Place | None:
        """Where it runs; None on this computer, for this program alone."""

    def device(self) -> DeviceInfo:
        """What computes."""

    def predictor(self, model: Path, image: Image) -> PredictorLike:
        """Get ready to predict an image with the model of a file."""

    def teacher(self, model: Path, lesson: Lesson) -> TeacherLike:
        """Get ready to teach the model of a file."""

    def class_of(self, model: Path, name: str) -> TaughtClass:
        """A class of a file's model by itself."""

    def with_class(self, model: Path, taught: TaughtClass) -> Model:
        """The model of a file with a class that was taught to it elsewhere; ModelError if it was another one."""

    def without_class(self, model: Path, name: str) -> Model:
        """The model of a file without a class; ClassTableError if it has no other."""

    def close(self) -> None:
        """End it; a call after that raises `EngineLost`."""
