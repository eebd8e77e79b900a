"""Earlier states of a class in a lesson, and the way back to them."""

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QGridLayout, QWidget

from condseg_app.data import LearntState
from condseg_app.qt.connections import Connections
from condseg_app.qt.style import allow, named, narrow_box, push_button, quiet
from condseg_app.qt.text import counted, time_text
from condseg_app.session import Session
from condseg_app.session.may import why_not_use


class LessonHistory(QWidget):
    """A list of states by step, time and Dice, and a button that goes back to the chosen state."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("lesson_history")
        self._session = session
        self._states: tuple[LearntState, ...] = ()
        self.title = quiet()
        self.states = named(narrow_box(), "lesson_states", "Earlier states of the class")
        self.states.currentIndexChanged.connect(lambda _: self._allow())
        self.use = push_button("use_state", "Go back", self._use)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.title, 0, 0)
        grid.addWidget(self.use, 0, 1)
        grid.addWidget(self.states, 1, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        Connections(self).each(self._update, session.lessons.changed, session.jobs.changed, session.lessons.ended)
        self._update()

    def _update(self) -> None:
        states = self._session.state.lesson_states
        known = len(self._states)
        newest_is_chosen = self.states.currentIndex() == known - 1
        with QSignalBlocker(self.states):
            if states[:known] != self._states:
                self.states.clear()
                known, newest_is_chosen = 0, True
            self.states.addItems([state_text(state) for state in states[known:]])
            if newest_is_chosen:
                self.states.setCurrentIndex(len(states) - 1)
        self._states = states
        self.title.setText(f"{self._session.state.lesson_name} as it was after")
        self.setVisible(bool(states))
        self._allow()

    def _allow(self) -> None:
        state = self._session.state
        saves = "Save this state of the class; it is compared again"
        hint = "Learning goes on from there" if state.is_working else saves
        allow(self.use, why_not_use(state, self._chosen()), hint)

    def _chosen(self) -> LearntState | None:
        row = self.states.currentIndex()
        return self._states[row] if 0 <= row < len(self._states) else None

    def _use(self) -> None:
        state = self._chosen()
        if state is not None:
            self._session.lessons.use_state(state)


def state_text(state: LearntState) -> str:
    """'150 steps, 0:42 min: Dice 0.81'."""
    dice = "" if state.dice is None else f": Dice {state.dice:.2f}"
    return f"{counted(state.step, 'step')}, {time_text(state.seconds)} min{dice}"
