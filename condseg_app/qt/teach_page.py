"""The second page: a class's annotation, and teaching the class to the model."""

import numpy as np
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from condseg_app.data import TEACHING_STEPS, ChunkedAnnotation, ClassId, TeachingMode, TrainingProgress
from condseg_app.qt.connections import Connections, class_signals
from condseg_app.qt.layout import column, row
from condseg_app.qt.lesson_figures import LessonFigures
from condseg_app.qt.lesson_history import LessonHistory
from condseg_app.qt.lesson_outcome import LessonOutcome
from condseg_app.qt.lesson_question import ask_about_lesson, stop_lesson
from condseg_app.qt.mode_choice import ModeChoice
from condseg_app.qt.style import PlainLabel, allow, named, narrow_box, push_button, quiet
from condseg_app.qt.text import counted, without_mnemonic
from condseg_app.qt.where_next import WhereNext
from condseg_app.session import LessonResult
from condseg_app.session.may import why_not
from condseg_app.viewer import LayerBinding

_FEWEST, _MOST = 1, 100_000
_ADVICE = (
    "Annotate the class on a few slices. On a complete slice, unpainted voxels teach what the class is not; "
    "anywhere else only the other classes do."
)
_MEANWHILE = "Go on painting: changes are taken up within seconds, and the slice in view shows the learnt class."


class TeachPage(QWidget):
    """Annotation, mode, start and stop, figures and curves, and the outcome."""

    mode_chosen = Signal(str)

    def __init__(self, binding: LayerBinding, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._binding = binding
        self._session = binding.session
        self._build()
        session = self._session
        connections = Connections(self)
        connections.each(self._update, *class_signals(binding), session.lessons.changed)
        connections.to(session.lessons.progressed, self._on_progress)
        connections.to(session.lessons.ended, self._on_end)
        self._update()

    def _build(self) -> None:
        self.mode = ModeChoice()
        self.mode.chosen.connect(self._on_mode)
        self.outcome = LessonOutcome(self._session)
        self.outcome.accepted.connect(self._predict)
        self.before = push_button("model_before", "Back to the model before", self._session.lessons.take_back)
        self.before.setToolTip("Undo the lesson: use the former model again; the taught model's file stays")
        self.figures = LessonFigures()
        self.figures.hide()
        self.history = LessonHistory(self._session)
        above = (self._marks(), self.mode, self._controls(), self.outcome, self.before, self.figures, self.history)
        column(*above, on=self, margins=(0, 6, 0, 0), spacing=6).addStretch(1)

    def _marks(self) -> QVBoxLayout:
        self.which = named(narrow_box(), "teach_class", "Class to teach")
        self.which.activated.connect(lambda at: self._session.classes.choose(self.which.itemData(at)))
        self.marked = named(PlainLabel(), "marked")
        self.marked.setWordWrap(True)
        self.paint = push_button("paint", "Paint", self._toggle_painting)
        self.slice_done = push_button("complete_slice", "This slice is complete", self.complete_slice)
        self.volume_done = push_button("complete_volume", "Whole volume is complete", self.complete_volume)
        form = QFormLayout()
        form.addRow("Class", self.which)
        form.addRow("Annotated", self.marked)
        self.advice = quiet(_ADVICE)
        self.next = WhereNext(self._binding)
        return column(form, self.advice, column(self.paint, self.slice_done, self.volume_done), self.next)

    def _controls(self) -> QVBoxLayout:
        self.steps = named(QSpinBox(), "steps", "Training steps")
        self.steps.setRange(_FEWEST, _MOST)
        self.steps.setValue(TEACHING_STEPS)
        self.steps.setSingleStep(50)
        self.steps.setToolTip("Number of training steps; more take longer and learn more")
        self.start = push_button("start_lesson", "Start", self._start)
        self.pause = push_button("pause_lesson", "Pause", self._pause)
        self.stop = push_button("stop_lesson", "Stop", self._session.lessons.finish)
        self.cancel = push_button("cancel_lesson", "Cancel", self._cancel)
        self.steps_title = PlainLabel("Training steps")
        buttons = ((button, 1) for button in (self.start, self.pause, self.stop, self.cancel))
        return column(row((self.steps_title, 1), (self.steps, 1)), row(*buttons))

    def choose_mode(self, mode: TeachingMode) -> None:
        """Teach in a mode from now on."""
        self.mode.choose(mode)

    # clicks

    def complete_slice(self) -> None:
        """Declare the slice in view complete."""
        if not self._ready_to_mark():
            return
        if not self._binding.complete_slice():
            self._session.notice.emit("Turn to 2D first: in 3D no single slice is in view.")
        self._update()

    def complete_volume(self) -> None:
        """Declare all of the image complete."""
        if self._ready_to_mark():
            self._binding.complete_volume()
            self._update()

    def _ready_to_mark(self) -> bool:
        """Take up the brush, if not in hand; a class that is absent is declared without a stroke."""
        current = self._session.state.current_class
        reason = why_not(self._session.state, "annotate", current)
        if current is None or reason is not None:
            self._session.notice.emit(f"{reason}.")
            return False
        if self._binding.annotation.class_id != current:
            self._binding.begin_painting(current)
        return True

    def _toggle_painting(self) -> None:
        current = self._session.state.current_class
        if current is None:
            return
        if self._binding.annotation.class_id == current:
            self._binding.stop_painting()
        else:
            self._binding.begin_painting(current)
        self._update()

    def _on_mode(self, mode: TeachingMode) -> None:
        self.choose_mode(mode)
        self._update()
        self.mode_chosen.emit(mode)

    def _start(self) -> None:
        current = self._session.state.current_class
        if current is None:
            return
        unsaved = self._session.unsaved.lesson
        if unsaved is not None and not self._may_go_on(current):  # another lesson would drop the result
            ask_about_lesson(self._session, unsaved, self)
            return
        self._binding.painting.collect()
        self._binding.tell_view()
        self.outcome.hide()
        if self._may_go_on(current):
            self._session.lessons.go_on()
        else:
            self.figures.start(current, self.mode.mode, self.steps.value())
            self._session.lessons.start(current, self.steps.value(), self.mode.mode)
        self._update()

    def _cancel(self) -> None:
        lesson = self._session.unsaved.lesson
        if lesson is not None:
            ask_about_lesson(self._session, lesson, self)
        else:
            stop_lesson(self._session)

    def _predict(self, class_id: ClassId) -> None:
        """Show the class as predicted by the accepted model."""
        self._session.predictions.start([class_id], self._binding.near())

    def _pause(self) -> None:
        if self._is_paused:
            self._session.jobs.resume()
        else:
            self._session.jobs.pause()

    # following the session

    def _on_progress(self, progress: TrainingProgress) -> None:
        self.figures.show()
        self.figures.add(progress, self._session.state.classes)

    def _on_end(self, result: LessonResult) -> None:
        self.outcome.show_result(result)

    def _update(self) -> None:
        state, current, teaching = (
            self._session.state,
            self._session.state.current_class,
            self._session.state.is_teaching,
        )
        with QSignalBlocker(self.which):
            self.which.clear()
            for entry in state.classes:
                self.which.addItem(entry.name, entry.id)
            self.which.setCurrentIndex(-1 if current is None else state.classes.ids.index(current))
        annotation = None if current is None else state.annotations.get(current)
        others = 0 if current is None else len(state.marked_elsewhere(current))
        self.marked.setText(marked_text(annotation, others))
        painting = current is not None and self._binding.annotation.class_id == current
        name = "" if current is None else without_mnemonic(state.name_of(current))
        self.paint.setText("Stop painting" if painting else f"Paint {name}".strip())
        reason = why_not(state, "annotate", current)
        allow(self.paint, reason, "Paint with the left button; 1 erases, 2 paints, [ and ] change the brush")
        allow(self.slice_done, reason, "Unpainted voxels on this slice are not this class (K in the viewer)")
        is_2d = self._session.state.image is not None and self._session.state.image.geometry.is_2d
        self.slice_done.setText("This image is complete" if is_2d else "This slice is complete")
        self.volume_done.setVisible(not is_2d)
        allow(self.volume_done, reason, "Unpainted voxels anywhere are not this class (Shift+K in the viewer)")
        self._allow_lesson(current)
        self.advice.setText(_MEANWHILE if teaching and self.mode.mode == "exact" else _ADVICE)
        self.before.setVisible(self._session.state.can_take_lesson_back)
        if not teaching:
            self.outcome.setVisible(self._session.state.lesson_result is not None)

    def _allow_lesson(self, current: ClassId | None) -> None:
        """Enable the actions that the lesson allows now."""
        state, teaching, go_on = self._session.state, self._session.state.is_teaching, self._may_go_on(current)
        name = None if current is None else state.name_of(current)
        self.start.setText("Continue" if go_on else "Start")
        hint = "Go on from the last state, with the present annotation" if go_on else f"Teach the model {name}"
        allow(self.start, why_not(state, "teach", current), f"{hint}; it is saved as a new file")
        nothing = why_not(state, "steer_lesson")
        allow(self.pause, nothing, "Pause the lesson, and go on later")
        allow(self.stop, nothing, "End the lesson now; the class is compared and saved")
        allow(self.cancel, None if go_on else nothing, "Forget the lesson; the model stays as it was")
        self.pause.setText("Go on" if self._is_paused else "Pause")
        self.cancel.setVisible(teaching or (go_on and state.lesson_result is None))  # or a discard button is there
        for button in (self.pause, self.stop):
            button.setVisible(teaching)
        for widget in (self.start, self.mode, self.steps_title, self.steps):  # the curves need the room
            widget.setVisible(not teaching)

    @property
    def _is_paused(self) -> bool:
        job = self._session.state.job
        return job is not None and job.is_paused

    def _may_go_on(self, current: ClassId | None) -> bool:
        """Whether a lesson of the current class has ended, or lost its engine, and can go on."""
        state = self._session.state
        return self.mode.mode == "exact" and state.can_go_on_with_lesson and state.lesson_class == current


def marked_text(annotation: ChunkedAnnotation | None, others: int = 0) -> str:
    """'412 voxels on 3 slices, 2 complete; 1 other image annotated'."""
    here = _marked_here(annotation)
    return f"{here}; {counted(others, 'other image')} annotated" if others else here


def _marked_here(annotation: ChunkedAnnotation | None) -> str:
    if annotation is None or annotation.state == "unlabelled":
        return "nothing yet"
    i, j, k = annotation.shape
    voxels = counted(annotation.present, "pixel" if k == 1 else "voxel")
    if annotation.decided == i * j * k:
        return f"{voxels}, the whole image is complete"
    if k == 1:
        return voxels
    # The axis of painting is the axis along which fewest slices are touched.
    on_slices = min(annotation.decided_on, key=np.count_nonzero)
    touched, complete = (int(np.count_nonzero(on_slices >= least)) for least in (1, i * j * k // len(on_slices)))
    text = f"{voxels} on {counted(touched, 'slice')}"
    return f"{text}, {complete} complete" if complete else text
