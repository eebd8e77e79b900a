"""The class table on screen: click to ask for a class, right-click for everything else."""

from collections.abc import Callable, Iterator, Sequence

from qtpy.QtCore import QEvent, QModelIndex, QSize, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QColor, QContextMenuEvent, QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QAbstractItemView, QColorDialog, QHeaderView, QMenu, QTableView, QWidget

from condseg_app.data import ClassId
from condseg_app.qt import glyphs
from condseg_app.qt.class_dialog import ClassDialog
from condseg_app.qt.class_files import ClassFiles
from condseg_app.qt.class_model import ID_ROLE, ClassModel, Column, Index
from condseg_app.qt.confirmation import Answer, Question, ask
from condseg_app.qt.connections import Connections
from condseg_app.qt.drawing_tools import DrawingTools
from condseg_app.qt.text import counted
from condseg_app.session import Session
from condseg_app.session.may import Action, why_not

_WIDTHS = {Column.COLOR: 24, Column.SHOWN: 24, Column.STATE: 24, Column.SIZE: 78, Column.VALUE: 30}
_ROW = 26
_ACTIONS: dict[str, Action] = {
    "predict": "search",
    "correct": "annotate",
    "export": "export",
    "clear": "clear_annotation",
    "export_class": "export_class",
    "import_class": "import_class",
    "remove_class": "remove_from_model",
}
"""The menu's entries that are not always possible, and the session's action of each."""


class ClassFilter(QSortFilterProxyModel):
    """Keeps the classes whose name holds a text and which are among some classes."""

    def __init__(self, model: ClassModel) -> None:
        super().__init__()
        self._text = ""
        self._classes: frozenset[ClassId] | None = None
        self.setSourceModel(model)

    def set_text(self, text: str) -> None:
        """Keep names that hold `text`, in any case."""
        self.beginFilterChange()
        self._text = text.strip().casefold()
        self.endFilterChange()

    def set_classes(self, classes: frozenset[ClassId] | None) -> None:
        """Keep only these; None keeps all."""
        self.beginFilterChange()
        self._classes = classes
        self.endFilterChange()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:  # noqa: N802
        """Whether a class is kept."""
        index = self.sourceModel().index(row, Column.NAME, parent)
        is_asked = self._classes is None or index.data(ID_ROLE) in self._classes
        return is_asked and self._text in index.data().casefold()


class ClassView(QTableView):
    """The table; requests leave by signals or go to the session."""

    asked = Signal(str)  # predict this class, beginning with the slice in view
    correction_asked = Signal(str)
    lesson_asked = Signal(str)
    export_asked = Signal(str)

    def __init__(self, session: Session, tools: DrawingTools, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tools = session, tools
        self.classes = ClassModel(session)
        self.filter = ClassFilter(self.classes)
        self.files = ClassFiles(session, self)
        self.setModel(self.filter)
        self.setObjectName("class_table")
        self.setAccessibleName("Classes")
        self._lay_out()
        self.selectionModel().currentRowChanged.connect(self._on_row)
        connections = Connections(self)
        connections.to(session.classes.current_changed, self._follow)
        connections.to(self.classes.changed, self._follow)

    def _lay_out(self) -> None:
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)  # Tab goes on to the next control, the arrow keys from class to class
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setIconSize(QSize(16, 16))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        for column in Column:
            fixed = column in _WIDTHS
            header.setSectionResizeMode(
                column, QHeaderView.ResizeMode.Fixed if fixed else QHeaderView.ResizeMode.Stretch
            )
            if fixed:
                header.resizeSection(column, _WIDTHS[column])
        header.hide()
        self.setMinimumHeight(4 * _ROW)

    def class_at(self, index: Index) -> ClassId | None:
        """The class of a cell."""
        return ClassId(index.data(ID_ROLE)) if index.isValid() else None

    def select(self, class_id: ClassId | None) -> None:
        """Put the cursor on a class."""
        row = -1 if class_id is None else self.classes.row_of(class_id)
        index = self.filter.mapFromSource(self.classes.index(row, Column.NAME)) if row >= 0 else QModelIndex()
        if index.isValid() and index.row() == self.currentIndex().row() and self.selectionModel().hasSelection():
            return  # as after a click, for which Qt draws two rows instead of all
        blocked = self.selectionModel().blockSignals(True)
        if index.isValid():
            self.setCurrentIndex(index)
        else:
            self.clearSelection()
        self.selectionModel().blockSignals(blocked)
        self.viewport().update()

    # Qt's events

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Draw the icons in the colours of a new theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            color = glyphs.text_color(self)
            if color != self.classes.text_color:
                self.classes.text_color = QColor(color)
                self.classes.refresh()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """A click on the eye shows or hides; anywhere else asks for the class."""
        index = self.indexAt(event.position().toPoint())
        class_id = self.class_at(index)
        if class_id is None or event.button() != Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
        elif index.column() == Column.SHOWN:
            self._session.classes.set_hidden(class_id, class_id not in self._session.state.hidden)
        else:
            super().mousePressEvent(event)
            self.asked.emit(class_id)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Change the colour at a double click on the colour; on the eye, count two clicks."""
        index = self.indexAt(event.position().toPoint())
        class_id = self.class_at(index)
        if class_id is not None and index.column() == Column.COLOR:
            self.choose_color(class_id)
        elif class_id is not None and index.column() == Column.SHOWN:
            self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Enter predicts the class, the space bar shows or hides; letters and digits are the viewer's keys."""
        class_id = self.class_at(self.currentIndex())
        if class_id is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.asked.emit(class_id)
        elif class_id is not None and event.key() == Qt.Key.Key_Space:
            self._session.classes.set_hidden(class_id, class_id not in self._session.state.hidden)
        elif event.text().strip().isprintable() and event.text().strip():
            event.ignore()  # or the table would look for a class of that name
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        """Everything that can be done with a class."""
        index, place = self.indexAt(event.pos()), event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
            place = self.viewport().mapToGlobal(self.visualRect(index).bottomLeft())
        class_id = self.class_at(index)
        (self.menu_for(class_id) if class_id is not None else self.menu_beside()).popup(place)

    # actions of the menu

    def menu_for(self, class_id: ClassId) -> QMenu:
        """The menu of a class."""
        menu = QMenu(self)
        menu.setObjectName("class_menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for part in self._parts_of_menu(class_id):
            for key, text, do in part:
                entry = menu.addAction(text)
                entry.setObjectName(key)
                entry.triggered.connect(do)
            menu.addSeparator()
        actions = {entry.objectName(): entry for entry in menu.actions()}
        tools = self._tools.menu(class_id, menu)
        menu.insertMenu(actions["teach"], tools)
        tools.menuAction().setEnabled(why_not(self._session.state, "annotate", class_id) is None)
        for key, action in _ACTIONS.items():
            actions[key].setEnabled(why_not(self._session.state, action, class_id) is None)
        return menu

    def _parts_of_menu(self, class_id: ClassId) -> Iterator[Sequence[tuple[str, str, Callable[[], object]]]]:
        """Key, text and action of each entry of a class's menu, part by part."""
        state, classes, files = self._session.state, self._session.classes, self.files
        only = {*state.classes.ids} - state.hidden == {class_id}
        locked = class_id in state.locked
        yield (
            ("predict", "Predict", lambda: self.asked.emit(class_id)),
            ("correct", "Correct", lambda: self.correction_asked.emit(class_id)),
            ("teach", "Teach…", lambda: self.lesson_asked.emit(class_id)),
            ("export", "Export mask…", lambda: self.export_asked.emit(class_id)),
        )
        only_text, lock_text = "Show all" if only else "Show only this", "Unlock" if locked else "Lock"
        yield (
            ("only", only_text, lambda: classes.show_only(None if only else class_id)),
            ("lock", lock_text, lambda: classes.set_locked(class_id, not locked)),
            ("rename", "Rename…", lambda: self.rename(class_id)),
            ("color", "Colour…", lambda: self.choose_color(class_id)),
        )
        yield (
            ("clear", "Clear its annotation", lambda: self._session.annotations.clear(class_id)),
            ("remove", "Remove from the table…", lambda: self.remove(class_id)),
        )
        yield (
            ("export_class", "Export class…", lambda: files.ask_to_export(class_id)),
            ("import_class", "Import class…", files.ask_to_import),
            ("remove_class", "Remove class from the model…", lambda: files.ask_to_remove(class_id)),
        )

    def menu_beside(self) -> QMenu:
        """The menu where no class is."""
        menu = QMenu(self)
        menu.setObjectName("table_menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        action = menu.addAction("Import class…")
        action.setObjectName("import_class")
        action.setEnabled(why_not(self._session.state, "import_class") is None)
        action.triggered.connect(lambda: self.files.ask_to_import())
        return menu

    def rename(self, class_id: ClassId) -> None:
        """Ask for another name."""
        ClassDialog(self._session, self, renamed=self._session.state.entry(class_id)).open()

    def choose_color(self, class_id: ClassId) -> None:
        """Ask for another colour."""
        entry = self._session.state.entry(class_id)
        dialog = QColorDialog(QColor(*entry.color), self)
        dialog.setWindowTitle(f"Colour of {entry.name}")
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def accept(color: QColor) -> None:
            self._session.classes.recolor(class_id, (color.red(), color.green(), color.blue()))

        dialog.colorSelected.connect(accept)
        dialog.open()

    def remove(self, class_id: ClassId) -> None:
        """Remove a class after naming the loss."""
        others = len(self._session.state.marked_elsewhere(class_id))
        where = f", on this image and on {counted(others, 'other')}," if others else ""
        question = Question(
            "remove_dialog",
            "Remove class",
            f"Remove '{self._session.state.name_of(class_id)}' from the table?",
            f"Its prediction and its annotation{where} go with it; undo brings them back while this image is in view. "
            "The model's file stays as it is.",
            (Answer("Remove", lambda: self._session.classes.remove(class_id)),),
        )
        ask(question, self)

    # following the session

    def _on_row(self, current: QModelIndex) -> None:
        class_id = self.class_at(current)
        if class_id is not None and class_id != self._session.state.current_class:
            self._session.classes.choose(class_id)

    def _follow(self) -> None:
        self.select(self._session.state.current_class)
