"""The session's state as a frozen value: all that is open, the job under way, and the lesson."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from condseg_app.data import (
    Certificate,
    ChunkedAnnotation,
    ClassChange,
    ClassEntry,
    ClassLevels,
    ClassTable,
    Image,
    LearntState,
    Levels,
    Model,
    Prediction,
    TeachingMode,
    TrainingProgress,
)
from condseg_app.errors import CondsegError, ModelError

ClassState = Literal["not asked", "filling", "complete"]
JobKind = Literal["reading", "prediction", "search", "lesson", "saving of a lesson"]
Annotations = Mapping[str, ChunkedAnnotation]

DEFAULT_THRESHOLD = 0.5
NO_IMAGE, NO_MODEL = "Open an image first", "Choose a model first"


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """An image that was open before, kept for a lesson.

    Attributes:
        image: the image.
        annotations: of the image.
    """

    image: Image
    annotations: Annotations


@dataclass(frozen=True, eq=False)
class JobDescription:
    """The job that the user sees.

    Attributes:
        kind: of work.
        title: for the screen.
        is_paused: whether the job waits.
    """

    kind: JobKind
    title: str
    is_paused: bool = False


@dataclass(frozen=True)
class LessonResult:
    """Result of a lesson.

    Attributes:
        path: the new model's file; the parent model is untouched.
        parent: the parent model's file.
        class_name: the taught class.
        changes: each class before and after.
        certificate: that the other classes are as they were ('exact' only).
        state: the class as saved ('exact' only).
        reasons: why little may have been learnt, with remedies; empty where enough was.
    """

    path: Path
    parent: Path
    class_name: str
    changes: tuple[ClassChange, ...]
    certificate: Certificate | None = None
    state: LearntState | None = None
    reasons: tuple[str, ...] = ()

    @property
    def dice(self) -> float | None:
        """Dice of the class: held-out Dice where known, else on the annotated slices."""
        if self.held_out is not None:
            return self.held_out
        return next((change.after for change in self.changes if change.name == self.class_name), None)

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
        shown: the image in view, and the others, with their annotations by the model's names.
        entry: the class, by the model's name.
        steps: training steps.
        mode: whether the class alone may change or everything.
        class_name: the class's name on screen.
        folder: where the new model goes.
    """

    state: "State"
    shown: tuple[tuple[Image, tuple[ChunkedAnnotation, ...]], ...]
    entry: ClassEntry
    steps: int
    mode: TeachingMode
    class_name: str
    folder: Path

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
        progress: as last reported, by the names on screen.
        result: the saved result, which waits to be accepted or discarded.
    """

    plan: LessonPlan
    states: tuple[LearntState, ...] = ()
    last: LearntState | None = None
    progress: TrainingProgress | None = None
    result: LessonResult | None = None


@dataclass(frozen=True, eq=False)
class State:
    """Everything that is open. A command makes a new state; an earlier state is never changed.

    Only the arrays in `levels` and `previews` are written to, by the session alone and on its own thread: blocks that
    come from the engine are pasted there, as copying the class for each block would be too slow.

    Attributes:
        image: the image in view.
        model: the model's description, without weights.
        model_path: the model's file.
        classes: the rows on screen: the model's, as named and coloured by the user, then the user's own.
        levels: class id -> the class's probabilities so far.
        complete: ids of those classes whose every voxel is computed.
        previews: class id -> preview of a class in training, in place of its prediction.
        annotations: class name -> annotation of the image; the latest last.
        elsewhere: annotated images opened earlier, by their key and shape: the same image may be
            opened on another grid.
        thresholds: class id -> threshold, where not the default.
        hidden: ids of classes that are not to be shown.
        shows_conflicts: whether the voxels that several classes claim are shown.
        priority: ids of classes in order of priority; None where the most probable class has priority.
        current_class: the current class.
        checks_files: whether image files are read in a process of their own first, in limited memory and time.
        job: the job that the user sees.
        lesson: the lesson that runs, or ran last.
        accepted: the lesson that made the open model, and the model's file before.
    """

    image: Image | None = None
    model: Model | None = None
    model_path: Path | None = None
    classes: ClassTable = field(default_factory=ClassTable)
    levels: Mapping[str, ClassLevels] = field(default_factory=dict)
    complete: frozenset[str] = frozenset()
    previews: Mapping[str, ClassLevels] = field(default_factory=dict)
    annotations: Annotations = field(default_factory=dict)
    elsewhere: Mapping[str, AnnotatedImage] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    shows_conflicts: bool = False
    priority: tuple[str, ...] | None = None
    current_class: str | None = None
    checks_files: bool = False
    job: JobDescription | None = None
    lesson: LessonRecord | None = None
    accepted: tuple[LessonResult, Path] | None = None

    @property
    def is_teaching(self) -> bool:
        """Whether the job is a lesson, or the end of a lesson."""
        return self.job is not None and self.job.kind in ("lesson", "saving of a lesson")

    @property
    def lesson_result(self) -> LessonResult | None:
        """A lesson's result that waits to be accepted or discarded."""
        return None if self.lesson is None else self.lesson.result

    @property
    def lesson_states(self) -> tuple[LearntState, ...]:
        """The states of the class that is taught, or was last, the earliest first ('exact' only)."""
        return () if self.lesson is None else self.lesson.states

    @property
    def lesson_class(self) -> str | None:
        """The class of the lesson, by its name when the lesson began."""
        return None if self.lesson is None else self.lesson.plan.class_name

    @property
    def can_go_on_with_lesson(self) -> bool:
        """Whether a lesson has stopped running with its result kept."""
        return self.lesson is not None and self.lesson.last is not None and not self.is_teaching

    @property
    def can_take_lesson_back(self) -> bool:
        """Whether the open model was taught here, with its parent model available."""
        return self.accepted is not None and self.accepted[0].path == self.model_path

    @property
    def in_priority(self) -> tuple[str, ...] | None:
        """All classes in order of priority; None where the most probable class has priority."""
        if self.priority is None:
            return None
        rows = (self.classes.by_id(class_id) for class_id in self.priority)
        return tuple(dict.fromkeys((*(row.name for row in rows if row is not None), *self.classes.names)))

    @property
    def hidden_classes(self) -> frozenset[str]:
        """Names of the classes that are not to be shown."""
        return frozenset(entry.name for entry in self.classes if entry.id in self.hidden)

    @property
    def prediction(self) -> Prediction | None:
        """The prediction so far; None without an image."""
        if self.image is None:
            return None
        begun = [entry for entry in self.classes if entry.id in self.levels]
        return Prediction(
            self.image.geometry,
            Levels(self.image.geometry.shape, {entry.name: self.levels[entry.id] for entry in begun}),
            frozenset(entry.name for entry in begun if entry.id in self.complete),
        )

    def id_of(self, name: str) -> str:
        """A class's id; empty for a class that is not in the table."""
        return self.classes[name].id if name in self.classes else ""

    def threshold(self, name: str) -> float:
        """From which probability on a voxel counts as the class."""
        return self.thresholds.get(self.id_of(name), DEFAULT_THRESHOLD)

    def state_of(self, name: str) -> ClassState:
        """State of a class's prediction."""
        class_id = self.id_of(name)
        if class_id in self.complete:
            return "complete"
        return "filling" if class_id in self.levels else "not asked"

    def can_predict(self, name: str) -> bool:
        """Whether the model knows a class."""
        return self.model is not None and self.model.classes.by_id(self.id_of(name)) is not None

    def model_class(self, name: str) -> str:
        """The model's name for a class, by which the engine is asked.

        Raises:
            CondsegError: no model is open, or the model does not know the class.
        """
        _, model = self.opened_model()
        known = model.classes.by_id(self.classes[name].id)
        if known is None:
            raise ModelError(f"model '{model.name}' does not know '{name}' yet; annotate it and teach it first")
        return known.name

    def shown_class(self, own: str) -> str:
        """The name on screen for a class of the model's name; the same name for a class not on screen."""
        entry = self.model.classes[own] if self.model is not None and own in self.model.classes else None
        shown = None if entry is None else self.classes.by_id(entry.id)
        return own if shown is None else shown.name

    def has_result(self, name: str) -> bool:
        """Whether a class is predicted, at least in part, or annotated."""
        return name in self.annotations or self.state_of(name) != "not asked"

    def levels_of(self, name: str) -> ClassLevels | None:
        """The probabilities shown of a class, a preview if in training; None where not requested."""
        class_id = self.id_of(name)
        return self.previews.get(class_id, self.levels.get(class_id))

    def marked_elsewhere(self, name: str) -> list[AnnotatedImage]:
        """The other annotated images of a class, as far as they fit the open model."""
        return [
            other
            for other in self.elsewhere.values()
            if name in other.annotations
            and other.annotations[name].state != "unlabelled"
            and (self.model is None or self.model.misfit(other.image) is None)
        ]

    def opened_image(self) -> Image:
        """The image; an error where there is none."""
        if self.image is None:
            raise CondsegError(NO_IMAGE)
        return self.image

    def opened_model(self) -> tuple[Path, Model]:
        """The model's file and description; an error where there is none."""
        if self.model is None or self.model_path is None:
            raise CondsegError(NO_MODEL)
        return self.model_path, self.model


def with_image(state: State, image: Image | None) -> State:
    """The state with another image: no prediction, and the annotations from when the image was open before."""
    elsewhere = dict(state.elsewhere)
    if state.image is not None and state.annotations:
        elsewhere[_key_on_grid(state.image)] = AnnotatedImage(state.image, state.annotations)
    kept = None if image is None else elsewhere.pop(_key_on_grid(image), None)
    restored: Annotations = {} if kept is None else kept.annotations
    nothing = replace(state, levels={}, complete=frozenset(), previews={})
    return replace(nothing, image=image, annotations=restored, elsewhere=elsewhere)


def _key_on_grid(image: Image) -> str:
    return f"{image.key} {image.geometry.shape}"
