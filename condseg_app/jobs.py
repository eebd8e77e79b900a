"""Long work as a loop of short steps, in a thread of its own."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Literal

from psygnal import Signal

from condseg_app.errors import Cancelled, CondsegError
from condseg_app.log import explain

JobState = Literal["waiting", "running", "paused", "finished", "failed", "cancelled"]

# For each report a host draws the progress bar, and Qt composes the window: no more reports than an eye can follow.
_REPORT_EVERY = 0.1


@dataclass(frozen=True)
class Progress:
    """Progress of a job.

    Attributes:
        fraction: done of 1.
        text: the present work.
        seconds_left: estimate; None before the first steps.
    """

    fraction: float
    text: str = ""
    seconds_left: float | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """Outcome of a short call: progress, and a result to hand on (None for none)."""

    progress: Progress
    result: object | None = None


Steps = Generator[Step, None, None]


@dataclass(frozen=True)
class JobEnd:
    """End of a job, and the error of a failed job."""

    state: Literal["finished", "failed", "cancelled"]
    error: CondsegError | None = None


class TimeLeft:
    """Estimates the time left from the time that the work so far has taken; pauses do not count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._idle = 0.0
        self._start: tuple[float, float] | None = None

    def rest(self, seconds: float) -> None:
        """Leave a pause out of the count."""
        self._idle += seconds

    def timed(self, progress: Progress) -> Progress:
        """The progress with an estimate of the time left, unless the progress has an estimate."""
        now = self._clock() - self._idle
        if self._start is None or progress.fraction <= 0:
            self._start = (now, progress.fraction)  # getting ready says nothing about the pace
        began, at = self._start
        if progress.seconds_left is not None or progress.fraction <= at:
            return progress
        return replace(progress, seconds_left=(now - began) / (progress.fraction - at) * (1.0 - progress.fraction))


class Job:
    """Long work, driven step by step in a daemon thread.

    Between two steps the job stops if cancelled and waits while paused; a step that has begun is finished and its
    result delivered. Signals are emitted in the job's thread; the job waits until all receivers are done.

    Args:
        title: of the work, for the screen.
        steps: starts the work; called in the job's thread. The generator is closed when the job ends early, so a
            `finally` can release resources.
    """

    progressed = Signal(Progress)
    delivered = Signal(object)
    ended = Signal(JobEnd)

    def __init__(self, title: str, steps: Callable[[], Steps]) -> None:
        self.title = title
        self._steps = steps
        self._state: JobState = "waiting"
        self._progress = Progress(0.0, title)
        self._pace = TimeLeft()
        self._reported = float("-inf")
        self._cancelled = threading.Event()
        self._may_run = threading.Event()
        self._may_run.set()
        self._over = threading.Event()

    @property
    def state(self) -> JobState:
        """State of the job; 'paused' as soon as a pause is asked for."""
        return self._state

    @property
    def progress(self) -> Progress:
        """The last reported progress."""
        return self._progress

    @property
    def is_cancelled(self) -> bool:
        """Whether the job was asked to stop."""
        return self._cancelled.is_set()

    def start(self) -> None:
        """Begin, in a new thread."""
        if self._state == "waiting":
            self._state = "running"
            threading.Thread(target=self._run, name=f"condseg: {self.title}", daemon=True).start()

    def cancel(self) -> None:
        """Stop before the next step."""
        self._cancelled.set()
        self._may_run.set()

    def pause(self) -> None:
        """Wait before the next step until `resume`."""
        if self._state == "running":
            self._state = "paused"
            self._may_run.clear()

    def resume(self) -> None:
        """Go on."""
        if self._state == "paused":
            self._state = "running"
            self._may_run.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the job has ended; False after `timeout` seconds without an end."""
        return self._over.wait(timeout)

    def _run(self) -> None:
        try:
            end = self._drive()
        except Cancelled:
            end = JobEnd("cancelled")
        except Exception as error:  # noqa: BLE001 - `explain` logs it; the thread's last chance to tell anybody
            told = explain(error, self.title)
            # Nobody waits for a cancelled job, so nobody is told of its failure.
            end = JobEnd("cancelled") if self.is_cancelled else JobEnd("failed", told)
        self._state = end.state
        self.ended.emit(end)
        self._over.set()

    def _drive(self) -> JobEnd:
        with closing(self._steps()) as steps:
            while self._may_go_on():
                step = next(steps, None)
                if step is None:
                    return JobEnd("finished")
                self._report(step)
        return JobEnd("cancelled")

    def _may_go_on(self) -> bool:
        asked = time.monotonic()
        self._may_run.wait()
        self._pace.rest(time.monotonic() - asked)
        return not self.is_cancelled

    def _report(self, step: Step) -> None:
        self._progress = self._pace.timed(step.progress)
        if step.result is not None:
            self.delivered.emit(step.result)
        now = time.monotonic()
        if now - self._reported >= _REPORT_EVERY or self._progress.fraction >= 1.0:
            self._reported = now
            self.progressed.emit(self._progress)
