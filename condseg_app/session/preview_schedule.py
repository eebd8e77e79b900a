"""Previews of a class in training, on the slice in view and elsewhere by turns."""

import time
from collections.abc import Iterator

import numpy as np

from condseg_app.data import Block, Region, Shape
from condseg_app.remote import TeacherLike

_LOOK_SECONDS = 0.3  # duration of a turn
_BETWEEN_LOOKS = 3.0  # seconds, at least
# Slices that are predicted by turns, beside the slice in view, to find where the class is doubtful.
_SURVEYED = 16


class Turns:
    """Schedules a repetition: after so many seconds, and after twice the last duration."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._again = seconds, float("-inf")

    def is_due(self) -> bool:
        """Whether the rest is over."""
        return time.monotonic() >= self._again

    def rest(self, took: float) -> None:
        """Begin a rest after a repetition that took so many seconds."""
        self._again = time.monotonic() + max(self._seconds, 2 * took)


class PreviewSchedule:
    """Shows the class on the slice in view repeatedly, and on a slice elsewhere in between.

    Args:
        teacher: shows the class.
        shape: of the image.
    """

    def __init__(self, teacher: TeacherLike, shape: Shape) -> None:
        self._teacher, self._shape = teacher, shape
        self._turns = Turns(_BETWEEN_LOOKS)
        self._seen: Region | None = None
        self._windows: list[int] = []
        self._took = 0.0
        self._looks = 0

    def hurry(self) -> None:
        """Look at the slice in view next, without a rest."""
        self._seen = None

    def blocks(self, seen: Region | None) -> Iterator[Block]:
        """A few windows, if any are due."""
        if seen is None:
            self._windows = []
            return
        began = time.monotonic()
        if seen != self._seen:
            self._seen, self._looks = seen, 0
            self._open(seen)
        elif not self._windows and self._turns.is_due():
            self._looks += 1
            self._open(seen if self._looks % 2 == 0 else self._elsewhere(seen))
        while self._windows and time.monotonic() < began + _LOOK_SECONDS:
            block = self._teacher.segment(self._windows.pop(0))
            if block is not None:
                yield block
            if not self._windows:
                self._turns.rest(self._took + time.monotonic() - began)
        self._took += time.monotonic() - began

    def _open(self, part: Region) -> None:
        self._took = 0.0
        self._windows = list(range(self._teacher.look_at(part)))

    def _elsewhere(self, seen: Region) -> Region:
        """The next of some slices spread over the image, in turn; the slice in view if alone."""
        across = [a for a in range(3) if self._shape[a] > 1 and seen[a].stop - seen[a].start == 1]
        if not across:
            return seen
        slices = np.linspace(0, self._shape[across[0]] - 1, min(_SURVEYED, self._shape[across[0]])).astype(int)
        at = int(slices[self._looks // 2 % len(slices)])
        part = list(seen)
        part[across[0]] = slice(at, at + 1)
        return part[0], part[1], part[2]
