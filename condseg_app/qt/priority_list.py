"""Classes in an order that the person drags, or moves by keys and buttons."""

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QDropEvent, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from condseg_app.data import ClassEntry, ClassId
from condseg_app.qt import glyphs
from condseg_app.qt.connections import soon
from condseg_app.qt.layout import column, row
from condseg_app.qt.style import allow, push_button

_ROWS_SHOWN = 4
_ID = Qt.ItemDataRole.UserRole
_KEYS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


class _Rows(QListWidget):
    """A list whose rows can be dragged; Alt with an arrow moves the current row."""

    reordered = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setIconSize(QSize(14, 14))
        self.setObjectName("priority")
        self.setAccessibleName("Classes in order of priority, the first one wins")

    def shift(self, by: int) -> None:
        """Move the row in hand up (-1) or down (1)."""
        row = self.currentRow()
        if row >= 0 and 0 <= row + by < self.count():
            self.insertItem(row + by, self.takeItem(row))
            self.setCurrentRow(row + by)
            self.reordered.emit()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Report a dragged row later: Qt is not done with the move before this returns."""
        super().dropEvent(event)
        soon(self, self.reordered.emit)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Alt+Up and Alt+Down move the row in hand."""
        by = _KEYS.get(Qt.Key(event.key()))
        if by is not None and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.shift(by)
        else:
            super().keyPressEvent(event)


class PriorityList(QWidget):
    """The rows, with buttons for up and down."""

    reordered = Signal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: list[ClassEntry] = []
        self.rows = _Rows()
        self.up = push_button("priority_up", "Up", lambda: self.rows.shift(-1))
        self.down = push_button("priority_down", "Down", lambda: self.rows.shift(1))
        buttons = column(self.up, self.down)
        buttons.addStretch(1)
        row((self.rows, 1), buttons, on=self)
        self.rows.reordered.connect(lambda: self.reordered.emit(self.classes()))
        self.rows.currentRowChanged.connect(self._update)
        self.rows.reordered.connect(self._update)
        self._update()

    def classes(self) -> list[ClassId]:
        """The classes in order."""
        return [self.rows.item(row).data(_ID) for row in range(self.rows.count())]

    def fill(self, entries: Sequence[ClassEntry]) -> None:
        """Show classes in this order; the current class stays current."""
        if self._entries == [*entries] and self.classes() == [entry.id for entry in entries]:
            return  # a drag may be under way
        self._entries = [*entries]
        item = self.rows.currentItem()
        current = None if item is None else item.data(_ID)
        self.rows.blockSignals(True)
        self.rows.clear()
        for entry in entries:
            row = QListWidgetItem(glyphs.swatch(entry.color, glyphs.text_color(self)), entry.name)
            row.setFlags(row.flags() & ~Qt.ItemFlag.ItemIsDropEnabled)  # drop between rows, not onto a row
            row.setData(_ID, entry.id)
            self.rows.addItem(row)
            if entry.id == current:
                self.rows.setCurrentItem(row)
        self.rows.blockSignals(False)
        height = max(1, self.rows.sizeHintForRow(0)) * min(max(2, len(entries)), _ROWS_SHOWN)
        self.rows.setFixedHeight(max(height + 2 * self.rows.frameWidth() + 4, 2 * self.up.sizeHint().height() + 8))
        self._update()

    def _update(self) -> None:
        row, last = self.rows.currentRow(), self.rows.count() - 1
        none = "Choose a class in the list first" if row < 0 else None
        allow(self.up, none or ("It is the first already" if row == 0 else None), "Move up (Alt+Up)")
        allow(self.down, none or ("It is the last already" if row == last else None), "Move down (Alt+Down)")
