"""Lessons as values: the plan, the learnt states, and the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from condseg_app.data import (
    Certificate,
    ChunkedAnnotation,
    ClassChange,
    ClassEntry,
    ClassId,
    Image,
    LearntState,
    TeachingMode,
    TrainingProgress,
)

if TYPE_CHECKING:  # types alone: the state holds a lesson, which holds the state that it began with
    from condseg_app.session.state import State


@dataclass(frozen=True)
class LessonResult:
    """Result of a lesson.

    Attributes:
        path: the new model's file; the parent model is untouched.
        parent: the parent model's file.
        class_id: the taught class.
        changes: class -> Dice before and after.
        certificate: that the other classes are as they were ('exact' only).
        state: the class as saved ('exact' only).
        reasons: why little may have been learnt, with remedies; empty where enough was.
    """

    path: Path
    parent: Path
    class_id: ClassId
    changes: Mapping[ClassId, ClassChange]
    certificate: Certificate | None = None
    state: LearntState | None = None
    reasons: tuple[str, ...] = ()

    @property
    def dice(self) -> float | None:
        """Dice of the class: held-out Dice where known, else on the annotated slices."""
        if self.held_out is not None:
            return self.held_out
        return self.changes[self.class_id].after if self.class_id in self.changes else None

    @property
    def kept_others(self) -> bool:
        """Whether all other classes certainly answer as before."""
        return self.certificate is not None and self.certificate.holds

    @property
    def held_out(self) -> float | None:
        """Held-out Dice; None where too few slices are annotated ('exact' only)."""
        return None if self.state is None else self.state.dice


@dataclass(frozen=True, eq=False)
class LessonPlan:
    """A lesson with all its inputs, regardless of later changes of the session.

    Attributes:
        state: at the beginning of the lesson.
        shown: the image in view, and the others, each with the annotations by the model's names.
        entry: the class, by the model's name.
        steps: training steps.
        mode: whether the class alone may change or everything.
        folder: where the new model goes.
    """

    state: "State"
    shown: tuple[tuple[Image, Mapping[str, ChunkedAnnotation]], ...]
    entry: ClassEntry
    steps: int
    mode: TeachingMode
    folder: Path

    @property
    def name(self) -> str:
        """The class's name on screen at the beginning of the lesson."""
        return self.state.name_of(self.entry.id)

    def id_of(self, own: str) -> ClassId:
        """The class of a name of the taught model's."""
        _, model = self.state.opened_model()
        return model.classes[own].id if own in model.classes else self.entry.id

    def is_on(self, image: Image | None) -> bool:
        """Whether an image is the lesson's image, on the same grid."""
        return self.is_of(image) and image is not None and image.geometry.fits(self.shown[0][0].geometry)

    def is_of(self, image: Image | None) -> bool:
        """Whether an image is of the lesson's file, maybe on another grid by now."""
        return image is not None and image.key == self.shown[0][0].key


@dataclass(frozen=True, eq=False)
class LessonRecord:
    """A lesson with its results, which outlives the engine.

    Attributes:
        plan: the lesson.
        states: of the class, to go back to; the earliest first ('exact' only).
        last: the class as last reported ('exact' only).
        progress: as last reported, by the classes' ids.
        result: the saved result, which waits to be accepted or discarded.
    """

    plan: LessonPlan
    states: tuple[LearntState, ...] = ()
    last: LearntState | None = None
    progress: TrainingProgress | None = None
    result: LessonResult | None = None
