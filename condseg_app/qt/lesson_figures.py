"""Figures of a running lesson: quality of the class, time spent, and advice."""

from collections.abc import Sequence

from qtpy.QtWidgets import QWidget

from condseg_app.data import ClassId, ClassTable, TeachingMode, TrainingProgress
from condseg_app.qt.curves import Curves
from condseg_app.qt.layout import column, row
from condseg_app.qt.style import PlainLabel, named, quiet
from condseg_app.qt.text import time_text

_GOOD_ENOUGH, _ALIKE = 0.7, 0.8  # Dice
_PATIENCE, _RISE = 100, 0.02  # a lesson has stalled if the Dice rose by less in so many steps ...
_FIRST_STEPS = 200  # ... after these
_MEANS: dict[TeachingMode, str] = {
    "exact": "on annotated slices it has not learnt from",
    "full": "on the pieces it has just learnt from",
}
_HINTS: dict[TeachingMode, str] = {
    "exact": (
        "A second copy of the class learns without some of the annotated slices. This is its Dice on them: the quality "
        "where you annotated nothing. The class itself learns from all slices and is usually better."
    ),
    "full": "Dice of the last pieces of the image against your annotation; on other slices it will be lower.",
}


class LessonFigures(QWidget):
    """Dice with its meaning, time spent, notices, and curves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("lesson_figures")
        self._seen: list[tuple[int, float]] = []
        self._begin(ClassId(""), "exact")
        self.dice = named(PlainLabel(), "lesson_dice")
        self.dice.setStyleSheet("font-size: 19px; font-weight: bold;")  # the app's style outdoes a font
        self.meaning = quiet()
        self.spent = named(PlainLabel(), "lesson_time")
        self.spent.setToolTip("Time spent on teaching; pauses do not count")
        self.remark = named(quiet(), "lesson_remark")
        self.curves = Curves()
        figures = row(self.dice, (self.meaning, 1), self.spent, spacing=8)
        column(figures, self.remark, self.curves, on=self, spacing=4)

    def start(self, class_id: ClassId, mode: TeachingMode, steps: int) -> None:
        """Begin with a lesson of a class."""
        self._begin(class_id, mode)
        self.curves.clear(steps)
        for label in (self.dice, self.meaning, self.spent, self.remark):
            label.setText("")
            label.setToolTip("")
        self.remark.hide()

    def add(self, progress: TrainingProgress, classes: ClassTable) -> None:
        """Show the lesson's progress."""
        self.curves.add(progress, classes)
        self.spent.setText(f"{time_text(progress.seconds)} min")
        dice = progress.dice.get(self._class_id)
        if dice is not None:
            earlier = [seen for seen in self._seen if seen[0] < progress.step]
            self._seen = [*earlier, (progress.step, dice)]
            self.dice.setText(f"{dice:.2f}")
            self.meaning.setText(_MEANS[self._mode])
            for label in (self.dice, self.meaning):
                label.setToolTip(_HINTS[self._mode])
        remarks = [
            _looks_like(progress.nearest, classes),
            stalled(self._seen) if self._mode == "exact" else "",
            _unexamined(progress) if self._mode == "exact" else "",
        ]
        self.remark.setText(" ".join(remark for remark in remarks if remark))
        self.remark.setVisible(bool(self.remark.text()))

    def _begin(self, class_id: ClassId, mode: TeachingMode) -> None:
        self._class_id, self._mode = class_id, mode
        self._seen = []


def stalled(seen: Sequence[tuple[int, float]]) -> str:
    """Advice where the Dice, as (step, Dice), stays low; empty while the Dice rises or is good."""
    if not seen:
        return ""
    step, dice = seen[-1]
    earlier = [value for at, value in seen if at <= step - _PATIENCE]
    if step < _FIRST_STEPS or dice >= _GOOD_ENOUGH or not earlier or dice > max(earlier) + _RISE:
        return ""
    return "It gets no better: paint a slice where it is wrong, or try Full."


def _looks_like(nearest: tuple[str, float] | None, classes: ClassTable) -> str:
    like = None if nearest is None else classes.by_id(ClassId(nearest[0]))
    if nearest is None or like is None or nearest[1] < _ALIKE:
        return ""
    return f"This looks like {like.name}, Dice {nearest[1]:.2f}."


def _unexamined(progress: TrainingProgress) -> str:
    if progress.dice or progress.step < _PATIENCE:
        return ""
    return "Its Dice elsewhere shows once two slices are annotated."
