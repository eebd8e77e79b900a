"""The work under way, and the engine that computes."""

import threading
from collections.abc import Callable
from functools import partial

from condseg_app.data import DeviceInfo
from condseg_app.jobs import Job, JobEnd, Progress, Step, Steps
from condseg_app.remote import Endpoint, EngineLike
from condseg_app.session.advice import ModelAdvice
from condseg_app.session.command import command
from condseg_app.session.job_runner import JobRunner
from condseg_app.session.opened import Opened
from condseg_app.session.predicting import Groups


class Working(Opened):
    """The open image and model, with jobs and the engine that computes.

    Args:
        engine: computes.

    Attributes:
        advice: tells which of the available models suits the image.
    """

    def __init__(self, engine: EngineLike) -> None:
        super().__init__()
        self.engine = engine
        self._next_engine: EngineLike | None = None
        self._runner = JobRunner()
        self.advice = ModelAdvice(self, self._runner)
        self._finding: Job | None = None
        self._asked: Groups = []

    @property
    def place(self) -> Endpoint | None:
        """The computer that computes; None for this computer."""
        return self.engine.place

    def is_being_predicted(self, name: str) -> bool:
        """Whether the prediction under way will complete a class."""
        own = self._state.asked_as.get(name)
        return self._job is not None and any(own in group for group in self._asked)

    @command
    def find_device(self) -> None:
        """Ask the engine in the background for its device, which also prepares the engine."""

        def ask(engine: EngineLike) -> Steps:
            yield Step(Progress(1.0), engine.device())

        self._finding = Job("Starting the engine", partial(ask, self.engine))
        self._runner.run(self._finding, self._on_device, self._on_end)

    @command
    def use_engine(self, engine: EngineLike) -> None:
        """Compute elsewhere from the next job on; a job under way finishes in place."""
        self._next_engine = engine
        if self._job is None:
            self._move()
        else:
            self.notice.emit("The work under way finishes where it is; what you ask for next is computed elsewhere.")

    @command
    def pause(self) -> None:
        """Let the job wait after its present step."""
        if self._job is not None:
            self._job.pause()
            self.job_changed.emit()

    @command
    def resume(self) -> None:
        """Let the job go on."""
        if self._job is not None:
            self._job.resume()
            self.job_changed.emit()

    def wait(self, timeout: float | None = None) -> bool:
        """Take in results until all work has ended (for scripts and tests); False after the timeout."""
        return self._runner.wait(timeout)

    def close(self) -> None:
        """Stop all work and end the engine."""
        self._next_engine = None
        self._runner.cancel_all()
        self._drop_job()
        self._forget_windows()
        self.engine.close()

    def _run(self, job: Job) -> None:
        self._runner.run(job, self._on_answer, self._on_end)

    def _take_up(self, job: Job, delivered: Callable[[Job, object], None]) -> None:
        self._job = job
        self._runner.run(job, delivered, self._on_end, self._on_progress)
        self.job_changed.emit()

    def _drop_job(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self._job, self._asked = None, []
        self._move()

    def _give_up_job(self) -> None:
        if self._job is not None:
            self._drop_job()
            self.job_changed.emit()

    def _move(self) -> None:
        """Go over to the engine that was chosen last, if another was."""
        if self._next_engine is None:
            return
        left, self.engine, self._next_engine = self.engine, self._next_engine, None
        if self._finding is not None:
            self._finding.cancel()  # that the engine which is left can no longer answer is no failure
        threading.Thread(target=left.close, daemon=True).start()  # the engine's process may take seconds to end
        self._device = None
        self._forget_windows()
        self.device_changed.emit()
        self.find_device()

    def _forget_windows(self) -> None:
        """Drop everything that an abandoned engine held."""

    def _on_answer(self, job: Job, answer: object) -> None:
        """A job that shows no progress has brought something."""

    def _on_progress(self, job: Job, progress: Progress) -> None:
        if job is self.shown_job:
            self.job_progressed.emit(progress)

    def _on_end(self, job: Job, end: JobEnd) -> None:
        if job is self._job:
            self._job, self._asked = None, []
            self.job_changed.emit()
            self._move()
        if end.error is not None:
            self.failed.emit(end.error)

    def _on_device(self, job: Job, device: object) -> None:
        if job is self._finding and isinstance(device, DeviceInfo):
            self._device = device
            self.device_changed.emit()
