"""The class table on screen: click to ask for a class, right-click for everything else."""

from qtpy.QtCore import QEvent, QModelIndex, QSize, QSortFilterProxyModel, Qt, Signal
from qtpy.QtGui import QColor, QContextMenuEvent, QKeyEvent, QMouseEvent
from qtpy.QtWidgets import QAbstractItemView, QColorDialog, QHeaderView, QMenu, QTableView, QWidget

from condseg_app.qt import glyphs
from condseg_app.qt.class_dialog import ClassDialog
from condseg_app.qt.class_files import ClassFiles
from condseg_app.qt.class_model import NAME_ROLE, ClassModel, Column, Index
from condseg_app.qt.confirmation import Question, confirm
from condseg_app.qt.connections import Connections
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
    """Keeps the classes whose name holds a text and which are among some names."""

    def __init__(self, model: ClassModel) -> None:
        super().__init__()
        self._text = ""
        self._names: frozenset[str] | None = None
        self.setSourceModel(model)

    def set_text(self, text: str) -> None:
        """Keep names that hold `text`, in any case."""
        self.beginFilterChange()
        self._text = text.strip().casefold()
        self.endFilterChange()

    def set_names(self, names: frozenset[str] | None) -> None:
        """Keep only these; None keeps all."""
        self.beginFilterChange()
        self._names = names
        self.endFilterChange()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:  # noqa: N802
        """Whether a class is kept."""
        name = self.sourceModel().index(row, Column.NAME, parent).data(NAME_ROLE)
        return self._text in name.casefold() and (self._names is None or name in self._names)


class ClassView(QTableView):
    """The table; requests leave by signals or go to the session."""

    asked = Signal(str)  # predict this class, beginning with the slice in view
    correction_asked = Signal(str)
    lesson_asked = Signal(str)
    export_asked = Signal(str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
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

    def name_at(self, index: Index) -> str | None:
        """The class of a cell."""
        return str(index.data(NAME_ROLE)) if index.isValid() else None

    def select(self, name: str | None) -> None:
        """Put the cursor on a class."""
        row = -1 if name is None else self.classes.row_of(name)
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
        name = self.name_at(index)
        if name is None or event.button() != Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
        elif index.column() == Column.SHOWN:
            self._session.classes.set_hidden(name, name not in self._session.state.hidden_classes)
        else:
            super().mousePressEvent(event)
            self.asked.emit(name)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Change the colour at a double click on the colour; on the eye, count two clicks."""
        index = self.indexAt(event.position().toPoint())
        name = self.name_at(index)
        if name is not None and index.column() == Column.COLOR:
            self.choose_color(name)
        elif name is not None and index.column() == Column.SHOWN:
            self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Enter predicts the class, the space bar shows or hides; letters and digits are the viewer's keys."""
        name = self.name_at(self.currentIndex())
        if name is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.asked.emit(name)
        elif name is not None and event.key() == Qt.Key.Key_Space:
            self._session.classes.set_hidden(name, name not in self._session.state.hidden_classes)
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
        name = self.name_at(index)
        (self.menu_for(name) if name is not None else self.menu_beside()).popup(place)

    # actions of the menu

    def menu_for(self, name: str) -> QMenu:
        """The menu of a class."""
        menu = QMenu(self)
        menu.setObjectName("class_menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        only = {n for n in self._session.state.classes.names if n not in self._session.state.hidden_classes} == {name}
        entries = (
            ("predict", "Predict", lambda: self.asked.emit(name)),
            ("correct", "Correct", lambda: self.correction_asked.emit(name)),
            ("teach", "Teach…", lambda: self.lesson_asked.emit(name)),
            ("export", "Export mask…", lambda: self.export_asked.emit(name)),
            ("", "", None),
            (
                "only",
                "Show all" if only else "Show only this",
                lambda: self._session.classes.show_only(None if only else name),
            ),
            ("rename", "Rename…", lambda: self.rename(name)),
            ("color", "Colour…", lambda: self.choose_color(name)),
            ("", "", None),
            ("clear", "Clear its annotation", lambda: self._session.annotations.clear(name)),
            ("remove", "Remove from the table…", lambda: self.remove(name)),
            ("", "", None),
            ("export_class", "Export class…", lambda: self.files.ask_to_export(name)),
            ("import_class", "Import class…", self.files.ask_to_import),
            ("remove_class", "Remove class from the model…", lambda: self.files.ask_to_remove(name)),
        )
        for key, text, do in entries:
            if do is None:
                menu.addSeparator()
                continue
            entry = menu.addAction(text)
            entry.setObjectName(key)
            entry.triggered.connect(do)
        actions = {entry.objectName(): entry for entry in menu.actions()}
        for key, action in _ACTIONS.items():
            actions[key].setEnabled(why_not(self._session.state, action, name) is None)
        return menu

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

    def rename(self, name: str) -> None:
        """Ask for another name."""
        ClassDialog(self._session, self, renamed=name).open()

    def choose_color(self, name: str) -> None:
        """Ask for another colour."""
        dialog = QColorDialog(QColor(*self._session.state.classes[name].color), self)
        dialog.setWindowTitle(f"Colour of {name}")
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def accept(color: QColor) -> None:
            self._session.classes.recolor(name, (color.red(), color.green(), color.blue()))

        dialog.colorSelected.connect(accept)
        dialog.open()

    def remove(self, name: str) -> None:
        """Remove a class after naming the loss."""
        others = len(self._session.state.marked_elsewhere(name))
        where = f", on this image and on {counted(others, 'other')}," if others else ""
        question = Question(
            "remove_dialog",
            "Remove class",
            f"Remove '{name}' from the table?",
            f"Its prediction and its annotation{where} go with it; undo brings them back while this image is in view. "
            "The model's file stays as it is.",
            "Remove",
        )
        confirm(question, lambda: self._session.classes.remove(name), self)

    # following the session

    def _on_row(self, current: QModelIndex) -> None:
        name = self.name_at(current)
        if name is not None and name != self._session.state.current_class:
            self._session.classes.choose(name)

    def _follow(self) -> None:
        self.select(self._session.state.current_class)
