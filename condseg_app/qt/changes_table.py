"""Table of a lesson's changes, class by class."""

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from condseg_app.data import ClassChange
from condseg_app.qt.text import as_it_is

_TITLES = ("Class", "Before", "After", "Change")
_BETTER, _WORSE = QColor(47, 163, 107), QColor(217, 83, 79)
_ROW = 24
_NOTICED = 0.005  # smaller changes read as 0.00


def lost(changes: Sequence[ClassChange]) -> tuple[ClassChange, ...]:
    """Classes that have become worse by more than is noticed."""
    return tuple(change for change in changes if (_by(change) or 0.0) < -_NOTICED)


class ChangesTable(QTableWidget):
    """Dice before and after; better is green, worse is red."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(_TITLES), parent)
        self.setObjectName("changes")
        self.setHorizontalHeaderLabels(list(_TITLES))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setShowGrid(False)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def show_changes(self, changes: Sequence[ClassChange]) -> None:
        """Fill the table, new classes first, then those that changed most."""
        self.setRowCount(len(changes))
        for row, change in enumerate(sorted(changes, key=lambda c: -abs(_by(c) or 2.0 * (c.before is None)))):
            by = _by(change)
            texts = (change.name, _figure(change.before), _figure(change.after), _change(by))
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(as_it_is(_compared_with(change)))
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if column == 3 and by is not None and abs(by) > _NOTICED:
                    item.setForeground(_BETTER if by > 0 else _WORSE)
                self.setItem(row, column, item)
        self.setFixedHeight(min(6, len(changes)) * _ROW + self.horizontalHeader().sizeHint().height() + 6)


def _by(change: ClassChange) -> float | None:
    return None if change.before is None else change.after - change.before


def _change(by: float | None) -> str:
    if by is None:
        return "new"
    return f"{by:+.2f}" if abs(by) > _NOTICED else "same"


def _figure(dice: float | None) -> str:
    return "–" if dice is None else f"{dice:.2f}"


def _compared_with(change: ClassChange) -> str:
    if change.reference == "annotation":
        return f"Dice of {change.name} against your annotation of this image"
    return (
        f"{change.name} has no annotation here, so it is compared with the former model's prediction (1 is: unchanged)"
    )
