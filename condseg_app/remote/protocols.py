"""Protocols of an engine, on this computer or elsewhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

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
    TaughtClass,
    TrainingProgress,
)
from condseg_app.remote.endpoint import Endpoint


class PredictorLike(Protocol):
    """Prediction of an image with a model, a window at a time."""

    @property
    def windows(self) -> int:
        """Number of windows that cover the image."""

    def order(self, near: tuple[int, int, int] | None) -> list[int]:
        """All windows, those next to a voxel (I, J, K) first."""

    def segment(self, window: int, classes: Sequence[str]) -> Block:
        """Probabilities of some classes in a window; within a second or so."""


class TeacherLike(Protocol):
    """A lesson under way; methods marked 'exact' raise ModelError in the mode 'full'."""

    def advance(self, seconds: float) -> TrainingProgress:
        """Train for about so long."""

    def model(self) -> Model:
        """The model so far."""

    def compare(self) -> tuple[ClassChange, ...]:
        """Each class before and after, on the lesson's image."""

    def certificate(self) -> Certificate:
        """Proof that the other classes answer on the lesson's image as before."""

    def show(self, annotation: Annotation) -> None:
        """Go on with another annotation of the class ('exact')."""

    def examine(self) -> float | None:
        """Dice on marked slices that were not learnt from ('exact'); None where too few are marked."""

    def state(self) -> LearntState:
        """The present state of the class ('exact')."""

    def go_to(self, state: LearntState) -> None:
        """Go on from an earlier state ('exact')."""

    def look_at(self, part: Region) -> int:
        """Get ready to show the class on a part of the image ('exact'); returns the number of windows."""

    def segment(self, window: int) -> Block | None:
        """The class in a window of that part, within a second or so ('exact'); None before `look_at`."""


class EngineLike(Protocol):
    """An engine; its methods block and may be called from any thread."""

    @property
    def place(self) -> Endpoint | None:
        """The engine's address; None on this computer, for this program alone."""

    def device(self) -> DeviceInfo:
        """The device that computes."""

    def predictor(self, model: Path, image: Image) -> PredictorLike:
        """Get ready to predict an image with the model of a file."""

    def teacher(self, model: Path, lesson: Lesson) -> TeacherLike:
        """Get ready to teach the model of a file."""

    def class_of(self, model: Path, name: str) -> TaughtClass:
        """A class of a file's model by itself."""

    def with_class(self, model: Path, taught: TaughtClass) -> Model:
        """The model of a file with a class that was taught to a copy; ModelError if to another model."""

    def without_class(self, model: Path, name: str) -> Model:
        """The model of a file without a class; ClassTableError for the only class."""

    def close(self) -> None:
        """End the engine; a later call raises `EngineLost`."""
