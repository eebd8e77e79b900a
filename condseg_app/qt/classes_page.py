"""The first page: class table, threshold of the current class, and actions on the class."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from condseg_app.data import ClassId
from condseg_app.qt.class_dialog import ClassDialog
from condseg_app.qt.class_view import ClassView
from condseg_app.qt.connections import Connections, class_signals
from condseg_app.qt.drawing_tools import DrawingTools
from condseg_app.qt.layout import column, row
from condseg_app.qt.style import allow, named, push_button
from condseg_app.qt.text import as_it_is
from condseg_app.session.may import why_not
from condseg_app.session.state import DEFAULT_THRESHOLD, State
from condseg_app.viewer import LayerBinding

Chosen = Callable[[State], AbstractSet[ClassId]]


def _missing(state: State) -> AbstractSet[ClassId]:
    return {class_id for class_id in state.classes.ids if state.state_of(class_id) != "complete"}


PRESETS: tuple[tuple[str, Chosen | None], ...] = (
    ("all", None),
    ("shown", lambda state: {*state.classes.ids} - state.hidden),
    ("not predicted", _missing),
    ("predicted", lambda state: {*state.classes.ids} - _missing(state)),
    ("annotated", lambda state: state.annotations.keys()),
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
        connections.each(self._update, *class_signals(binding), session.classes.visibility_changed)
        connections.to(session.classes.threshold_changed, self._on_threshold)
        self._update()

    def _build(self) -> None:
        column((self._table(), 1), self._threshold(), self._buttons(), on=self, margins=(0, 6, 0, 0), spacing=6)

    def _table(self) -> QWidget:
        self.search = named(QLineEdit(), "class_filter", "Filter of the class table")
        self.search.setPlaceholderText("Filter…")
        self.search.setClearButtonEnabled(True)
        self.preset = named(QComboBox(), "class_preset", "Which classes the table lists")
        self.preset.setToolTip("Which classes the table lists, and 'Predict all' asks for")
        self.preset.addItems([title for title, _ in PRESETS])
        self.tools = DrawingTools(self._binding, self)
        self.table = ClassView(self._session, self.tools)
        self.search.textChanged.connect(self._filter)
        self.preset.currentIndexChanged.connect(self._filter)
        self.add = named(QPushButton("+  Add class…"), "add_class")
        self.add.setToolTip("A class of your own: name it, annotate a few slices, teach it")
        self.add.setFlat(True)
        self.add.setStyleSheet("QPushButton { text-align: left; padding: 5px 8px; background: transparent; }")
        self.add.clicked.connect(self.add_class)
        self.table.asked.connect(self.ask)
        self.table.correction_asked.connect(self.correct)
        self.table.lesson_asked.connect(self.lesson_asked)
        self.table.export_asked.connect(self.export_asked)
        top = row((self.search, 1), QLabel("Preset"), self.preset)
        frame = QFrame()
        column(top, (self.table, 1), self.add, on=frame, spacing=4)
        return frame

    def _threshold(self) -> QHBoxLayout:
        self.threshold = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.threshold.setObjectName("threshold")
        self.threshold.setAccessibleName("Threshold of the current class")
        self.threshold.setRange(0.0, 1.0)
        self.threshold.setDecimals(2)
        self.threshold.valueChanged.connect(self._set_threshold)
        self._threshold_label = QLabel("Threshold")
        return row(self._threshold_label, (self.threshold, 1))

    def _buttons(self) -> QVBoxLayout:
        self.predict = push_button("predict", "Predict", self._predict_current)
        self.predict_all = push_button("predict_all", "Predict all", self._predict_all)
        self.correct_button = push_button("correct", "Correct", self._correct_current)
        self.tools_button = push_button("tools", "Tools ▾", self._show_tools)
        self.tools_button.setAccessibleName("Tools")
        self.teach = push_button("teach", "Teach", self._teach_current)
        upper = row((self.predict, 1), (self.predict_all, 1), spacing=6)
        lower = row((self.correct_button, 1), (self.tools_button, 1), (self.teach, 1), spacing=6)
        return column(upper, lower, spacing=6)

    # clicks

    def ask(self, class_id: ClassId) -> None:
        """Make a class current and, if the model has the class, predict, the slice in view first."""
        self._session.classes.choose(class_id)
        if self._session.state.image is not None and self._session.state.can_predict(class_id):
            self._session.predictions.start([class_id], self._binding.near())

    def correct(self, class_id: ClassId) -> None:
        """Take up the brush for a class, or put the brush down."""
        if self._binding.annotation.class_id == class_id:
            self._binding.stop_painting()
        else:
            self._session.classes.choose(class_id)
            self._binding.begin_painting(class_id)
        self._update()

    def add_class(self) -> None:
        """Ask for a new class."""
        ClassDialog(self._session, self).open()

    def _predict_current(self) -> None:
        if self._session.state.current_class is not None:
            self.ask(self._session.state.current_class)

    def _predict_all(self) -> None:
        self._session.predictions.start(
            [*filter(self._session.state.can_predict, self._listed())], self._binding.near()
        )

    def _correct_current(self) -> None:
        if self._session.state.current_class is not None:
            self.correct(self._session.state.current_class)

    def _show_tools(self) -> None:
        current = self._session.state.current_class
        if current is not None:
            menu = self.tools.menu(current, self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.tools_button.mapToGlobal(self.tools_button.rect().bottomLeft()))

    def _teach_current(self) -> None:
        if self._session.state.current_class is not None:
            self.lesson_asked.emit(self._session.state.current_class)

    def _filter(self) -> None:
        self.table.filter.set_text(self.search.text())
        chosen = PRESETS[self.preset.currentIndex()][1]
        self.table.filter.set_classes(None if chosen is None else frozenset(chosen(self._session.state)))
        self._update()

    def _listed(self) -> list[ClassId]:
        rows = range(self.table.filter.rowCount())
        return [*filter(None, (self.table.class_at(self.table.filter.index(number, 0)) for number in rows))]

    # following the session

    def _set_threshold(self, value: float) -> None:
        if self._session.state.current_class is not None:
            self._session.classes.set_threshold(self._session.state.current_class, value)

    def _on_threshold(self, class_id: ClassId) -> None:
        if class_id == self._session.state.current_class:
            self._show_threshold()

    def _show_threshold(self) -> None:
        state, current = self._session.state, self._session.state.current_class
        with QSignalBlocker(self.threshold):
            self.threshold.setValue(DEFAULT_THRESHOLD if current is None else state.threshold(current))
        reason = why_not(state, "set_threshold", current)
        self.threshold.setEnabled(reason is None)
        hint = reason or f"Voxels from this probability on are {current and state.name_of(current)}"
        self.threshold.setToolTip(as_it_is(hint))
        self._threshold_label.setToolTip(as_it_is(hint))

    def _update(self) -> None:
        self._show_threshold()
        state, current = self._session.state, self._session.state.current_class
        name = None if current is None else state.name_of(current)
        painting = current is not None and self._binding.annotation.class_id == current
        self.correct_button.setText("Done" if painting else "Correct" if self._is_known(current) else "Annotate")
        allow(self.predict, why_not(state, "predict", current), f"Predict {name}, the slice in view first")
        listed = [state.name_of(class_id) for class_id in filter(state.can_predict, self._listed())]
        reason = why_not(state, "predict_any") or (
            None if listed else "None of the listed classes is known to the model"
        )
        allow(self.predict_all, reason, f"Predict {', '.join(listed[:6])}{'…' if len(listed) > 6 else ''}")
        hint = "Stop painting; the annotation is kept" if painting else f"Paint {name} right with the brush"
        allow(self.correct_button, why_not(state, "annotate", current), hint)
        allow(self.tools_button, why_not(state, "annotate", current), f"Grow, smooth, fill, copy the mask of {name}…")
        allow(self.teach, why_not(state, "prepare_lesson", current), f"Teach the model {name} from its annotation")

    def _is_known(self, current: ClassId | None) -> bool:
        state = self._session.state
        return current is not None and (state.can_predict(current) or current in state.annotations)
