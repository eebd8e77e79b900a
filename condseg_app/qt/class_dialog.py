"""Dialog for a class's name and colour; the reason against unusable input is shown in place."""

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QDialog,
    QFormLayout,
    QLineEdit,
    QPushButton,
    QWidget,
)

from condseg_app.data import ClassEntry, ClassTable, Color
from condseg_app.errors import ClassTableError
from condseg_app.qt import glyphs
from condseg_app.qt.layout import column, ok_or_cancel
from condseg_app.qt.style import PlainLabel, named
from condseg_app.session import Session

_WRONG = "QLineEdit { border: 1px solid #d9534f; }"


class ClassDialog(QDialog):
    """Adds a class to the session's table, or renames a class."""

    def __init__(self, session: Session, parent: QWidget | None = None, *, renamed: ClassEntry | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._renamed = renamed
        self._color: Color | None = None
        self.setObjectName("class_dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Add class" if renamed is None else f"Rename {renamed.name}")
        self.setMinimumWidth(400)
        self._build()
        self._check()

    def _build(self) -> None:
        self.name = QLineEdit("" if self._renamed is None else self._renamed.name)
        self.name.setObjectName("class_name")
        self.name.setAccessibleName("Name of the class")
        self.name.setPlaceholderText("liver, nucleus, road…")
        self.name.textChanged.connect(self._check)
        self.reason = named(PlainLabel(), "class_reason")
        self.reason.setWordWrap(True)
        self.reason.setStyleSheet("color: #d9534f;")
        self.color = named(QPushButton(), "class_color", "Colour of the class")
        self.color.setToolTip("Colour in the viewer, the table, curves and exports")
        self.color.clicked.connect(self._choose_color)
        self.numbers = named(PlainLabel(), "class_numbers")
        self.numbers.setToolTip("The value stands for the class in label maps, the code in the network.")
        self.buttons, self._ok = ok_or_cancel(self, "Add" if self._renamed is None else "Rename")
        self._ok.setObjectName("class_ok")
        self._form = form = QFormLayout()
        form.addRow("Name", self.name)
        form.addRow("", self.reason)
        if self._renamed is None:
            form.addRow("Colour", self.color)
            form.addRow("", self.numbers)
        column(form, self.buttons, on=self, margins=None)

    def accept(self) -> None:
        """Hand the class to the session."""
        entry = self._proposed()
        if isinstance(entry, str):
            return
        if self._renamed is None:
            added = self._session.classes.add(entry.name, entry.color)
            if added is not None:
                self._session.classes.choose(added.id)
        else:
            self._session.classes.rename(self._renamed.id, entry.name)
        super().accept()

    def _proposed(self) -> ClassEntry | str:
        """The new row, or the reason against the input."""
        name = self.name.text().strip()
        if not name:
            return ""
        others = ClassTable(tuple(e for e in self._session.state.classes if e != self._renamed))
        if name.casefold() in {other.casefold() for other in others.names}:
            return f"'{name}' is taken; choose another name."
        try:
            if self._renamed is None:
                return self._session.classes.propose(name, self._color)
            entry = others.propose(name)
            others.adding(entry)
        except ClassTableError as error:
            return error.message[0].upper() + error.message[1:] + "."
        return entry

    def _check(self) -> None:
        entry = self._proposed()
        wrong = isinstance(entry, str)
        self._ok.setEnabled(not wrong)
        self._ok.setToolTip("Type a name first" if wrong and not entry else "")
        self.reason.setText(entry if isinstance(entry, str) else "")
        self._form.setRowVisible(self.reason, bool(self.reason.text()))
        self.name.setStyleSheet(_WRONG if self.reason.text() else "")
        if isinstance(entry, ClassEntry):
            self.numbers.setText(f"Value {entry.value}, code {entry.code:g}")
            self._show_color(entry.color)
        else:
            self.numbers.setText("Value and code are chosen automatically")
            self._show_color(self._color or self._session.classes.propose("class").color)

    def _show_color(self, color: Color) -> None:
        self.color.setIcon(glyphs.swatch(color, glyphs.text_color(self), 18))
        self.color.setText("#{:02x}{:02x}{:02x}".format(*color))
        self._shown = color

    def _choose_color(self) -> None:
        dialog = QColorDialog(QColor(*self._shown), self)
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(self._take_color)
        dialog.open()

    def _take_color(self, color: QColor) -> None:
        self._color = (color.red(), color.green(), color.blue())
        self._check()
