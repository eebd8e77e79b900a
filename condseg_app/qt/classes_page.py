"""The first page: class table, threshold of the current class, and actions on the class."""

from collections.abc import Callable

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from condseg_app.qt.class_dialog import ClassDialog
from condseg_app.qt.class_view import ClassView
from condseg_app.qt.connections import Connections
from condseg_app.qt.style import allow, push_button
from condseg_app.qt.text import as_it_is
from condseg_app.session import Session
from condseg_app.session.may import why_not
from condseg_app.viewer import LayerBinding

Names = Callable[[Session], frozenset[str]]


def _shown(session: Session) -> frozenset[str]:
    return frozenset(session.state.classes.names) - session.state.hidden_classes


def _missing(session: Session) -> frozenset[str]:
    return frozenset(n for n in session.state.classes.names if session.state.state_of(n) != "complete")


def _predicted(session: Session) -> frozenset[str]:
    return frozenset(session.state.classes.names) - _missing(session)


def _annotated(session: Session) -> frozenset[str]:
    return frozenset(session.state.annotations)


PRESETS: tuple[tuple[str, Names | None], ...] = (
    ("all", None),
    ("shown", _shown),
    ("not predicted", _missing),
    ("predicted", _predicted),
    ("annotated", _annotated),
)


class ClassesPage(QWidget):
    """Filter, table, threshold, buttons."""

    lesson_asked = Signal(str)
    export_asked = Signal(str)

    def __init__(self, binding: LayerBinding, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._binding = binding
        self._session = binding.session
        self._build()
        session = self._session
        connections = Connections(self)
        for signal in (session.images.changed, session.models.changed, session.classes.changed, session.jobs.changed):
            connections.to(signal, self._update)
        for signal in (session.classes.current_changed, session.classes.visibility_changed):
            connections.to(signal, self._update)
        connections.to(binding.annotation.in_hand, self._update)  # the brush may be put down anywhere
        connections.to(session.annotations.changed, self._update)
        connections.to(session.classes.threshold_changed, self._on_threshold)
        self._update()

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._table(), 1)
        layout.addLayout(self._threshold())
        layout.addLayout(self._buttons())

    def _table(self) -> QWidget:
        self.search = QLineEdit()
        self.search.setObjectName("class_filter")
        self.search.setPlaceholderText("Filter…")
        self.search.setAccessibleName("Filter of the class table")
        self.search.setClearButtonEnabled(True)
        self.preset = QComboBox()
        self.preset.setObjectName("class_preset")
        self.preset.setAccessibleName("Which classes the table lists")
        self.preset.setToolTip("Which classes the table lists, and 'Predict all' asks for")
        self.preset.addItems([title for title, _ in PRESETS])
        self.table = ClassView(self._session)
        self.search.textChanged.connect(self._filter)
        self.preset.currentIndexChanged.connect(self._filter)
        self.add = QPushButton("+  Add class…")
        self.add.setObjectName("add_class")
        self.add.setToolTip("A class of your own: name it, annotate a few slices, teach it")
        self.add.setFlat(True)
        self.add.setStyleSheet("QPushButton { text-align: left; padding: 5px 8px; background: transparent; }")
        self.add.clicked.connect(self.add_class)
        self.table.asked.connect(self.ask)
        self.table.correction_asked.connect(self.correct)
        self.table.lesson_asked.connect(self.lesson_asked)
        self.table.export_asked.connect(self.export_asked)
        top = QHBoxLayout()
        top.addWidget(self.search, 1)
        top.addWidget(QLabel("Preset"))
        top.addWidget(self.preset)
        frame = QFrame()
        inner = QVBoxLayout(frame)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(4)
        inner.addLayout(top)
        inner.addWidget(self.table, 1)
        inner.addWidget(self.add)
        return frame

    def _threshold(self) -> QHBoxLayout:
        self.threshold = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.threshold.setObjectName("threshold")
        self.threshold.setAccessibleName("Threshold of the current class")
        self.threshold.setRange(0.0, 1.0)
        self.threshold.setDecimals(2)
        self.threshold.valueChanged.connect(self._set_threshold)
        self._threshold_label = QLabel("Threshold")
        row = QHBoxLayout()
        row.addWidget(self._threshold_label)
        row.addWidget(self.threshold, 1)
        return row

    def _buttons(self) -> QGridLayout:
        self.predict = push_button("predict", "Predict", self._predict_current)
        self.predict_all = push_button("predict_all", "Predict all", self._predict_all)
        self.correct_button = push_button("correct", "Correct", self._correct_current)
        self.teach = push_button("teach", "Teach", self._teach_current)
        grid = QGridLayout()
        grid.setSpacing(6)
        buttons = (self.predict, self.predict_all, self.correct_button, self.teach)
        for number, button in enumerate(buttons):
            grid.addWidget(button, number // 2, number % 2)
        return grid

    # clicks

    def ask(self, name: str) -> None:
        """Make a class current and, if the model has the class, predict, the slice in view first."""
        self._session.classes.choose(name)
        if self._session.state.image is not None and self._session.state.can_predict(name):
            self._session.predictions.start([name], self._binding.near())

    def correct(self, name: str) -> None:
        """Take up the brush for a class, or put the brush down."""
        if self._binding.annotation.class_name == name:
            self._binding.stop_painting()
        else:
            self._session.classes.choose(name)
            self._binding.begin_painting(name)
        self._update()

    def add_class(self) -> None:
        """Ask for a new class."""
        ClassDialog(self._session, self).open()

    def _predict_current(self) -> None:
        if self._session.state.current_class is not None:
            self.ask(self._session.state.current_class)

    def _predict_all(self) -> None:
        self._session.predictions.start(
            [n for n in self._listed() if self._session.state.can_predict(n)], self._binding.near()
        )

    def _correct_current(self) -> None:
        if self._session.state.current_class is not None:
            self.correct(self._session.state.current_class)

    def _teach_current(self) -> None:
        if self._session.state.current_class is not None:
            self.lesson_asked.emit(self._session.state.current_class)

    def _filter(self) -> None:
        self.table.filter.set_text(self.search.text())
        chosen = PRESETS[self.preset.currentIndex()][1]
        self.table.filter.set_names(None if chosen is None else chosen(self._session))
        self._update()

    def _listed(self) -> list[str]:
        rows = range(self.table.filter.rowCount())
        return [name for name in (self.table.name_at(self.table.filter.index(row, 0)) for row in rows) if name]

    # following the session

    def _set_threshold(self, value: float) -> None:
        if self._session.state.current_class is not None:
            self._session.classes.set_threshold(self._session.state.current_class, value)

    def _on_threshold(self, name: str) -> None:
        if name == self._session.state.current_class:
            self._show_threshold()

    def _show_threshold(self) -> None:
        name = self._session.state.current_class
        known = name is not None and name in self._session.state.classes
        with QSignalBlocker(self.threshold):
            self.threshold.setValue(self._session.state.threshold(name or ""))
        self.threshold.setEnabled(known)
        hint = f"Voxels from this probability on are {name}" if known else "Choose a class first"
        self.threshold.setToolTip(as_it_is(hint))
        self._threshold_label.setToolTip(as_it_is(hint))

    def _update(self) -> None:
        self._show_threshold()
        state, name = self._session.state, self._session.state.current_class
        painting = name is not None and self._binding.annotation.class_name == name
        self.correct_button.setText("Done" if painting else "Correct" if self._is_known(name) else "Annotate")
        allow(self.predict, why_not(state, "predict", name), f"Predict {name}, the slice in view first")
        listed = [n for n in self._listed() if self._session.state.can_predict(n)]
        reason = why_not(state, "predict_any") or (
            None if listed else "None of the listed classes is known to the model"
        )
        allow(self.predict_all, reason, f"Predict {', '.join(listed[:6])}{'…' if len(listed) > 6 else ''}")
        hint = "Stop painting; the annotation is kept" if painting else f"Paint {name} right with the brush"
        allow(self.correct_button, why_not(state, "annotate", name), hint)
        allow(self.teach, why_not(state, "prepare_lesson", name), f"Teach the model {name} from its annotation")

    def _is_known(self, name: str | None) -> bool:
        return name is not None and (self._session.state.can_predict(name) or name in self._session.state.annotations)
