"""Choice of the image to open from a file that holds several."""

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QListWidget,
    QListWidgetItem,
    QWidget,
)

from condseg_app.io.choices import ChoiceNeeded
from condseg_app.qt.layout import column, ok_or_cancel
from condseg_app.qt.style import PlainLabel, named
from condseg_app.qt.text import choice_text

_WIDTH, _ROWS = 560, 12


class ChoiceDialog(QDialog):
    """Lists the images of a file; arrows and letters choose, Enter or a double click opens.

    Args:
        needed: the options.
        parent: the widget below the dialog.
    """

    chosen = Signal(object)
    """The value of the option, for `ChoiceNeeded.picked`."""

    def __init__(self, needed: ChoiceNeeded, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("choice_dialog")
        self.setWindowTitle(f"Choose a {needed.what}")
        self.setMinimumWidth(_WIDTH)
        self._build(needed)
        self.list.setFocus()

    def _build(self, needed: ChoiceNeeded) -> None:
        self.told = named(PlainLabel(choice_text(needed)), "choice_text")
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setWordWrap(True)
        self.list = _Options(needed)
        self.list.itemDoubleClicked.connect(self.accept)
        self.buttons, self.ok = ok_or_cancel(self, "Open")
        self.ok.setDefault(True)
        column(self.told, self.list, self.buttons, on=self, margins=None)

    @property
    def value(self) -> str | int:
        """Of the option in hand."""
        value: str | int = self.list.currentItem().data(Qt.ItemDataRole.UserRole)
        return value

    def accept(self) -> None:
        """Hand the option on."""
        self.chosen.emit(self.value)
        super().accept()


class _Options(QListWidget):
    """As high as the rows, up to a dozen rows; long lines wrap."""

    def __init__(self, needed: ChoiceNeeded) -> None:
        super().__init__()
        self.setObjectName("choice_list")
        self.setAccessibleName(f"Choose a {needed.what}")
        self.setWordWrap(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setStyleSheet("QListWidget::item { padding: 4px; }")
        for value, text in needed.options:
            item = QListWidgetItem(text)
            item.setData(Qt.ItemDataRole.UserRole, value)
            item.setToolTip(str(value) if needed.what == "series" else "")
            self.addItem(item)
        self.setCurrentRow(0)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Room for the rows."""
        self.ensurePolished()
        rows = min(self.count() + 1, _ROWS)  # another row, for lines that wrap
        return QSize(_WIDTH, rows * self.sizeHintForRow(0) + 2 * self.frameWidth())


def ask_at_once(needed: ChoiceNeeded) -> str | int | None:
    """Ask and wait for the answer: for a host that needs an image before going on.

    Returns:
        the option's value; None after a cancel.
    """
    dialog = ChoiceDialog(needed, QApplication.activeWindow())
    accepted = dialog.exec() == QDialog.DialogCode.Accepted
    value = dialog.value
    dialog.deleteLater()
    return value if accepted else None
