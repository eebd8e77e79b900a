"""The session's state as a frozen value: all that is open, the job under way, and the lesson."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from condseg_app.data import ChunkedAnnotation, ClassEntry, ClassId, ClassLevels, ClassTable, Image, LearntState, Model
from condseg_app.errors import ClassTableError, CondsegError, ModelError
from condseg_app.io.project.folder import Revision
from condseg_app.session.lesson_record import LessonRecord, LessonResult
from condseg_app.session.requests import Choice, LabelsFound, MissingFile

ClassState = Literal["not asked", "filling", "complete"]
Beside = Literal["reading", "drawing"]
"""Kinds of jobs that run beside others: of an image or labels, and of a drawing tool."""
JobKind = Beside | Literal["prediction", "search", "lesson", "saving of a lesson"]
Annotations = Mapping[ClassId, ChunkedAnnotation]

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
        classes: of a prediction: those that are computed together, group after group.
    """

    kind: JobKind
    title: str
    is_paused: bool = False
    classes: tuple[tuple[ClassId, ...], ...] = ()


@dataclass(frozen=True, eq=False)
class OpenProject:
    """A project on disk.

    Attributes:
        folder: the project's folder.
        revision: as last read or written.
        saved: the state at that time.
        holder: the owner of the other window that has the project, so that it is read-only here; empty without.
    """

    folder: Path
    revision: Revision
    saved: "State"
    holder: str = ""


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
        levels: class -> the class's probabilities so far.
        parts: class -> computed fraction of the class's windows, 0 to 1.
        previews: class -> preview of a class in training, in place of its prediction.
        annotations: class -> annotation of the image; the latest last.
        elsewhere: annotated images opened earlier, by their key and shape: the same image may be
            opened on another grid.
        thresholds: class -> threshold, where not the default.
        hidden: classes that are not to be shown.
        shows_conflicts: whether the voxels that several classes claim are shown.
        priority: classes in order of priority; None where the most probable class has priority.
        current_class: the current class.
        locked: classes whose voxels no drawing changes.
        only_free: whether drawing leaves the voxels of all other classes alone.
        only_inside: the class outside of which drawing changes nothing; None where drawing is not confined.
        checks_files: whether image files are read in a process of their own first, in limited memory and time.
        question: the choice asked for: which image of a file, the use of labels that were found, or the place of a
            project's missing file.
        job: the job that the user sees.
        lesson: the lesson that runs, or ran last.
        accepted: the lesson that made the open model, and the model's file before.
        project: the open project; None without.
    """

    image: Image | None = None
    model: Model | None = None
    model_path: Path | None = None
    classes: ClassTable = field(default_factory=ClassTable)
    levels: Mapping[ClassId, ClassLevels] = field(default_factory=dict)
    parts: Mapping[ClassId, float] = field(default_factory=dict)
    previews: Mapping[ClassId, ClassLevels] = field(default_factory=dict)
    annotations: Annotations = field(default_factory=dict)
    elsewhere: Mapping[str, AnnotatedImage] = field(default_factory=dict)
    thresholds: Mapping[ClassId, float] = field(default_factory=dict)
    hidden: frozenset[ClassId] = frozenset()
    shows_conflicts: bool = False
    priority: tuple[ClassId, ...] | None = None
    current_class: ClassId | None = None
    locked: frozenset[ClassId] = frozenset()
    only_free: bool = False
    only_inside: ClassId | None = None
    checks_files: bool = False
    question: Choice | LabelsFound | MissingFile | None = None
    job: JobDescription | None = None
    lesson: LessonRecord | None = None
    accepted: tuple[LessonResult, Path] | None = None
    project: OpenProject | None = None

    @property
    def is_working(self) -> bool:
        """Whether there is a job that others do not run beside."""
        return self.job is not None and self.job.kind not in get_args(Beside)

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
    def lesson_class(self) -> ClassId | None:
        """The class of the lesson."""
        return None if self.lesson is None else self.lesson.plan.entry.id

    @property
    def lesson_name(self) -> str:
        """The name on screen of the lesson's class; empty without a lesson."""
        if self.lesson is None:
            return ""
        taught = self.lesson.plan.entry
        return (self.classes.by_id(taught.id) or taught).name

    @property
    def can_go_on_with_lesson(self) -> bool:
        """Whether a lesson has stopped running with its result kept."""
        return self.lesson is not None and self.lesson.last is not None and not self.is_teaching

    @property
    def can_take_lesson_back(self) -> bool:
        """Whether the open model was taught here, with its parent model available."""
        return self.accepted is not None and self.accepted[0].path == self.model_path

    @property
    def in_priority(self) -> tuple[ClassId, ...] | None:
        """All classes in order of priority; None where the most probable class has priority."""
        if self.priority is None:
            return None
        return tuple(dict.fromkeys((*(i for i in self.priority if self.classes.by_id(i)), *self.classes.ids)))

    def entry(self, class_id: ClassId) -> ClassEntry:
        """The row of a class; an error where the class is not in the table."""
        entry = self.classes.by_id(class_id)
        if entry is None:
            raise ClassTableError("the class is not in the table any more; choose another")
        return entry

    def name_of(self, class_id: ClassId) -> str:
        """The class's name on screen, the model's where the class is not in the table, or else 'a removed class'."""
        own = None if self.model is None else self.model.classes.by_id(class_id)
        entry = self.classes.by_id(class_id) or own
        return "a removed class" if entry is None else entry.name

    def threshold(self, class_id: ClassId) -> float:
        """From which probability on a voxel counts as the class."""
        return self.thresholds.get(class_id, DEFAULT_THRESHOLD)

    def state_of(self, class_id: ClassId) -> ClassState:
        """State of a class's prediction."""
        if class_id not in self.levels:
            return "not asked"
        return "complete" if self.parts.get(class_id, 0.0) == 1.0 else "filling"

    def can_predict(self, class_id: ClassId) -> bool:
        """Whether the model knows a class."""
        return self.model is not None and self.model.classes.by_id(class_id) is not None

    def model_class(self, class_id: ClassId) -> str:
        """The model's name for a class, by which the engine is asked.

        Raises:
            CondsegError: no model is open, or the model does not know the class.
        """
        _, model = self.opened_model()
        known = model.classes.by_id(class_id)
        if known is None:
            name = self.entry(class_id).name
            raise ModelError(f"model '{model.name}' does not know '{name}' yet; annotate it and teach it first")
        return known.name

    def will_predict(self, class_id: ClassId) -> bool:
        """Whether the prediction under way will complete a class."""
        return self.job is not None and any(class_id in group for group in self.job.classes)

    def has_result(self, class_id: ClassId) -> bool:
        """Whether a class is predicted, at least in part, or annotated."""
        return class_id in self.annotations or class_id in self.levels

    def levels_of(self, class_id: ClassId) -> ClassLevels | None:
        """The probabilities shown of a class, a preview if in training; None where not requested."""
        return self.previews.get(class_id, self.levels.get(class_id))

    def marked_elsewhere(self, class_id: ClassId) -> list[AnnotatedImage]:
        """The other annotated images of a class, as far as they fit the open model."""
        return [
            other
            for other in self.elsewhere.values()
            if class_id in other.annotations
            and other.annotations[class_id].state != "unlabelled"
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
        elsewhere[key_on_grid(state.image)] = AnnotatedImage(state.image, state.annotations)
    kept = None if image is None else elsewhere.pop(key_on_grid(image), None)
    restored: Annotations = {} if kept is None else kept.annotations
    nothing = replace(state, levels={}, parts={}, previews={}, question=None)
    return replace(nothing, image=image, annotations=restored, elsewhere=elsewhere)


def key_on_grid(image: Image) -> str:
    """Identity of an image on its grid."""
    return f"{image.key} {image.geometry.shape}"
