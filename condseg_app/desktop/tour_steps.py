"""The steps of the app's tour: a person's work, from a file to exported masks."""

import time
from pathlib import Path

from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from condseg_app.data import ClassId
from condseg_app.desktop import hands
from condseg_app.desktop.hands import click
from condseg_app.desktop.tour import PATIENCE, Step, Tour
from condseg_app.errors import CondsegError
from condseg_app.io import ExportFormat
from condseg_app.qt.class_dialog import ClassDialog
from condseg_app.qt.text import counted, measure_text
from condseg_app.session.state import State
from condseg_app.viewer.samples import SAMPLES

_CLASS = "my class"
_PAINTED_SLICES = 3
_STEPS = 100
# Seconds that an onlooker waits for unattended work: all together are about two minutes at most.
_GLANCE, _STARTING, _LEARNING, _COMPARING = 8.0, 20.0, 12.0, 15.0


class TourSteps:
    """Functions that use the window as a person would, each in its turn.

    Args:
        tour: the tour that the steps belong to.
    """

    def __init__(self, tour: Tour) -> None:
        self.tour = tour
        self.session, self.panel, self.binding = tour.window.session, tour.window.panel, tour.window.binding
        self.own_class = ""

    @property
    def _state(self) -> State:
        return self.session.state

    def all(self, image_path: Path | None = None, model_name: str | None = None) -> tuple[Step, ...]:
        """All steps, in order.

        Args:
            image_path: image of the tour; the sample if None.
            model_name: model of the tour; a fitting model if None.
        """
        return (
            Step("Drop a file anywhere, or use File > Open. A model that suits it is proposed.",
                 lambda: self.open(image_path, model_name)),
            Step("A click on a class asks the network for it. The slice in view comes first.", self.predict_one),
            Step("'Predict all' asks for every class; the image is looked at only once.", self.predict_all),
            Step("Ctrl+Y turns to 3D and back.", self.look_in_3d),
            Step("The threshold of the current class changes the view at once.", self.move_threshold),
            Step("A class that is missing? Add it: a name and a colour are enough.", self.add_class),
            Step("Paint it on a few slices, and say which of them are complete.", self.paint),
            Step("Teach it to the network. The old model stays as it is.", self.teach),
            Step("Now it can be asked for like any other class.", self.predict_taught),
            Step("Export: what will be written is listed before it is.", self.export),
        )  # fmt: skip

    def open(self, image_path: Path | None = None, model_name: str | None = None) -> str:
        """Open an image and a model."""
        self.tour.look("welcome")
        before, window = self._state.image, self.tour.window
        if image_path is not None:
            window.opening.open_path(image_path)
        elif before is None:
            click(window.welcome.findChild(QPushButton, "welcome_sample"))
        else:
            window.opening.open_sample(SAMPLES[0])
        self.tour.until(lambda: self._state.image is not before, "the image")
        if model_name is not None:
            self.session.models.open(model_name)
        if self._state.model is None:
            self._use_proposed()
        self.session.computing.find_device()
        self.tour.until(lambda: self.session.computing.device is not None, "the engine", glance=_GLANCE)
        self.tour.look("opened")
        image, model = self._state.opened_image(), self._state.model
        shape = " x ".join(str(n) for n in image.geometry.shape[: 2 if image.geometry.is_2d else 3])
        return f"opened {image.name} ({shape}) with the model {model.name if model else ''}"

    def _use_proposed(self) -> None:
        """Use the proposed model, as proposed once the image was examined."""
        self.session.wait(PATIENCE)
        if self.session.models.advice.proposed is None:
            raise CondsegError("no model at hand suits this image; name one with --model")
        click(self.panel.header.advice.use)

    def predict_one(self) -> str:
        """Predict the first class."""
        entry = self._state.classes.entries[0]
        class_id, name, began = entry.id, entry.name, time.monotonic()
        hands.click_class(self.panel.classes.table, class_id)
        self.tour.until(lambda: self._state.state_of(class_id) != "not asked", f"a part of {name}", glance=_STARTING)
        first = time.monotonic() - began
        self.tour.look("filling")
        self.tour.until(lambda: self._is_complete(class_id), name, glance=_GLANCE)
        self.tour.look("predicted")
        size = self.session.predictions.volume(class_id)
        return f"predicted {name}: first part after {first:.1f} s, {measure_text(size) if size else ''} in all"

    def predict_all(self) -> str:
        """Predict all classes that the model knows."""
        self._ask_for_all(_GLANCE)
        hands.show_largest(self.binding, self._state, self._predictable())
        self.tour.look("all_classes")
        return f"predicted all {counted(len(self._predictable()), 'class', 'classes')}"

    def _ask_for_all(self, glance: float | None) -> None:
        click(self.panel.classes.predict_all)
        self.tour.until(lambda: all(map(self._is_complete, self._predictable())), "all classes", glance=glance)

    def _predictable(self) -> list[ClassId]:
        return [*filter(self._state.can_predict, self._state.classes.ids)]

    def _is_complete(self, class_id: ClassId) -> bool:
        return bool(self._state.state_of(class_id) == "complete")

    @property
    def _own_id(self) -> ClassId:
        return self._state.classes[self.own_class].id

    def look_in_3d(self) -> str:
        """Turn to 3D and back."""
        if self._state.opened_image().geometry.is_2d:
            return "a 2D image has no 3D view"
        self.binding.volume_view.turn()
        self.tour.window.canvas.model.scene.camera.angles = (10.0, 25.0, 60.0)
        self.tour.look("in_3d")
        self.tour.let_look(1.5)
        self.binding.volume_view.turn()
        return "looked at it in 3D"

    def move_threshold(self) -> str:
        """Move the current class's threshold to and fro."""
        name = self._state.name_of(self._state.current_class or self._state.classes.ids[0])
        slider = self.panel.classes.threshold
        for value in (0.3, 0.8, slider.value()):
            slider.setValue(value)
            self.tour.rest(0.15)
        return f"moved the threshold of {name} to and fro"

    def add_class(self) -> str:
        """Add a class by the dialog."""
        window = self.tour.window
        click(self.panel.classes.add)
        self.tour.until(lambda: window.findChild(ClassDialog) is not None, "the dialog for a new class")
        dialog = window.findChildren(ClassDialog)[-1]
        self.own_class = hands.free_name(_CLASS, self._state.classes.names)
        dialog.name.clear()
        QTest.keyClicks(dialog.name, self.own_class)
        self.tour.look("new_class", dialog)
        self.tour.let_look(1.0)
        click(dialog.findChild(QPushButton, "class_ok"))
        entry = self._state.classes[self.own_class]
        return f"added '{entry.name}' with value {entry.value} and code {entry.code:g}"

    def paint(self) -> str:
        """Paint the added class on a few slices, each told to be complete."""
        page, fineness = self.panel.teach, 30 if self.tour.guides else 60
        self.panel.show_teach(self._own_id)
        target = hands.region_to_paint(self.binding, self._state)
        click(page.paint)
        for index in hands.busiest(target, _PAINTED_SLICES) if target.ndim == 3 else [None]:
            if index is not None:
                hands.show_slice(self.binding, index)
            hands.brush_over(self.binding, target if index is None else target[index], index, fineness)
            self.tour.rest(0.2)
            click(page.slice_done)
        self.tour.look("painted")
        return f"painted '{self.own_class}': {page.marked.text()}"

    def teach(self) -> str:
        """Teach the added class."""
        page = self.panel.teach
        page.choose_mode("exact" if self.tour.guides else page.mode.mode)  # the mode `full` takes minutes
        page.steps.setValue(_STEPS)
        click(page.start)
        if self.tour.guides:
            self._shorten_lesson()
        self.tour.until(self._has_ended, "the lesson", shot="teaching", glance=_COMPARING)
        if self._state.lesson_result is None and self.tour.guides:
            self.session.jobs.cancel()
            return "stopped the lesson, which takes longer than a tour"
        return self._judge_lesson()

    def _shorten_lesson(self) -> None:
        self.tour.until(self._has_learnt, "the lesson", glance=_STARTING)
        self.tour.until(lambda: self.session.jobs.current is None, "the lesson's end", glance=_LEARNING)
        self.session.lessons.finish()

    def _has_learnt(self) -> bool:
        return self.session.unsaved.lesson is not None or self._state.lesson_result is not None

    def _has_ended(self) -> bool:
        return self.session.jobs.current is None or self._state.lesson_result is not None

    def _judge_lesson(self) -> str:
        self.tour.until(lambda: self._state.lesson_result is not None, "the lesson's result")
        lesson = self._state.lesson_result
        self.tour.look("taught")
        figures = ", ".join(
            f"{c.name} {'new' if c.before is None else f'{c.before:.2f}'} to {c.after:.2f}"
            for c in (lesson.changes.values() if lesson is not None else ())
        )
        self.tour.let_look(2.0)
        if self.tour.guides:
            self.session.lessons.discard()
        else:
            click(self.panel.teach.outcome.accept)
        return f"taught '{self.own_class}' in {_STEPS} steps; Dice on this image: {figures}"

    def predict_taught(self) -> str:
        """Predict the added class, and all others anew."""
        self.binding.stop_painting()
        self.panel.show_page("classes")
        hands.click_class(self.panel.classes.table, self._own_id)
        if self.tour.guides:
            return "discarded the model that was taught"
        self.tour.until(lambda: self._is_complete(self._own_id), f"'{self.own_class}'")
        self._ask_for_all(None)
        self.tour.look("with_new_class")
        return f"predicted '{self.own_class}' with the model it was taught to"

    def export(self) -> str:
        """Export in every format; before an onlooker in the first."""
        page, files = self.panel.export, self.tour.report.files
        self.panel.show_page("export")
        if self.tour.guides:
            page.classes.choose_only(self._own_id)  # the others may be predicted in part only
        for row in range(1 if self.tour.guides else page.format.count()):
            page.format.setCurrentIndex(row)
            form = page.chosen_format()
            if form is not None:
                files.extend(self._exported_as(form))
        self.tour.look("exported")
        return f"exported {counted(len(files), 'file')} to {self.tour.output}"

    def _exported_as(self, form: ExportFormat) -> tuple[Path, ...]:
        page, written = self.panel.export, list[tuple[Path, ...]]()
        page.path.setText(str(form.named(self.tour.output, self._state.opened_image().name)))
        self.session.exports.written.connect(written.append)
        click(page.write)
        self.tour.until(lambda: bool(written) and page.write.isEnabled(), f"the export as {form.title}")
        self.session.exports.written.disconnect(written.append)
        return written[0]
