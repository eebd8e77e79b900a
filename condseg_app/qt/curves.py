"""Curves of loss and Dice during a lesson."""

import math

import pyqtgraph
from qtpy.QtCore import QEvent
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QWidget

from condseg_app.data import ClassId, ClassTable, TrainingProgress
from condseg_app.qt import glyphs
from condseg_app.qt.layout import column

_HEIGHT = 104


class Curves(QWidget):
    """Two small plots over the training steps: loss, and Dice of each class in the class's colour."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("curves")
        self.loss = _plot("Loss")
        self.dice = _plot("Dice")
        self.dice.setYRange(0, 1, padding=0.02)
        self.dice.setXLink(self.loss)
        self._steps = 0
        self._lines: dict[str, pyqtgraph.PlotDataItem] = {}
        self._values: dict[str, tuple[list[int], list[float]]] = {}
        column(self.loss, self.dice, on=self, spacing=2)
        self._recolor()

    def clear(self, steps: int) -> None:
        """Begin a new lesson of so many steps."""
        for plot in (self.loss, self.dice):
            plot.clear()
        self._reach(steps)
        self._lines.clear()
        self._values.clear()

    def add(self, progress: TrainingProgress, classes: ClassTable) -> None:
        """Draw another point of each curve; after a lesson's step back, remove the later points."""
        if progress.steps != self._steps:
            self._reach(progress.steps)
        self._point("", progress.step, progress.loss, classes)
        for class_id, value in progress.dice.items():
            self._point(class_id, progress.step, value, classes)

    def _reach(self, steps: int) -> None:
        self._steps = steps
        self.loss.setXRange(0, max(1, steps), padding=0.02)

    def _point(self, class_id: str, step: int, value: float, classes: ClassTable) -> None:
        if not math.isfinite(value):
            return
        steps, values = self._values.setdefault(class_id, ([], []))
        while steps and steps[-1] >= step:
            del steps[-1], values[-1]
        steps.append(step)
        values.append(value)
        if class_id not in self._lines:
            entry = classes.by_id(ClassId(class_id))
            pen = pyqtgraph.mkPen(glyphs.text_color(self) if entry is None else QColor(*entry.color), width=2)
            self._lines[class_id] = (self.dice if class_id else self.loss).plot(pen=pen)
        self._lines[class_id].setData(steps, values)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Take over a new theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange) and hasattr(self, "dice"):
            self._recolor()

    def _recolor(self) -> None:
        color = glyphs.text_color(self)
        for plot in (self.loss, self.dice):
            plot.setBackground(None)
            for side in ("left", "bottom"):
                plot.getAxis(side).setTextPen(color)
                plot.getAxis(side).setPen(color)
        if "" in self._lines:
            self._lines[""].setPen(pyqtgraph.mkPen(color, width=2))


def _plot(title: str) -> pyqtgraph.PlotWidget:
    plot = pyqtgraph.PlotWidget()
    plot.setMenuEnabled(False)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    plot.setLabel("left", title)
    plot.showGrid(x=False, y=True, alpha=0.15)
    plot.getAxis("left").setWidth(44)
    plot.setFixedHeight(_HEIGHT)
    plot.getAxis("left").enableAutoSIPrefix(False)
    plot.getPlotItem().layout.setContentsMargins(0, 4, 8, 0)
    plot.setFrameShape(plot.Shape.NoFrame)
    return plot
