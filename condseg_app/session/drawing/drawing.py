"""Drawing tools on a class of the image in view, each use a single step of undo."""

from dataclasses import replace
from functools import partial

from psygnal import Signal

from condseg_app.data import ClassId, Region
from condseg_app.jobs import Job, Progress, Step, Steps
from condseg_app.session.command import command
from condseg_app.session.drawing.allowed import allowed
from condseg_app.session.drawing.drawn import Drawn, drawn
from condseg_app.session.drawing.piece import Mask, Tool
from condseg_app.session.jobs import Jobs
from condseg_app.session.marking import marking
from condseg_app.session.may import Action, refuse
from condseg_app.session.state import State
from condseg_app.session.store import Store


class Drawing:
    """The command that uses a drawing tool.

    Args:
        store: of the session.
        jobs: of the session.
    """

    collecting = Signal()
    """Unfinished painting has to be handed over now, as the annotation is about to be read or changed."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store, self._jobs = store, jobs
        self.rule_changed = store.drawing_rule_changed

    @command
    def confine(self, *, only_free: bool = False, only_inside: ClassId | None = None) -> None:
        """Confine all drawing to where no other class is, or to the inside of a class; without either, to nothing."""
        if only_inside is not None:
            self._store.state.entry(only_inside)
        self._store.become(replace(self._store.state, only_free=only_free, only_inside=only_inside))

    def allowed_in(self, class_id: ClassId, region: Region) -> Mask:
        """Voxels of a region that may be drawn for a class: a new array."""
        return allowed(self._store.state, class_id, region)

    @command
    def apply(self, tool: Tool, class_id: ClassId, action: Action = "draw") -> None:
        """Change the mask of a class, as shown, with a tool; changed voxels become annotated.

        Args:
            tool: the tool.
            class_id: the class.
            action: of the tool, as asked for in `why_not`.
        """
        self.collecting.emit()
        state = self._store.state
        refuse(state, action, class_id)
        if self._jobs.is_under_way("drawing"):
            self._store.notice.emit("The tool before is still at work: wait for it, or stop it with Esc.")
            return
        job = Job(f"{tool.title} ({state.name_of(class_id)})", partial(self._steps, state, class_id, tool))
        self._jobs.beside("drawing", job, partial(self._take, job.title, state, class_id))

    def _steps(self, state: State, class_id: ClassId, tool: Tool) -> Steps:
        """Use a tool: brings `Drawn`."""
        yield Step(Progress(0.0))
        found = drawn(state, class_id, tool)
        # Counted here, which takes longer than a window should stand still: the counts are kept.
        self._store.counts.voxels(marking(state, class_id, found.annotation), class_id)
        yield Step(Progress(1.0), found)

    @command
    def _take(self, title: str, before: State, class_id: ClassId, found: Drawn) -> None:
        """Take a result in, unless the image, the annotation or a lock has changed meanwhile."""
        self.collecting.emit()
        state = self._store.state
        if _drawn_on(state, class_id) != _drawn_on(before, class_id):
            self._store.notice.emit(f"{title} was dropped: the image, the annotation or a lock has changed meanwhile.")
            return
        if found.added or found.removed:
            self._store.edit(marking(state, class_id, found.annotation))
        self._store.notice.emit(_told(title, found))


def _drawn_on(state: State, class_id: ClassId) -> tuple[object, ...]:
    """The parts of a state that a tool's result belongs to."""
    rule = (state.locked, state.only_free, state.only_inside)
    return id(state.image), id(state.annotations.get(class_id)), state.classes.by_id(class_id) is None, rule


def _told(title: str, found: Drawn) -> str:
    """A sentence on a tool's effect."""
    numbers = (
        ("added", found.added),
        ("removed", found.removed),
        ("left alone", found.left_alone),
    )
    told = ", ".join(f"{what}: {number:,}" for what, number in numbers if number)
    return f"{title}: voxels {told}." if told else f"{title} changed nothing."
