"""The session's jobs: a prediction, lesson or search at a time, and short work in the background."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from psygnal import Signal

from condseg_app.jobs import Job, JobEnd, Progress
from condseg_app.session.arrivals import Arrivals
from condseg_app.session.command import command
from condseg_app.session.state import Beside, JobDescription
from condseg_app.session.store import Store
from condseg_app.session.work import FileJob, Receive, Work, ignore

_LOOK_EVERY = 0.005


class Jobs:
    """Runs jobs and delivers their events to the thread that calls `take_in` or `wait`."""

    progressed = Signal(Progress)
    """Progress of `shown`."""
    freed = Signal()
    """`current` has ended or was left, and no other has begun yet."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Threads and their results on the way, no state: `State.job` describes the job that the user sees.
        self._arrivals = Arrivals()
        self._running: set[Job] = set()  # also jobs that were cancelled in the middle of a step
        self._work: Work | None = None
        self._beside: dict[Beside, Job] = {}  # the latest last
        self.changed = store.job_changed
        store.will_open.connect(self._leave_image)

    @property
    def current(self) -> Job | None:
        """The job that the user sees; `title`, `state` and `progress` are for the screen."""
        return None if self._work is None else self._work.job

    @property
    def shown(self) -> Job | None:
        """The job whose progress is worth showing: `current`, else the latest beside it."""
        return self.current or next(reversed(self._beside.values()), None)

    @property
    def can_cancel(self) -> bool:
        """Whether there is anything for `cancel` to stop."""
        return self._work is not None or any(job.state != "failed" for job in self._beside.values())

    @property
    def writing(self) -> tuple[str, ...]:
        """Titles of the jobs that end in a file."""
        return tuple(job.title for job in self._running if isinstance(job, FileJob) and not job.is_cancelled)

    def run(
        self,
        job: Job,
        receive: Receive = ignore,
        ended: Callable[[JobEnd], None] | None = None,
        progressed: Callable[[Progress], None] = ignore,
    ) -> None:
        """Start a job in the background; at its end an error is reported, unless `ended` does something else."""
        self._running.add(job)
        job.progressed.connect(partial(self._arrivals.add, progressed))
        job.delivered.connect(partial(self._arrivals.add_result, job, receive))
        job.ended.connect(partial(self._arrivals.add, partial(self._end, job, self.report if ended is None else ended)))
        job.start()

    def start(self, work: Work) -> None:
        """Start work that the user sees, in place of any other."""
        self.leave()
        self._work = work
        ended, progressed = partial(self._on_end, work), partial(self._on_progress, work.job)
        self.run(work.job, partial(self._receive, work), ended, progressed)
        self._describe()

    def beside(self, kind: Beside, job: Job, receive: Receive) -> None:
        """Start a job that is shown where there is no current job; of several of a kind the last counts."""
        self._beside.pop(kind, None)
        self._beside[kind] = job
        ended, progressed = partial(self._on_end_beside, job), partial(self._on_progress, job)
        self.run(job, partial(self._receive_beside, job, receive), ended, progressed)
        self._describe()

    def is_under_way(self, kind: Beside) -> bool:
        """Whether a job of a kind runs beside the current job."""
        return kind in self._beside

    def tell(self, receive: Receive, event: object) -> None:
        """Let an event of another thread be received with those of the jobs."""
        self._arrivals.add(receive, event)

    def report(self, end: JobEnd) -> None:
        """Report the error of a job that failed."""
        if end.error is not None:
            self._store.failed.emit(end.error)

    @command
    def pause(self) -> None:
        """Let the current job wait after its present step."""
        if self._work is not None:
            self._work.job.pause()
            self._describe()

    @command
    def resume(self) -> None:
        """Let the current job go on."""
        if self._work is not None:
            self._work.job.resume()
            self._describe()

    def cancel(self) -> None:
        """Stop the current job and those beside it. Incomplete predictions stay; a lesson is not saved.

        For the user the job ends at once, whatever the engine is doing; the work ends in the background, or is dropped.
        """
        work, beside = self._work, [job for job in self._beside.values() if job.state != "failed"]
        self._beside.clear()
        for job in beside:
            job.cancel()
            self._describe()
            self._store.notice.emit(f"{job.title} was stopped.")
        self.give_up()
        if work is not None:
            work.cancelled()

    def give_up(self) -> None:
        """Leave the current job, with no other to follow."""
        if self._work is not None:
            self.leave()
            self._describe()

    def leave(self) -> None:
        """Leave the current job; another is to follow."""
        if self._work is not None:
            self._work.job.cancel()
        self._work = None
        self.freed.emit()

    def take_in(self, seconds: float) -> None:
        """Handle events that wait; results for so long, the next call goes on with them."""
        self._arrivals.take_in(seconds)

    def wait(self, timeout: float | None = None) -> bool:
        """Take in events until all jobs have ended; False after `timeout` seconds."""
        until = float("inf") if timeout is None else time.monotonic() + timeout
        self.take_in(_LOOK_EVERY)
        while self._running:
            if time.monotonic() >= until:
                return False
            next(iter(self._running)).wait(_LOOK_EVERY)
            self.take_in(_LOOK_EVERY)
        return True

    def close(self) -> None:
        """Stop every job before the next step."""
        for job in self._running:
            job.cancel()
        self.leave()

    def _describe(self) -> None:
        """Note the shown job in the state."""
        told = None if self._work is None else self._work.description
        if told is None and self._beside:
            kind, job = next(reversed(self._beside.items()))
            told = JobDescription(kind, job.title)
        self._store.become(replace(self._store.state, job=told))

    def _leave_image(self) -> None:
        if not self._store.state.is_teaching:
            self.give_up()

    def _receive(self, work: Work, result: object) -> None:
        (work.receive if work is self._work else work.late)(result)

    def _receive_beside(self, job: Job, receive: Receive, result: object) -> None:
        if job in self._beside.values():
            receive(result)

    def _on_end_beside(self, job: Job, end: JobEnd) -> None:
        if job in self._beside.values():
            self._beside = {kind: other for kind, other in self._beside.items() if other is not job}
            self._describe()
        self.report(end)

    def _on_progress(self, job: Job, progress: Progress) -> None:
        if job is self.shown:
            self.progressed.emit(progress)

    def _on_end(self, work: Work, end: JobEnd) -> None:
        is_current = work is self._work
        if is_current:
            self._work = None
            self._describe()
            self.freed.emit()
        self.report(end)
        if is_current:
            work.ended(end)

    def _end(self, job: Job, ended: Callable[[JobEnd], None], end: JobEnd) -> None:
        self._running.discard(job)
        ended(end)
