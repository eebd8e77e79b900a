"""Exports of masks, and the exports under way."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from psygnal import Signal

from condseg_app.data import ClassId
from condseg_app.jobs import JobEnd, Progress
from condseg_app.session.annotations import Annotations
from condseg_app.session.command import command
from condseg_app.session.exporting import ExportPlan, ExportWriter
from condseg_app.session.jobs import Jobs
from condseg_app.session.store import Store
from condseg_app.session.unsaved import plans_of_marks
from condseg_app.session.work import FileJob


class Exports:
    """Commands that write masks, side by side.

    Args:
        store: of the session.
        jobs: of the session.
        annotations: of the session; told which are written.
    """

    changed = Signal()
    """`progress` is another."""
    written = Signal(tuple)
    """The paths of a finished export."""

    def __init__(self, store: Store, jobs: Jobs, annotations: Annotations) -> None:
        self._store, self._jobs, self._annotations = store, jobs, annotations
        self._running: list[FileJob] = []  # threads, no state

    @property
    def progress(self) -> Progress | None:
        """Progress of the latest export under way; None without an export."""
        return self._running[-1].progress if self._running else None

    @command
    def start(self, path: Path, format_key: str, classes: Sequence[ClassId] | None = None) -> None:
        """Write masks in the background, then emit `written`.

        Args:
            path: the file, or the folder for one file a class.
            format_key: a key of `condseg_app.io.EXPORT_FORMATS`.
            classes: to write; all classes with a result if None.
        """
        settled = replace(self._store.state, previews={})  # a preview during a lesson is no result yet
        self._begin(ExportPlan.of(settled, Path(path), format_key, classes))

    @command
    def keep_annotations(self, folder: Path) -> None:
        """Write all annotations that no file keeps into a folder, a mask for each image and class."""
        for plan in plans_of_marks(self._store.state, self._annotations.unsaved, folder):
            self._begin(plan)

    @command
    def cancel(self) -> None:
        """Stop all exports; their files are not written."""
        jobs, self._running = self._running, []
        for job in jobs:
            job.cancel()
        if jobs:
            self.changed.emit()

    def _begin(self, plan: ExportPlan) -> None:
        job = ExportWriter(plan).job
        self._running.append(job)
        ended, progressed = partial(self._on_end, job), partial(self._on_progress, job)
        self._jobs.run(job, partial(self._on_paths, plan), ended, progressed)
        self.changed.emit()

    def _on_paths(self, plan: ExportPlan, paths: tuple[Path, ...]) -> None:
        self._annotations.keep(plan.kept_marks)
        self.written.emit(paths)

    def _on_progress(self, job: FileJob, _progress: Progress) -> None:
        if job in self._running:
            self.changed.emit()

    def _on_end(self, job: FileJob, end: JobEnd) -> None:
        if job in self._running:
            self._running.remove(job)
            self.changed.emit()
        self._jobs.report(end)
