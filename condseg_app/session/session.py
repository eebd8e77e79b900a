"""The session: all that is open, and the parts that change it."""

from pathlib import Path

from condseg_app import io
from condseg_app.data import Region
from condseg_app.remote import Engine, EngineLike
from condseg_app.session.advice import FindModels
from condseg_app.session.annotations import Annotations
from condseg_app.session.classes import Classes
from condseg_app.session.computing import Computing
from condseg_app.session.drawing.drawing import Drawing
from condseg_app.session.exports import Exports
from condseg_app.session.images import Images
from condseg_app.session.jobs import Jobs
from condseg_app.session.lessons import Lessons
from condseg_app.session.models import Models
from condseg_app.session.predictions import Predictions
from condseg_app.session.projects import Projects
from condseg_app.session.proposals import Proposals
from condseg_app.session.state import State
from condseg_app.session.store import Store
from condseg_app.session.unsaved import Unsaved, unsaved_lesson
from condseg_app.session.window_queue import Voxel


class Session:
    """The state of all that is open, read as a value, and the parts whose commands change it.

    All calls and all emissions are on one thread. Errors that the user can act on are not raised: `failed` is emitted.
    Long work runs as jobs; a window takes their results in by calling `take_in` again and again, a script by `wait`.

    Args:
        engine: computes; an engine in a process of its own, started when first needed, if None.
        models_folder: where taught models are saved; the user's folder for models if None.
        journals: folder where unsaved work is kept against a crash; None where it is not kept.
        find_models: finds the available models.

    Attributes:
        failed: emitted with the error when a command or a job fails.
        notice: emitted with a sentence worth showing that is no failure.
    """

    def __init__(
        self,
        engine: EngineLike | None = None,
        models_folder: Path | None = None,
        journals: Path | None = None,
        find_models: FindModels = io.models_available,
    ) -> None:
        folder = io.user_models_folder() if models_folder is None else models_folder
        store = self._store = Store()
        self.failed, self.notice = store.failed, store.notice
        self.jobs = Jobs(store)
        self.computing = Computing(store, self.jobs, Engine() if engine is None else engine)
        self.models = Models(store, self.jobs, self.computing, folder, find_models)
        self.classes = Classes(store)
        self.annotations = Annotations(store)
        self.drawing = Drawing(store, self.jobs)
        self.images = Images(store, self.jobs, self.annotations)
        self.predictions = Predictions(store, self.jobs, self.computing)
        self.proposals = Proposals(store, self.jobs, self.computing)
        self.lessons = Lessons(store, self.jobs, self.computing, folder)
        self.exports = Exports(store, self.jobs, self.annotations)
        self.projects = Projects(store, self.jobs, self.annotations, journals)

    @property
    def state(self) -> State:
        """All that is open, at present."""
        return self._store.state

    @property
    def unsaved(self) -> Unsaved:
        """Work that closing the program would lose."""
        project = self.projects.to_save
        marks = self.annotations.unsaved if not project else ()  # the project holds them
        return Unsaved(marks, unsaved_lesson(self.state), self.jobs.writing, project)

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to undo."""
        return self._store.history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to do again."""
        return self._store.history.can_redo

    def undo(self) -> None:
        """Undo the last change of the class table or of the annotations."""
        self._store.become(self._store.history.undone(self.state))

    def redo(self) -> None:
        """Redo the last undone change."""
        self._store.become(self._store.history.redone(self.state))

    def look_at(self, near: Voxel, seen: Region | None = None) -> None:
        """Direct the work under way to the present view.

        Args:
            near: the voxel in the middle of the view; a prediction goes on nearby.
            seen: the slice in view, on which a lesson shows its class; None without a slice.
        """
        self.lessons.look_from(seen)
        self.predictions.look_at(near)

    def take_in(self, seconds: float) -> None:
        """Take in results of the work under way, for so long."""
        self.jobs.take_in(seconds)

    def wait(self, timeout: float | None = None) -> bool:
        """Take in results until all work has ended (for scripts and tests); False after the timeout."""
        return self.jobs.wait(timeout)

    def close(self) -> None:
        """Stop all work and end the engine."""
        self.projects.close()
        self.computing.close()
