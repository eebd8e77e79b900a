"""Runs jobs and delivers their events to the starting thread."""

import time
from collections.abc import Callable
from functools import partial

from psygnal import emit_queued

from condseg_app.jobs import Job, JobEnd, Progress

_LOOK_EVERY = 0.005


def ignore(*_: object) -> None:
    """Ignore an event."""


class FileJob(Job):
    """A job that ends in a file: the program should not be closed before."""

    is_wanted = True

    def cancel(self) -> None:
        """Stop before the next step; the file is wanted no more."""
        self.is_wanted = False
        super().cancel()


class JobRunner:
    """The jobs that have not ended yet, also those that were cancelled in the middle of a step."""

    def __init__(self) -> None:
        self._running: set[Job] = set()

    def run(
        self,
        job: Job,
        delivered: Callable[[Job, object], None],
        ended: Callable[[Job, JobEnd], None],
        progressed: Callable[[Job, Progress], None] = ignore,
    ) -> None:
        """Start a job; the functions are called with the job on this thread, as psygnal's queue is emptied."""
        self._running.add(job)
        job.progressed.connect(partial(progressed, job), thread="current")
        job.delivered.connect(partial(delivered, job), thread="current")
        job.ended.connect(partial(self._end, ended, job), thread="current")
        job.start()

    @property
    def writing(self) -> tuple[str, ...]:
        """Titles of the jobs that end in a file."""
        return tuple(job.title for job in self._running if isinstance(job, FileJob) and job.is_wanted)

    def wait(self, timeout: float | None = None) -> bool:
        """Empty the queue until all jobs have ended; False after `timeout` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        emit_queued()
        while self._running:
            if until is not None and time.monotonic() >= until:
                return False
            next(iter(self._running)).wait(_LOOK_EVERY)
            emit_queued()
        return True

    def cancel_all(self) -> None:
        """Stop every job before the next step."""
        for job in self._running:
            job.cancel()

    def _end(self, ended: Callable[[Job, JobEnd], None], job: Job, end: JobEnd) -> None:
        self._running.discard(job)
        ended(job, end)
