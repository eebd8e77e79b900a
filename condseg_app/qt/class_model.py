"""The class table as Qt's item model."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from psygnal import Signal
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from qtpy.QtGui import QColor, QIcon

from condseg_app.data import ClassEntry, ClassId
from condseg_app.qt import glyphs
from condseg_app.qt.connections import Connections
from condseg_app.qt.text import as_it_is, measure_text
from condseg_app.session import Session

Index = QModelIndex | QPersistentModelIndex
ID_ROLE = Qt.ItemDataRole.UserRole + 1


class Column(IntEnum):
    """Columns of the table."""

    COLOR = 0
    SHOWN = 1
    NAME = 2
    STATE = 3
    SIZE = 4
    VALUE = 5


_TITLES = {
    Column.COLOR: "",
    Column.SHOWN: "",
    Column.NAME: "Class",
    Column.STATE: "",
    Column.SIZE: "Size",
    Column.VALUE: "Value",
}
_STATES = {
    "not asked": (glyphs.not_asked, "Not asked for yet: click to predict it"),
    "filling": (glyphs.filling, "Being filled in"),
    "complete": (glyphs.complete, "Predicted everywhere"),
}


class ClassModel(QAbstractTableModel):
    """Rows of classes; reads the session, changes nothing.

    Sizes are counted over the whole image, and therefore kept until the session reports a change.
    """

    changed = Signal()  # rows may have come, gone or changed: filters have to run again

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._rows: tuple[ClassEntry, ...] = session.state.classes.entries
        self._sizes: dict[ClassId, str] = {}
        self._filling: frozenset[ClassId] = frozenset()
        self._icons: dict[tuple[object, int], QIcon] = {}
        self.text_color = QColor(200, 200, 200)
        connections = Connections(self)
        connections.each(self.reload, session.classes.changed, session.images.changed, session.models.changed)
        connections.each(
            self.refresh, session.classes.visibility_changed, session.drawing.rule_changed, session.jobs.changed
        )
        connections.each(self._on_class, session.annotations.changed, session.classes.threshold_changed)
        connections.to(session.predictions.changed, self._on_prediction)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's own signature
        """Number of classes."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802
        """Number of columns."""
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        """The columns' titles."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _TITLES[Column(section)]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Content of a cell for a role."""
        entry = self._rows[index.row()]
        column = Column(index.column())
        if role == ID_ROLE:
            return entry.id
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(entry, column)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icon(entry, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return as_it_is(self._hint(entry, column))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._hint(entry, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in (Column.SIZE, Column.VALUE):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def row_of(self, class_id: ClassId) -> int:
        """The row of a class, -1 where there is none."""
        return next((row for row, entry in enumerate(self._rows) if entry.id == class_id), -1)

    def reload(self) -> None:
        """Take the rows anew."""
        self.beginResetModel()
        self._rows = self._session.state.classes.entries
        self._sizes.clear()
        self._filling = frozenset()
        self.endResetModel()
        self.changed.emit()

    def refresh(self) -> None:
        """Draw all rows anew."""
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(Column) - 1))
        self.changed.emit()

    def _on_prediction(self, class_id: ClassId, region: object) -> None:
        del region
        filling = self._session.state.state_of(class_id) == "filling"
        if filling and class_id in self._filling:
            return  # the row says so already, and any painting makes Qt compose all of the window
        self._filling = self._filling | {class_id} if filling else self._filling - {class_id}
        self._on_class(class_id)

    def _on_class(self, class_id: ClassId) -> None:
        self._sizes.pop(class_id, None)
        row = self.row_of(class_id)
        if row >= 0:
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(Column) - 1))

    def _text(self, entry: ClassEntry, column: Column) -> str | None:
        if column == Column.NAME:
            return entry.name
        if column == Column.VALUE:
            return str(entry.value)
        if column == Column.SIZE:
            return self._size(entry.id)
        return None

    def _size(self, class_id: ClassId) -> str:
        if self._session.state.state_of(class_id) == "filling":
            return "…"
        if class_id not in self._sizes:
            size = self._session.predictions.volume(class_id)
            self._sizes[class_id] = "" if size is None else measure_text(size, short=True)
        return self._sizes[class_id]

    def _icon(self, entry: ClassEntry, column: Column) -> Any:
        if column == Column.COLOR:
            return self._drawn_once(entry.color, lambda: glyphs.swatch(entry.color, self.text_color))
        if column == Column.SHOWN:
            eye = glyphs.closed_eye if self._is_hidden(entry) else glyphs.eye
            return self._drawn_once(eye, lambda: glyphs.icon(eye, self.text_color))
        if column == Column.NAME and self._is_locked(entry):
            return self._drawn_once(glyphs.lock, lambda: glyphs.icon(glyphs.lock, self.text_color))
        if column == Column.STATE:
            state, _ = self._state(entry.id)
            return self._drawn_once(state, lambda: glyphs.icon(state, self.text_color))
        return None

    def _drawn_once(self, what: object, draw: Callable[[], QIcon]) -> QIcon:
        """An icon in the theme's colours; the table is painted at every click, and drawing takes longest."""
        key = (what, self.text_color.rgba())
        if key not in self._icons:
            self._icons[key] = draw()
        return self._icons[key]

    def _state(self, class_id: ClassId) -> tuple[glyphs.Draw, str]:
        state, predicted = self._session.state, self._session.state.state_of(class_id)
        if class_id in state.annotations and predicted != "filling":
            return glyphs.pencil, "Annotated by hand"
        if predicted == "not asked" and not state.can_predict(class_id):
            return glyphs.not_asked, "Not known to the model yet: annotate a few slices and teach it"
        return _STATES[predicted]

    def _hint(self, entry: ClassEntry, column: Column) -> str:
        if column == Column.COLOR:
            return f"Colour of {entry.name}; double-click to change"
        if column == Column.SHOWN:
            return f"{entry.name} is hidden; click to show" if self._is_hidden(entry) else f"Click to hide {entry.name}"
        if column == Column.STATE:
            return self._state(entry.id)[1]
        if column == Column.SIZE:
            filling = self._session.state.state_of(entry.id) == "filling"
            size = None if filling else self._session.predictions.volume(entry.id)
            return "Size: known once it is predicted" if size is None else f"{entry.name}: {measure_text(size)}"
        if column == Column.VALUE:
            return f"Value {entry.value} in label maps; code {entry.code:g} in the network"
        locked = " is locked: no drawing changes its voxels; right-click to unlock"
        return f"{entry.name}{locked if self._is_locked(entry) else ': click to predict; right-click for more'}"

    def _is_locked(self, entry: ClassEntry) -> bool:
        return entry.id in self._session.state.locked

    def _is_hidden(self, entry: ClassEntry) -> bool:
        return entry.id in self._session.state.hidden
