"""The classes with a result, each with a tick to export the class."""

from collections.abc import Container

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QWidget,
)

from condseg_app.data import ClassEntry, ClassId, ClassTable
from condseg_app.qt import glyphs
from condseg_app.qt.connections import Connections
from condseg_app.qt.layout import column, row
from condseg_app.qt.style import named, push_button
from condseg_app.session import Session


class ExportClasses(QWidget):
    """A list that follows the session; ticks stay as they were."""

    changed = Signal()
    """The listed or ticked classes are others."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._entries: list[ClassEntry] = []
        self._build()
        connections = Connections(self)
        opened = session.models.changed, session.jobs.changed
        connections.each(self.fill, session.classes.changed, session.annotations.changed, *opened)
        connections.to(session.predictions.changed, self._on_prediction)

    def _build(self) -> None:
        self.list = named(QListWidget(), "export_classes", "Classes to export")
        self.list.setIconSize(QSize(14, 14))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.list.setMinimumHeight(60)
        # The room that is left: the list's own size hint would make the page scroll before the list becomes shorter.
        self.list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
        self.list.itemChanged.connect(self.changed)
        self.every = push_button("export_all", "All", lambda: self._tick(self._session.state.classes.ids))
        self.none = push_button("export_none", "None", lambda: self._tick(()))
        column(row((QLabel("Classes to export"), 1), self.every, self.none), (self.list, 1), on=self)

    def chosen(self) -> ClassTable:
        """The classes that are ticked."""
        return ClassTable(tuple(entry for entry, item in self._rows() if item.checkState() == Qt.CheckState.Checked))

    def choose_only(self, class_id: ClassId) -> None:
        """Tick one class only."""
        self.fill()
        self._tick((class_id,))

    def fill(self) -> None:
        """List the classes with a prediction or annotation."""
        entries = [entry for entry in self._session.state.classes if self._session.state.has_result(entry.id)]
        if entries == self._entries:
            return
        off = {entry.id for entry, _ in self._rows()} - {*self.chosen().ids}
        self._entries = entries
        with QSignalBlocker(self.list):
            self.list.clear()
            for entry in entries:
                item = QListWidgetItem(glyphs.swatch(entry.color, glyphs.text_color(self)), entry.name)
                item.setCheckState(Qt.CheckState.Unchecked if entry.id in off else Qt.CheckState.Checked)
                self.list.addItem(item)
        self.changed.emit()

    def _tick(self, classes: Container[ClassId]) -> None:
        with QSignalBlocker(self.list):
            for entry, item in self._rows():
                item.setCheckState(Qt.CheckState.Checked if entry.id in classes else Qt.CheckState.Unchecked)
        self.changed.emit()

    def _rows(self) -> list[tuple[ClassEntry, QListWidgetItem]]:
        return [(entry, self.list.item(number)) for number, entry in enumerate(self._entries)]

    def _on_prediction(self, class_id: ClassId, region: object) -> None:
        """List a class as soon as there is a first prediction, and no longer than there is any."""
        if region is None or not any(entry.id == class_id for entry in self._entries):
            self.fill()
