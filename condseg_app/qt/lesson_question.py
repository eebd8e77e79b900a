"""Question about a lesson's result before the result is lost."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

from condseg_app.qt.connections import Connections
from condseg_app.qt.style import without_icons
from condseg_app.qt.text import duration_text
from condseg_app.session import Session
from condseg_app.session.unsaved import UnsavedLesson


class LessonQuestion(QMessageBox):
    """Keep the taught class, discard the class, or go on; closes by itself when the lesson ends.

    Args:
        session: the session, with an unsaved lesson.
        lesson: the lesson's progress.
        parent: the widget below the dialog.
    """

    def __init__(self, session: Session, lesson: UnsavedLesson, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        runs = session.state.is_teaching
        self.setObjectName("lesson_question")
        self.setIcon(QMessageBox.Icon.Question)
        self.setWindowTitle(f"Teaching {lesson.name}")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(f"{lesson_text(lesson)}. Keep what was learnt?")
        self.setInformativeText("The class is saved as a new model file; the present model stays as it is.")
        self.keep = self.addButton("Keep what was learnt", QMessageBox.ButtonRole.AcceptRole)
        self.forget = self.addButton("Forget it", QMessageBox.ButtonRole.DestructiveRole)
        self.go_on = self.addButton("Go on learning" if runs else "Decide later", QMessageBox.ButtonRole.RejectRole)
        self.setDefaultButton(self.keep)
        self.setEscapeButton(self.go_on)
        self.keep.clicked.connect(session.lessons.keep)
        self.forget.clicked.connect(self._forget)
        without_icons(self)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        Connections(self).to(session.jobs.changed, self._on_job)
        self._runs = runs

    def _forget(self) -> None:
        if self._session.state.is_teaching:
            self._session.jobs.cancel()
        else:
            self._session.lessons.discard()

    def _on_job(self) -> None:
        if self._runs and not self._session.state.is_teaching:
            self.close()


def stop_work(session: Session, parent: QWidget) -> None:
    """Stop the running job; for a lesson with a result, first ask whether to keep the result."""
    lesson = session.unsaved.lesson
    if lesson is None or not session.state.is_teaching:
        session.jobs.cancel()
    else:
        ask_about_lesson(session, lesson, parent)


def ask_about_lesson(session: Session, lesson: UnsavedLesson, parent: QWidget) -> None:
    """Ask whether to keep a lesson's result, unless the question is open already."""
    asked = parent.window().findChild(LessonQuestion)
    if asked is not None and asked.isVisible():
        asked.raise_()
        return
    LessonQuestion(session, lesson, parent.window()).open()


def lesson_text(lesson: UnsavedLesson) -> str:
    """'cyst: 14 minutes of learning, step 340 of 600'."""
    learnt = duration_text(lesson.seconds)
    return f"{lesson.name}: {learnt} of learning, step {lesson.step:,} of {lesson.steps:,}"
