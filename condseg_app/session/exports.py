"""The exports under way, and the annotations they have written."""

import weakref
from collections.abc import Callable

from psygnal import SignalInstance

from condseg_app.data import ChunkedAnnotation
from condseg_app.jobs import Job, JobEnd, Progress
from condseg_app.session.exporting import ExportJob, ExportPlan
from condseg_app.session.job_runner import JobRunner


class Exports:
    """Runs exports side by side.

    Args:
        desk: runs the jobs.
        changed: emitted whenever `progress` changes.
        written: emitted with the paths of a finished export.
        ended: called when an export has ended, in any way.
    """

    def __init__(
        self, desk: JobRunner, changed: SignalInstance, written: SignalInstance, ended: Callable[[Job, JobEnd], None]
    ) -> None:
        self._runner, self._changed, self._written, self._ended = desk, changed, written, ended
        self._jobs: list[ExportJob] = []
        self.written_marks = weakref.WeakSet[ChunkedAnnotation]()

    @property
    def progress(self) -> Progress | None:
        """Progress of the latest export; None without an export."""
        return self._jobs[-1].progress if self._jobs else None

    def begin(self, plan: ExportPlan) -> None:
        """Write masks in the background."""
        job = ExportJob(plan)
        self._jobs.append(job)
        self._runner.run(job, self._on_paths, self._on_end, self._on_progress)
        self._changed.emit()

    def cancel(self) -> None:
        """Stop all exports; their files are not written."""
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            job.cancel()
        if jobs:
            self._changed.emit()

    def _on_paths(self, job: Job, paths: object) -> None:
        if isinstance(job, ExportJob):
            self.written_marks.update(job.plan.kept_marks)
        self._written.emit(paths)

    def _on_progress(self, job: Job, _progress: Progress) -> None:
        if job in self._jobs:
            self._changed.emit()

    def _on_end(self, job: Job, end: JobEnd) -> None:
        if isinstance(job, ExportJob) and job in self._jobs:
            self._jobs.remove(job)
            self._changed.emit()
        self._ended(job, end)
