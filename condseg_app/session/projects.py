"""The project: saving, opening again, and work kept from a crash."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from psygnal import Signal

from condseg_app.io.project.lock import Lock
from condseg_app.jobs import Job, Progress, Step, Steps
from condseg_app.session.annotations import Annotations
from condseg_app.session.as_project import says_as
from condseg_app.session.command import command
from condseg_app.session.jobs import Jobs
from condseg_app.session.may import refuse
from condseg_app.session.project_steps import Opened, References, Saved, opening_steps, restoring_steps, saving_steps
from condseg_app.session.recorder import KeptWork, Recorder, kept_work
from condseg_app.session.requests import MissingFile
from condseg_app.session.state import State
from condseg_app.session.store import Store
from condseg_app.session.work import FileJob


class Projects:
    """Commands that save and open projects.

    Args:
        store: of the session.
        jobs: of the session.
        annotations: of the session; told which are saved.
        journals: folder of the journals; None where unsaved work is not kept.
    """

    kept_found = Signal(tuple)
    """Work of windows that ended without saving: several `KeptWork`, the latest first."""

    def __init__(self, store: Store, jobs: Jobs, annotations: Annotations, journals: Path | None) -> None:
        self._store, self._jobs, self._annotations, self._journals = store, jobs, annotations, journals
        self.changed, self.file_missing = store.project_changed, store.file_missing
        # A lock, a cache and a thread, no state.
        self._lock: Lock | None = None
        self._refer = References()
        self._recorder = None if journals is None else self._recording(journals)

    @property
    def _state(self) -> State:
        return self._store.state

    @property
    def is_changed(self) -> bool:
        """Whether something has changed since the project was saved."""
        project = self._state.project
        return project is not None and not says_as(self._state, project.saved)

    @property
    def to_save(self) -> str:
        """Name of the open project where `save` would write something; empty where not."""
        project = self._state.project
        return project.folder.name if project is not None and not project.holder and self.is_changed else ""

    @command
    def save(self) -> None:
        """Save the open project."""
        refuse(self._state, "save_project")
        if self._state.project is not None:
            self._save(self._state.project.folder)

    @command
    def save_as(self, folder: Path) -> None:
        """Save as another project, which is open from then on."""
        self._save(folder)

    @command
    def open(self, folder: Path, moved: dict[Path, Path] | None = None) -> None:
        """Open a project in place of all that is open; a missing file is asked for by `file_missing`."""
        if self._store.refuses_while_teaching():
            return
        self._begin(f"Opening {folder.name}", partial(opening_steps, folder, moved or {}))

    @command
    def restore(self, work: KeptWork, moved: dict[Path, Path] | None = None) -> None:
        """Open work that was kept from a crash, in place of all that is open."""
        if self._store.refuses_while_teaching():
            return
        steps = partial(restoring_steps, work.kept.project, work.path, moved or {})
        self._begin("Restoring unsaved work", steps, work)

    @command
    def find_kept(self) -> None:
        """Look for work that was kept from a crash; `kept_found` is emitted where there is some."""
        if self._journals is not None:
            self._jobs.run(Job("Looking for unsaved work", partial(_finding_steps, self._journals)), self._on_kept)

    def close(self) -> None:
        """End the journal and the lock: the work is saved, or the user gave it up."""
        if self._recorder is not None:
            self._recorder.stop()
        self._hold(None)

    def _recording(self, journals: Path) -> Recorder:
        report = partial(self._jobs.tell, self._store.failed.emit)
        recorder = Recorder(lambda: self._store.state, report, self._refer, journals)
        recorder.start()
        return recorder

    def _save(self, folder: Path) -> None:
        project = self._state.project
        lock = self._lock if project is not None and project.folder == folder else None
        steps = partial(saving_steps, self._state, folder, lock, self._refer)
        self._jobs.run(FileJob(f"Saving {folder.name}", steps), self._on_saved)

    def _on_saved(self, saved: Saved) -> None:
        self._hold(saved.lock)
        self._note_kept(saved.project.saved)
        self._store.become(replace(self._state, project=saved.project))
        self._store.notice.emit(f"{saved.project.folder.name} was saved.")

    def _begin(self, title: str, steps: "partial[Steps]", work: KeptWork | None = None) -> None:
        self._store.become(replace(self._state, question=None))
        self._jobs.beside("reading", Job(title, steps), partial(self._on_opened, work))

    @command
    def _on_opened(self, work: KeptWork | None, found: Opened | MissingFile) -> None:
        if isinstance(found, MissingFile):
            self._store.become(replace(self._state, question=found))
            return
        self._hold(found.lock)
        self._store.open(replace(found.state, checks_files=self._state.checks_files))
        self._store.history.clear()
        if work is None:
            self._note_kept(found.state)
        if work is not None and self._recorder is not None:
            self._recorder.adopt(work)
        told = () if work is None else ("Your work was restored. Predictions are not kept: ask for them again.",)
        for notice in (*told, *found.notices):
            self._store.notice.emit(notice)

    def _on_kept(self, found: Sequence[KeptWork]) -> None:
        self.kept_found.emit(tuple(found))

    def _note_kept(self, state: State) -> None:
        """Note the annotations of all images as kept in a file."""
        kept = [state.annotations, *(other.annotations for other in state.elsewhere.values())]
        self._annotations.keep(annotation for annotations in kept for annotation in annotations.values())

    def _hold(self, lock: Lock | None) -> None:
        """Hold a project's lock, and no other."""
        if self._lock is not None and self._lock is not lock:
            self._lock.release()
        self._lock = lock


def _finding_steps(journals: Path) -> Steps:
    yield Step(Progress(0.0))
    found = list(kept_work(journals))
    if found:
        yield Step(Progress(1.0), found)
