"""Limit a frequent action to a number of runs a second, without its own timer."""

import time
from collections.abc import Callable

_REST = 3.0


class Throttle:
    """Runs `action` at once if the last run is long enough ago, else at a later `request` or `flush`.

    The host calls `flush` from its own timer, so that the last request is never lost. A slow action
    runs less often, so that at most a quarter of the time is spent.

    Args:
        action: the action.
        seconds: least time between two runs.
    """

    def __init__(self, action: Callable[[], None], seconds: float) -> None:
        self._action = action
        self._seconds = seconds
        self._again = float("-inf")
        self.pending = False

    def request(self) -> None:
        """Ask for the action."""
        self.pending = True
        self.flush()

    def later(self) -> None:
        """Ask for the action at the next `flush`."""
        self.pending = True

    def flush(self) -> None:
        """Run the action if requested since its last run, and that is long enough ago."""
        began = time.monotonic()
        if not self.pending or began < self._again:
            return
        self.pending = False
        self._action()
        ended = time.monotonic()
        self._again = ended + max(self._seconds, _REST * (ended - began))
