"""Events of jobs on their way to the session's thread."""

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from condseg_app.jobs import Job

_MOST_WAITING = 8
"""Number of events from which a job waits: a quick engine would fill the memory with blocks."""
_LOOK_EVERY = 0.005


class Arrivals:
    """Events of jobs that wait until `take_in` is called. `add` and `add_result` are called in the jobs' threads."""

    def __init__(self) -> None:
        self._events: deque[tuple[bool, Callable[[], None]]] = deque()  # whether it is a result, and its handling

    def take_in(self, seconds: float) -> None:
        """Handle events that wait, one after another; results for so long, the next call goes on with them."""
        until = time.monotonic() + seconds
        while self._events and (time.monotonic() < until or not self._events[0][0]):
            _, handle = self._events.popleft()
            handle()

    def add(self, handle: Callable[[Any], None], event: object) -> None:
        """Let an event wait."""
        self._events.append((False, partial(handle, event)))

    def add_result(self, job: Job, handle: Callable[[Any], None], result: object) -> None:
        """Let a result wait, and the job as well while many do."""
        self._events.append((True, partial(handle, result)))
        while len(self._events) > _MOST_WAITING and not job.is_cancelled:
            time.sleep(_LOOK_EVERY)
