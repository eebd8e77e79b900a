"""Questions before something is lost."""

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

from condseg_app.qt.style import without_icons

_ROLES = QMessageBox.ButtonRole


@dataclass(frozen=True)
class Answer:
    """A button of a question.

    Attributes:
        text: of the button.
        do: called once the button is pressed.
        loses: whether work is lost by this answer, so that Enter never gives the answer.
    """

    text: str
    do: Callable[[], object]
    loses: bool = False


@dataclass(frozen=True)
class Question:
    """A question with answers, and with a button that changes nothing, as Esc does.

    Attributes:
        name: object name of the dialog.
        title: of the dialog.
        text: the question.
        detail: consequences.
        answers: the first is the default, unless work is lost by it.
        stay: text of the button that changes nothing.
    """

    name: str
    title: str
    text: str
    detail: str
    answers: tuple[Answer, ...]
    stay: str = ""


def ask(question: Question, parent: QWidget) -> QMessageBox:
    """Ask without blocking; a question that is open already is raised instead."""
    for asked in parent.findChildren(QMessageBox, question.name):
        if asked.isVisible():
            asked.raise_()
            return asked
    box = QMessageBox(QMessageBox.Icon.Question, question.title, question.text, parent=parent)
    box.setObjectName(question.name)
    box.setInformativeText(question.detail)
    for number, answer in enumerate(question.answers):
        role = _ROLES.DestructiveRole if answer.loses else _ROLES.ActionRole if number else _ROLES.AcceptRole
        button = box.addButton(answer.text, role)
        button.clicked.connect(lambda _=False, do=answer.do: do())
        if role == _ROLES.AcceptRole:
            box.setDefaultButton(button)
    stay = box.addButton(QMessageBox.StandardButton.Cancel)
    stay.setText(question.stay or stay.text())
    without_icons(box)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()
    return box
