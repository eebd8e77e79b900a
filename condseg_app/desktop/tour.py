"""A tour: steps done to the real widgets of a real window, with pictures, and an end at any moment."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from qtpy.QtWidgets import QWidget

from condseg_app.desktop.hands import spin
from condseg_app.desktop.window import MainWindow
from condseg_app.errors import Cancelled, CondsegError

_logger = logging.getLogger(__name__)
PATIENCE = 900.0
"""Seconds that a step of the tour may take."""


class Step(NamedTuple):
    """A step: the caption that announces the step, and a function that acts and reports in a sentence."""

    caption: str
    do: Callable[[], str]


class TourStopped(Cancelled):
    """The person has seen enough."""


@dataclass
class TourReport:
    """Report of the tour.

    Attributes:
        lines: a sentence a step.
        screenshots: pictures of the window.
        files: masks that were exported.
        problem: reason for an early end, None without.
    """

    lines: list[str] = field(default_factory=list)
    screenshots: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    problem: str | None = None


class Tour:
    """Waits, pictures and the end of a tour.

    Args:
        window: a shown window.
        output: a folder for pictures and masks.
        guides: whether a person looks on: then no step waits longer than a person would, no pictures are taken, and the
            taught model is discarded. `stop` may be called.
    """

    def __init__(self, window: MainWindow, output: Path, *, guides: bool = False) -> None:
        self.window, self.output, self.guides = window, output, guides
        self.report = TourReport()
        self._problems: list[CondsegError] = []
        self._is_stopped = False

    def take(self, steps: Sequence[Step]) -> TourReport:
        """Do the steps unattended, and leave screenshots and masks in the folder, created if missing."""
        self.output.mkdir(parents=True, exist_ok=True)
        try:
            with self.noticing_problems():
                for step in steps:
                    line = step.do()
                    _logger.info(line)
                    self.report.lines.append(line)
                    self.check()
        except CondsegError as error:
            self.report.problem = str(error)
        return self.report

    @contextmanager
    def noticing_problems(self) -> Iterator[None]:
        """Note the session's failures, for `check`."""
        self.window.session.failed.connect(self._problems.append)
        try:
            yield
        finally:
            self.window.session.failed.disconnect(self._problems.append)

    def stop(self) -> None:
        """End at the next moment."""
        self._is_stopped = True

    def check(self) -> None:
        """Raise the first problem that was met, if any; or `TourStopped`."""
        if self._problems:
            raise self._problems[0]
        if not self.window.isVisible():
            raise CondsegError("the window was closed")
        if self._is_stopped:
            raise TourStopped("the tour was stopped")

    def until(self, ready: Callable[[], bool], what: str, shot: str = "", glance: float | None = None) -> None:
        """Wait until a condition holds.

        Args:
            ready: whether the condition holds.
            what: name of the awaited thing.
            shot: the name of a picture to take meanwhile.
            glance: seconds after which an onlooker has seen enough.
        """
        began = time.monotonic()
        while not ready():
            spin(0.02)
            self.check()
            waited = time.monotonic() - began
            if self.guides and glance is not None and waited > glance:
                return
            if shot and self.window.session.jobs.current is not None and waited > 1.5:
                self.look(shot)
                shot = ""
            if waited > PATIENCE:
                raise CondsegError(f"{what} did not come within {PATIENCE:.0f} s")

    def rest(self, seconds: float) -> None:
        """Let the window live for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            spin(0.02)
            self.check()

    def let_look(self, seconds: float) -> None:
        """Rest where a person looks on."""
        self.rest(seconds if self.guides else 0.0)

    def look(self, name: str, widget: QWidget | None = None) -> None:
        """Take a picture once everything is drawn; a person who looks on needs none."""
        if self.guides:
            return
        self.rest(0.4)
        path = self.output / f"{len(self.report.screenshots) + 1:02}_{name}.png"
        (widget or self.window).grab().save(str(path))
        self.report.screenshots.append(path)
