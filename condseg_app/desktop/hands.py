"""Helpers that use widgets as a person does, and find a region to paint."""

import time
from collections.abc import Sequence
from itertools import count

import numpy as np
from qtpy.QtCore import QCoreApplication, QEventLoop, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton

from condseg_app.errors import CondsegError


def free_name(name: str, names: Sequence[str]) -> str:
    """A name, with a number behind for a name that exists already."""
    taken = {other.casefold() for other in names}
    return next(found for n in count(1) if (found := name if n == 1 else f"{name} {n}") not in taken)


def click(button: QPushButton | None) -> None:
    """Click as a person would: a disabled button cannot be."""
    if button is None or not button.isEnabled():
        name = "a button" if button is None else f"'{button.text()}' cannot be clicked: {button.toolTip()}"
        raise CondsegError(f"{name}")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    spin(0.02)


def spin(seconds: float) -> None:
    """Let the window live for a moment."""
    QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, max(1, int(seconds * 1000)))
    time.sleep(min(seconds, 0.01))
    QApplication.sendPostedEvents()


def busiest(target: np.ndarray, number: int) -> list[int]:
    """Slices with the most to paint, not all next to each other."""
    areas = target.sum(axis=(1, 2)).astype(float)
    chosen: list[int] = []
    for _ in range(min(number, int((areas > 0).sum()))):
        best = int(areas.argmax())
        chosen.append(best)
        areas[max(0, best - 1) : best + 2] = 0
    return chosen
