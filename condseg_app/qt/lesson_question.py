"""Question about a lesson's result before the result is lost."""

from qtpy.QtWidgets import QWidget

from condseg_app.qt.confirmation import Answer, Question, ask
from condseg_app.qt.connections import Connections
from condseg_app.qt.text import duration_text
from condseg_app.session import Session
from condseg_app.session.unsaved import UnsavedLesson


def stop_lesson(session: Session) -> None:
    """Stop the running lesson, or discard the result of the last."""
    if session.state.is_teaching:
        session.jobs.cancel()
    else:
        session.lessons.discard()


def stop_work(session: Session, parent: QWidget) -> None:
    """Stop the running job; for a lesson with a result, first ask whether to keep the result."""
    lesson = session.unsaved.lesson
    if lesson is None or not session.state.is_teaching:
        session.jobs.cancel()
    else:
        ask_about_lesson(session, lesson, parent)


def ask_about_lesson(session: Session, lesson: UnsavedLesson, parent: QWidget) -> None:
    """Ask whether to keep a lesson's result; the question closes by itself when a running lesson ends."""
    runs = session.state.is_teaching
    question = Question(
        "lesson_question",
        f"Teaching {lesson.name}",
        f"{lesson_text(lesson)}. Keep what was learnt?",
        "The class is saved as a new model file; the present model stays as it is.",
        (
            Answer("Keep what was learnt", session.lessons.keep),
            Answer("Forget it", lambda: stop_lesson(session), loses=True),
        ),
        "Go on learning" if runs else "Decide later",
    )
    box = ask(question, parent.window())
    if runs:
        Connections(box).to(session.jobs.changed, lambda: session.state.is_teaching or box.close())


def lesson_text(lesson: UnsavedLesson) -> str:
    """'cyst: 14 minutes of learning, step 340 of 600'."""
    learnt = duration_text(lesson.seconds)
    return f"{lesson.name}: {learnt} of learning, step {lesson.step:,} of {lesson.steps:,}"
