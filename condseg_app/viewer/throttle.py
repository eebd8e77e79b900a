"""Do a thing often asked for only so many times a second, without a timer of its own."""

import time
from collections.abc import Callable

_REST = 3.0


class Throttle:
    """Runs `action` at once if the last run is long enough ago, else keeps it for the next `request` or `flush`.

    The host calls `flush` from its own timer, so that the last request is never lost. An action that turns
    out to be slow is run less often, so that it takes a quarter of the time at most.

    Args:
        action: what to do.
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
        """Run the action if it was asked for since its last run, and that is long enough ago."""
        began = time.monotonic()
        if not self.pending or began < self._again:
            return
        self.pending = False
        self._action()
        ended = time.monotonic()
        self._again = ended + max(self._seconds, _REST * (ended - began))
