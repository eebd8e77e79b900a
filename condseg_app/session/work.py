"""Jobs with the functions that take their results."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from condseg_app.data import ClassId
from condseg_app.jobs import Job, JobEnd
from condseg_app.session.state import JobDescription, JobKind

Receive = Callable[[Any], None]
"""Takes the results of a job; who starts a job knows their type."""


def ignore(*_: object) -> None:
    """Ignore an event."""


class FileJob(Job):
    """A job that ends in a file: the program should not be closed before."""


@dataclass(frozen=True, eq=False)
class Work:
    """A job that the user sees, with the functions that take its results and its end.

    Attributes:
        job: the job.
        kind: of the work.
        receive: takes each result.
        late: takes each result that comes after the job was left.
        ended: called when the job has ended by itself.
        cancelled: called when the user has stopped the job.
        classes: of a prediction, as in `JobDescription`.
    """

    job: Job
    kind: JobKind
    receive: Receive
    late: Receive = ignore
    ended: Callable[[JobEnd], None] = ignore
    cancelled: Callable[[], None] = ignore
    classes: tuple[tuple[ClassId, ...], ...] = ()

    @property
    def description(self) -> JobDescription:
        """The work as the user sees it."""
        return JobDescription(self.kind, self.job.title, self.job.state == "paused", self.classes)
