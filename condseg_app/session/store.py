"""The session's only mutable place: the state, its earlier edits, and signals of its changes."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from psygnal import Signal

from condseg_app.data import Block, ClassId
from condseg_app.errors import CondsegError
from condseg_app.session.changes import changes
from condseg_app.session.counting import VoxelCounts
from condseg_app.session.history import History
from condseg_app.session.requests import Choice, LabelsFound, MissingFile
from condseg_app.session.state import State

_TEACHING = "A class is being taught already; stop that lesson first, or wait until it ends."


class Store:
    """Holds the state for all parts of the session. Signals are emitted after a change, on the calling thread."""

    image_changed = Signal()
    """Another image is open, or none."""
    model_changed = Signal()
    """Another model is open."""
    classes_changed = Signal()
    """Rows, names, colours, or the model's knowledge of classes."""
    current_class_changed = Signal()
    """Another class is current."""
    prediction_changed = Signal(str, object)
    """Class, and the filled `Region`, or None for the whole class (also when dropped)."""
    visibility_changed = Signal()
    """The set of hidden classes, or whether conflicts are shown."""
    drawing_rule_changed = Signal()
    """The set of locked classes, or where drawing is confined to."""
    priority_changed = Signal()
    """The priority of overlapping classes."""
    threshold_changed = Signal(str)
    """Class."""
    annotation_changed = Signal(str)
    """Class."""
    choice_needed = Signal(Choice)
    """A file holds several images: ask for a choice, then call `choose`. The open image stays until then."""
    labels_found = Signal(LabelsFound)
    """A file holds labels, of which something has to be asked first; then call `use_labels` or another answer."""
    project_changed = Signal()
    """Another project is open, or the project was changed or saved."""
    file_missing = Signal(MissingFile)
    """A project's file has to be asked for."""
    job_changed = Signal()
    """A job was started, paused, resumed, or has ended."""
    lesson_changed = Signal()
    """The lesson has a further state of its class, or is another."""
    failed = Signal(CondsegError)
    """A command or a job failed; `str(error)` is the sentence to show."""
    notice = Signal(str)
    """A sentence worth showing that is no failure."""
    will_open = Signal()
    """Another image or model is about to be open: nothing will be predicted."""

    def __init__(self) -> None:
        self.state = State()
        self.history = History()
        self.counts = VoxelCounts()

    def become(self, state: State) -> None:
        """Replace the state and signal the differences."""
        old, self.state = self.state, state
        if old.image is not state.image:
            self.history.clear()
        for signal, arguments in tuple(changes(old, state)):
            getattr(self, signal).emit(*arguments)

    def edit(self, state: State) -> None:
        """Become a state in a way that can be undone."""
        if state is not self.state:
            self.history.keep(self.state, state)
            self.become(state)

    def open_model(self, change: Callable[[State], State]) -> None:
        """Open another model; earlier edits can still be undone."""
        state = change(self.state)  # may refuse
        self.history.carry_over(self.state, change)
        self.open(state)

    def open(self, state: State) -> None:
        """Become a state with another image or model, where nothing is predicted yet."""
        self.will_open.emit()
        is_other = state.image is not self.state.image
        self.become(replace(state, job=self.state.job))
        if is_other and _is_marked_on_other_grid(state):
            self.notice.emit(
                "The annotations of this image are on another grid; open the image as it was to have them again."
            )

    def refuses_while_teaching(self, text: str = _TEACHING) -> bool:
        """Say so where a lesson is under way, which other work must not end."""
        if self.state.is_teaching:
            self.notice.emit(text)
        return self.state.is_teaching

    def fill(self, classes: Sequence[ClassId], block: Block, fill: Callable[[State], State]) -> None:
        """Fill new results of some classes into the state, with signals."""
        self.state = self.counts.following(self.state, classes, block.region, fill)
        for class_id in classes:
            self.prediction_changed.emit(class_id, block.region)
        if block.notice:
            self.notice.emit(block.notice)


def _is_marked_on_other_grid(state: State) -> bool:
    """Whether the image in view has no annotations, but had some when open on another grid."""
    others = {other.image.key for other in state.elsewhere.values()}
    return state.image is not None and not state.annotations and state.image.key in others
