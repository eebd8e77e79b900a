"""The engine that computes, here or elsewhere."""

import threading
from functools import partial

from psygnal import Signal

from condseg_app.data import DeviceInfo
from condseg_app.jobs import Job, Progress, Step, Steps
from condseg_app.remote import Endpoint, EngineLike
from condseg_app.session.command import command
from condseg_app.session.jobs import Jobs
from condseg_app.session.store import Store


class Computing:
    """The engine, its device, and the change to another engine.

    Args:
        store: of the session.
        jobs: of the session.
        engine: computes.

    Attributes:
        engine: computes from the next job on.
        device: the computing device; None until `find_device` has been answered.
    """

    changed = Signal()
    """`device` is known, or another engine computes."""
    moved = Signal()
    """Another engine computes; all that the one before held is gone."""

    def __init__(self, store: Store, jobs: Jobs, engine: EngineLike) -> None:
        self._store, self._jobs = store, jobs
        self.engine = engine
        self.device: DeviceInfo | None = None
        # Connections and a job on the way, no state: a project is the same wherever it is computed.
        self._next: EngineLike | None = None
        self._finding: Job | None = None
        jobs.freed.connect(self._move)

    @property
    def place(self) -> Endpoint | None:
        """The computer that computes; None for this computer."""
        return self.engine.place

    @command
    def find_device(self) -> None:
        """Ask the engine in the background for its device, which also prepares the engine."""
        job = Job("Starting the engine", partial(device_steps, self.engine))
        self._finding = job
        self._jobs.run(job, partial(self._on_device, job))

    @command
    def use_engine(self, engine: EngineLike) -> None:
        """Compute elsewhere from the next job on; a job under way finishes in place."""
        self._next = engine
        if self._jobs.current is None:
            self._move()
        else:
            self._store.notice.emit(
                "The work under way finishes where it is; what you ask for next is computed elsewhere."
            )

    def close(self) -> None:
        """Stop all work and end the engine."""
        self._next = None
        self._jobs.close()
        self.moved.emit()
        self.engine.close()

    def _move(self) -> None:
        """Go over to the engine that was chosen last, if another was."""
        if self._next is None:
            return
        left, self.engine, self._next = self.engine, self._next, None
        if self._finding is not None:
            self._finding.cancel()  # that the engine which is left can no longer answer is no failure
        threading.Thread(target=left.close, daemon=True).start()  # the engine's process may take seconds to end
        self.device = None
        self.moved.emit()
        self.changed.emit()
        self.find_device()

    def _on_device(self, job: Job, device: DeviceInfo) -> None:
        if job is self._finding:
            self.device = device
            self.changed.emit()


def device_steps(engine: EngineLike) -> Steps:
    """Ask an engine for its device."""
    yield Step(Progress(1.0), engine.device())
