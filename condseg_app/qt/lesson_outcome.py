"""Outcome of a lesson, and the choice to keep or discard."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QWidget

from condseg_app.data import Certificate, ClassChange
from condseg_app.qt.changes_table import ChangesTable, lost
from condseg_app.qt.confirmation import Answer, Question, ask
from condseg_app.qt.layout import column, row
from condseg_app.qt.style import PlainLabel, heading, named, push_button, quiet
from condseg_app.qt.text import listed
from condseg_app.session import LessonResult, Session

_SHOWN_OF_HASH = 8
_NOTHING = 0.1
"""Below this Dice a class is as good as not learnt."""
_WRONG = "color: #d9534f;"


class LessonOutcome(QWidget):
    """A certificate, or a table of all classes before and after; then accept or discard."""

    accepted = Signal(str)  # the class

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setObjectName("lesson_result")
        self.title = heading("")
        self.changes = ChangesTable()
        self.verdict = named(PlainLabel(), "verdict")
        self.verdict.setWordWrap(True)
        self.reasons = named(quiet(), "reasons")
        self.certificate = named(quiet(), "certificate")
        self.certificate.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.accept = push_button("accept_lesson", "Use the new model", self._accept)
        self.accept.setToolTip("Use the taught model from now on; the former model's file stays")
        self.discard = push_button("discard_lesson", "Discard", self._discard)
        self.discard.setToolTip("Delete the taught model")
        buttons = row((self.accept, 1), self.discard)
        column(self.title, self.changes, self.verdict, self.reasons, self.certificate, buttons, on=self)
        self.hide()

    def show_result(self, result: LessonResult) -> None:
        """Offer the taught class."""
        exact = result.certificate is not None
        name, changes = self._session.state.name_of(result.class_id), self._named(result)
        self.title.setText(_title(result, name))
        self.reasons.setText("\n".join(f"• {reason}" for reason in result.reasons))
        self.reasons.setVisible(bool(result.reasons))
        self.accept.setText("Use it anyway" if result.reasons else "Use the new model")
        self.changes.setVisible(not exact)
        self.changes.show_changes(changes)
        self.verdict.setText(_how_good(result) if exact else _verdict(result, name, changes))
        self.certificate.setVisible(exact)
        if result.certificate is not None:
            self.certificate.setText(_certified(result.certificate, len(result.changes) - 1))
            self.certificate.setToolTip(_whole(result.certificate))
            self.certificate.setStyleSheet("" if result.certificate.holds else _WRONG)
        self.show()

    def _named(self, result: LessonResult) -> list[ClassChange]:
        """The changes by the classes' names on screen."""
        name_of = self._session.state.name_of
        return [replace(change, name=name_of(class_id)) for class_id, change in result.changes.items()]

    def _accept(self) -> None:
        result = self._session.state.lesson_result
        worse = () if result is None or result.certificate is not None else lost(self._named(result))
        if not worse:
            self._use()
            return
        losses = listed([f"{c.name} ({(c.before or 0) - c.after:.3f})" for c in worse])
        question = Question(
            "worse_dialog",
            "Use the new model",
            f"{losses} lost Dice. Use it anyway?",
            "The former model stays as it is; you can choose it again at any time.",
            (Answer("Use it", self._use),),
        )
        ask(question, self)

    def _use(self) -> None:
        result = self._session.state.lesson_result
        self._session.lessons.accept()
        self.hide()
        if result is not None:
            self.accepted.emit(result.class_id)

    def _discard(self) -> None:
        result = self._session.state.lesson_result
        if result is None:
            return
        question = Question(
            "discard_dialog",
            "Discard",
            f"Discard {self._session.state.name_of(result.class_id)} as it was taught?",
            "The new model's file is deleted. The former model stays as it is.",
            (Answer("Discard", self._forget, loses=True),),
        )
        ask(question, self)

    def _forget(self) -> None:
        self._session.lessons.discard()
        self.hide()


def _title(result: LessonResult, name: str) -> str:
    if result.reasons:
        nothing = (result.dice or 0.0) < _NOTHING
        return f"{'Nothing' if nothing else 'Little'} of {name} was learnt"
    return "Before and after, Dice on this image" if result.certificate is None else f"{name} is taught"


def _how_good(result: LessonResult) -> str:
    taught = result.changes.get(result.class_id)
    if result.held_out is not None:
        seen = f", {taught.after:.2f} on your annotation" if result.reasons and taught is not None else ""
        return f"Dice {result.held_out:.2f} on annotated slices it has not learnt from{seen}."
    if taught is None:
        return ""
    lower = "" if result.reasons else "; on other slices it will be lower"
    return f"Dice {taught.after:.2f} on your annotation, which it has learnt from{lower}."


def _certified(certificate: Certificate, others: int) -> str:
    if not certificate.holds:
        return "The other classes have changed, which must not happen: discard this model and report it."
    if others == 0:
        return f"There is no other class. Weights {certificate.trunk_after[:_SHOWN_OF_HASH]}…"
    who = f"The {others} other classes answer" if others > 1 else "The other class answers"
    weights = certificate.trunk_after[:_SHOWN_OF_HASH]
    return f"{who} the same to the bit: checked on this image, weights {weights}…"


def _whole(certificate: Certificate) -> str:
    """The whole comparison, for readers who want to check."""
    answers = "".join(
        f"<p>Answers on {escape(proof.image)}, SHA-256<br>{proof.after}</p>" for proof in certificate.images
    )
    return (
        f"<p>Weights that all classes share, SHA-256<br>{certificate.trunk_after}</p>"
        f"<p>Rows of the other classes, SHA-256<br>{certificate.rows_after}</p>{answers}"
        "<p>It is kept in the new model's file.</p>"
    )


def _verdict(result: LessonResult, name: str, changes: Sequence[ClassChange]) -> str:
    taught = result.changes.get(result.class_id)
    said = "" if taught is None else f"{name} reaches a Dice of {taught.after:.2f} on your annotation. "
    against = any(c.reference == "prediction" for c in changes)
    note = " Classes without annotation here are compared with the former model's prediction." if against else ""
    worse = lost(changes)
    if worse:
        return f"{said}Worse than before: {', '.join(c.name for c in worse)}.{note}"
    return f"{said}No other class has become worse.{note}"
