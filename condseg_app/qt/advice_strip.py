"""A strip of advice: the proposed model, and reasons against the current model."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from condseg_app.qt.connections import Connections
from condseg_app.qt.style import named, push_button, quiet
from condseg_app.qt.text import as_it_is, listed, without_mnemonic
from condseg_app.session import JudgedModel, Session

_WARNED = "#advice { border-left: 3px solid #e69f00; }"
_TOLD = "#advice { border-left: 3px solid #5682e9; }"


class AdviceStrip(QFrame):
    """Hidden where there is nothing to say."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setObjectName("advice")
        self.text = named(quiet(), "advice_text")
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.use = push_button("use_model", "Use", self._use)
        self.use.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 2, 0, 2)
        column.addWidget(self.text)
        column.addWidget(self.use, 0, Qt.AlignmentFlag.AlignLeft)
        Connections(self).to(session.models.advice.changed, self._show)
        self._show()

    def _show(self) -> None:
        advice = self._session.models.advice
        proposed, judged = advice.proposed, advice.of_open_model
        open_ = self._session.state.image is not None
        text = advice_text(proposed, judged, at_hand=bool(advice.files)) if open_ else ""
        self.text.setText(text)
        self.setVisible(bool(text))
        self.setStyleSheet(_WARNED if judged is not None else _TOLD)
        self.use.setVisible(proposed is not None)
        if proposed is not None:
            name = proposed.file.name
            self.use.setText(f"Use {without_mnemonic(name)}" if judged is not None else "Use")
            self.use.setToolTip(as_it_is(f"Open the model {name}: {', '.join(_classes(proposed))}"))

    def _use(self) -> None:
        proposed = self._session.models.advice.proposed
        if proposed is not None:
            self._session.models.open(proposed.file.path)


def advice_text(proposed: JudgedModel | None, judged: JudgedModel | None, *, at_hand: bool) -> str:
    """Advice on the available models for an image.

    Args:
        proposed: the model that suits the image, where the current model does not.
        judged: the current model; None without a model.
        at_hand: whether there is any model.
    """
    lack = "No model at hand suits this image" if at_hand else "There is no model at hand"
    nothing = f"{lack}: annotate classes by hand and export them, or train a model (see the user guide)."
    if judged is None and proposed is not None:
        return f"By size, spacing and channels the model {proposed.file.name} fits: {listed(_classes(proposed))}."
    if judged is None:
        return nothing
    if judged.misfit is not None:
        reason = f"{judged.misfit[:1].upper()}{judged.misfit[1:]}."
        return reason if proposed is not None else f"{reason} {nothing}"
    return f"This image is unlike those the model was trained on: {'; '.join(judged.unlike)}." if judged.unlike else ""


def _classes(judged: JudgedModel) -> tuple[str, ...]:
    return judged.file.description.classes.names
