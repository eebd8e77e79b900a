"""The session's readable part: open image and model, and signals of changes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from condseg_app.data import (
    Block,
    ChunkedAnnotation,
    ClassTable,
    DeviceInfo,
    Image,
    LabelMap,
    Measure,
    Model,
    Prediction,
    Region,
    TrainingProgress,
    measure,
)
from condseg_app.errors import CondsegError
from condseg_app.jobs import Job, Progress
from condseg_app.session import fusing
from condseg_app.session.changes import changes
from condseg_app.session.counting import VoxelCounts
from condseg_app.session.history import History
from condseg_app.session.proposing import ImageProposal, Proposal
from condseg_app.session.reading import Choice, LabelsFound
from condseg_app.session.state import ClassState, State
from condseg_app.session.teaching import LessonResult


class Opened:
    """The open image and model. Signals are emitted on the thread that calls the session's commands, after a change."""

    image_changed = Signal()
    """Another image is open, or none."""
    choice_needed = Signal(Choice)
    """A file holds several images: ask for a choice, then call `choose`. The open image stays until then."""
    labels_found = Signal(LabelsFound)
    """A file holds labels, of which something has to be asked first; then call `use_labels` or another answer."""
    labels_used = Signal(LabelsFound)
    """Labels have become the segmentation of the image in view."""
    model_changed = Signal()
    """Another model is open."""
    classes_changed = Signal()
    """Rows, names, colours, or the model's knowledge of classes."""
    current_class_changed = Signal()
    """Another class is current."""
    prediction_changed = Signal(str, object)
    """Class name, and the filled `Region`, or None for the whole class (also when dropped)."""
    visibility_changed = Signal()
    """The set of hidden classes, or whether conflicts are shown."""
    priority_changed = Signal()
    """The priority of overlapping classes."""
    threshold_changed = Signal(str)
    """Class name."""
    annotation_changed = Signal(str)
    """Class name."""
    job_changed = Signal()
    """`job` was started, paused, resumed, or is None again; or `shown_job` is another."""
    job_progressed = Signal(Progress)
    """Progress of `shown_job`."""
    lesson_progressed = Signal(TrainingProgress)
    """Progress of the lesson."""
    lesson_ended = Signal(LessonResult)
    """A lesson's model is saved: compare, then accept or discard."""
    lesson_states_changed = Signal()
    """`lesson_states` has a further state, or belongs to another lesson."""
    slice_proposed = Signal(Proposal)
    """On which slice to mark a class next."""
    image_proposed = Signal(ImageProposal)
    """On which image to mark a class next, of those that were looked at so far."""
    export_changed = Signal()
    """`export_progress` is another."""
    exported = Signal(tuple)
    """The paths that were written."""
    device_changed = Signal()
    """`device` is known."""
    failed = Signal(CondsegError)
    """A command or a job failed; `str(error)` is the sentence to show."""
    notice = Signal(str)
    """A sentence worth showing that is no failure."""

    def __init__(self) -> None:
        self._state = State()
        self._history = History()
        self._job: Job | None = None
        self._opening: Job | None = None
        self._lesson: LessonResult | None = None
        self._device: DeviceInfo | None = None
        self._counts = VoxelCounts()

    @property
    def image(self) -> Image | None:
        """The image in view."""
        return self._state.image

    @property
    def model(self) -> Model | None:
        """The model's description, without weights."""
        return self._state.model

    @property
    def model_path(self) -> Path | None:
        """The model's file."""
        return self._state.model_path

    @property
    def classes(self) -> ClassTable:
        """The rows: the model's, as named and coloured by the user, then the user's own."""
        return self._state.classes

    @property
    def prediction(self) -> Prediction | None:
        """The prediction so far: each look-up of a class makes a whole array; `levels_of` reads a part."""
        return self._state.prediction

    @property
    def annotations(self) -> Mapping[str, ChunkedAnnotation]:
        """Class name -> annotation of the image; the latest last."""
        return self._state.annotations

    def images_marked_elsewhere(self, name: str) -> int:
        """Number of images open before where a class is annotated; a lesson uses these, too."""
        return len(self._state.marked_elsewhere(name))

    @property
    def thresholds(self) -> Mapping[str, float]:
        """Class name -> threshold, for every class of the table."""
        return {name: self._state.threshold(name) for name in self.classes.names}

    @property
    def hidden(self) -> frozenset[str]:
        """Names of the classes that are not to be shown."""
        return self._state.hidden & frozenset(self.classes.names)

    @property
    def shows_conflicts(self) -> bool:
        """Whether the voxels that several classes claim are to be shown."""
        return self._state.shows_conflicts

    @property
    def priority(self) -> tuple[str, ...] | None:
        """All classes in order of priority; None where the most probable class has priority."""
        first, names = self._state.priority, self.classes.names
        if first is None:
            return None
        return (*(n for n in first if n in names), *(n for n in names if n not in first))

    @property
    def current_class(self) -> str | None:
        """The current class."""
        return self._state.current_class

    @property
    def job(self) -> Job | None:
        """The prediction or lesson under way; `title`, `state` and `progress` are for the screen."""
        return self._job

    @property
    def shown_job(self) -> Job | None:
        """The job whose progress is worth showing: `job`, else the reading of an image or labels."""
        return self._job or self._opening

    @property
    def lesson(self) -> LessonResult | None:
        """A lesson's result that waits to be accepted or discarded."""
        return self._lesson

    @property
    def device(self) -> DeviceInfo | None:
        """The computing device; None until `find_device` has been answered."""
        return self._device

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to undo."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to do again."""
        return self._history.can_redo

    def state_of(self, name: str) -> ClassState:
        """State of a class's prediction."""
        return self._state.state_of(name)

    def can_predict(self, name: str) -> bool:
        """Whether the model knows a class."""
        return name in self._state.asked_as

    def volume_of(self, name: str) -> Measure | None:
        """A class's volume by itself, corrections in; None where the class has no result."""
        known = name in self._state.annotations or self.state_of(name) != "not asked"
        if self.image is None or name not in self.classes or not known:
            return None
        return measure(self._counts.voxels(self._state, name), self.image.geometry)

    def levels_of(self, name: str, region: Region) -> NDArray[np.uint8]:
        """A class's probabilities in a region, 255 for certainty, corrections in: a new array; 0 where unknown.

        Raises:
            CondsegError: there is no image.
        """
        return fusing.corrected(self._state, name, region)

    def predicted_in(self, name: str, region: Region) -> NDArray[np.bool_]:
        """Voxels of a region where a class reaches its threshold, without annotations: a new array."""
        return fusing.predicted(self._state, name, region)

    def may_be_predicted_in(self, name: str, region: Region) -> bool:
        """Whether a region may hold a predicted class, without reading voxels; False is certain."""
        levels = self._state.levels_of(name)
        return levels is not None and levels.may_be_in(region)

    def mask_of(self, name: str) -> NDArray[np.bool_]:
        """Mask of a class by itself, corrections in: a new (I, J, K) array."""
        return fusing.mask(self._state, name)

    def conflicts(self, region: Region) -> NDArray[np.bool_]:
        """Voxels of a region where several classes that are not part and whole reach their thresholds: a new array."""
        return fusing.conflicts(self._state, region)

    def labels(self, names: Sequence[str] | None = None, region: Region | None = None) -> LabelMap:
        """A single map of all classes, corrections in: a new array.

        Args:
            names: classes to take part, hidden ones too; all if None.
            region: a part of the image; the whole image if None.

        Raises:
            CondsegError: there is no image.
        """
        return fusing.labels(self._state, names, region)

    def _become(self, state: State) -> None:
        """Replace the state and signal the differences."""
        old, self._state = self._state, state
        if old.image is not state.image:
            self._history.clear()
        for signal, arguments in tuple(changes(old, state)):
            getattr(self, signal).emit(*arguments)

    def _fill(self, names: Sequence[str], block: Block, fill: Callable[[State], State]) -> None:
        """Fill new results of some classes into the state, with signals."""
        self._state = self._counts.following(self._state, names, block.region, fill)
        for name in names:
            self.prediction_changed.emit(name, block.region)
        if block.notice:
            self.notice.emit(block.notice)

    def _edit(self, state: State) -> None:
        """Become a state in a way that can be undone."""
        if state is not self._state:
            self._history.keep(self._state, state)
            self._become(state)
