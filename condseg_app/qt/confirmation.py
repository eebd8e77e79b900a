"""Confirmation before something is lost."""

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

from condseg_app.qt.style import without_icons


@dataclass(frozen=True)
class Question:
    """A question that is confirmed or cancelled.

    Attributes:
        name: object name of the dialog.
        title: of the dialog.
        text: the question.
        detail: consequences.
        button: text of the button that confirms.
        role: of that button.
    """

    name: str
    title: str
    text: str
    detail: str
    button: str
    role: QMessageBox.ButtonRole = QMessageBox.ButtonRole.AcceptRole


def confirm(question: Question, do: Callable[[], object], parent: QWidget) -> None:
    """Ask without blocking, and act once confirmed; *Cancel* and Esc do nothing."""
    cancel = QMessageBox.StandardButton.Cancel
    box = QMessageBox(QMessageBox.Icon.Question, question.title, question.text, cancel, parent)
    box.setObjectName(question.name)
    box.setInformativeText(question.detail)
    box.addButton(question.button, question.role).clicked.connect(lambda: do())
    without_icons(box)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
