"""The tour: a person's work with the app, done to the real widgets of a real window."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from condseg_app.desktop.hands import busiest, click, free_name, spin
from condseg_app.desktop.window import MainWindow
from condseg_app.errors import Cancelled, CondsegError
from condseg_app.io import ExportFormat
from condseg_app.qt.class_dialog import ClassDialog
from condseg_app.qt.class_model import Column
from condseg_app.qt.text import counted, measure_text
from condseg_app.session import fusing
from condseg_app.viewer.samples import SAMPLES

_logger = logging.getLogger(__name__)
_CLASS = "my class"
_PAINTED_SLICES = 3
_STEPS = 100
_PATIENCE = 900.0  # seconds that a step of the tour may take
# Seconds that an onlooker waits for unattended work: all together are about two minutes at most.
_GLANCE, _STARTING, _LEARNING, _COMPARING = 8.0, 20.0, 12.0, 15.0

Step = Callable[[], str]


class TourStopped(Cancelled):
    """The person has seen enough."""


@dataclass
class TourReport:
    """Report of the tour.

    Attributes:
        lines: a sentence a step.
        screenshots: pictures of the window.
        files: masks that were exported.
        problem: reason for an early end, None without.
    """

    lines: list[str] = field(default_factory=list)
    screenshots: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    problem: str | None = None


def run_tour(window: MainWindow, image_path: Path | None, model_name: str | None, output: Path) -> TourReport:
    """Take the tour and leave screenshots and masks in a folder.

    Args:
        window: a shown window.
        image_path: image of the tour; the sample if None.
        model_name: model of the tour; a fitting model if None.
        output: a folder, created if missing.
    """
    output.mkdir(parents=True, exist_ok=True)
    tour = Tour(window, output)
    window.session.failed.connect(tour.problems.append)
    try:
        for _, do in tour.steps(image_path, model_name):
            line = do()
            _logger.info(line)
            tour.report.lines.append(line)
            tour.check()
    except CondsegError as error:
        tour.report.problem = str(error)
    finally:
        window.session.failed.disconnect(tour.problems.append)
    return tour.report


class Tour:
    """The steps: an announcement for each, and a function that acts and reports.

    Args:
        window: a shown window.
        output: a folder for pictures and masks.
        guides: whether a person looks on: then no step waits longer than a person would, no pictures are taken, and the
            taught model is discarded. `stop` may be called.
    """

    def __init__(self, window: MainWindow, output: Path, *, guides: bool = False) -> None:
        self.window = window
        self.guides = guides
        self.session = window.session
        self.panel = window.panel
        self.binding = window.binding
        self.output = output
        self.report = TourReport()
        self.problems: list[CondsegError] = []
        self.own_class = ""
        self._is_stopped = False

    def stop(self) -> None:
        """End at the next moment."""
        self._is_stopped = True

    def check(self) -> None:
        """Raise the first problem that was met, if any; or `TourStopped`."""
        if self.problems:
            raise self.problems[0]
        if not self.window.isVisible():
            raise CondsegError("the window was closed")
        if self._is_stopped:
            raise TourStopped("the tour was stopped")

    def steps(self, image_path: Path | None, model_name: str | None) -> tuple[tuple[str, Step], ...]:
        """All steps, in order."""
        return (
            ("Drop a file anywhere, or use File > Open. A model that suits it is proposed.",
             lambda: self._open(image_path, model_name)),
            ("A click on a class asks the network for it. The slice in view comes first.", self._predict_one),
            ("'Predict all' asks for every class; the image is looked at only once.", self._predict_all),
            ("Ctrl+Y turns to 3D and back.", self._look_in_3d),
            ("The threshold of the current class changes the view at once.", self._move_threshold),
            ("A class that is missing? Add it: a name and a colour are enough.", self._add_class),
            ("Paint it on a few slices, and say which of them are complete.", self._paint),
            ("Teach it to the network. The old model stays as it is.", self._teach),
            ("Now it can be asked for like any other class.", self._predict_taught),
            ("Export: what will be written is listed before it is.", self._export),
        )  # fmt: skip

    def _open(self, image_path: Path | None, model_name: str | None) -> str:
        self.look("welcome")
        before = self.session.state.image
        if image_path is None and self.session.state.image is None:
            click(self.window.welcome.findChild(QPushButton, "welcome_sample"))
        elif image_path is None:
            self.window.opening.open_sample(SAMPLES[0])
        else:
            self.window.opening.open_path(image_path)
        self._until(lambda: self.session.state.image is not before, "the image")
        image = self.session.state.image
        if image is None:
            raise CondsegError("no image was opened", path=image_path)
        if model_name is not None:
            self.session.models.open(model_name)
        if self.session.state.model is None:
            self._use_proposed()
        self.session.computing.find_device()
        self._until(lambda: self.session.computing.device is not None, "the engine", glance=_GLANCE)
        self.look("opened")
        shape = " x ".join(str(n) for n in image.geometry.shape[: 2 if image.geometry.is_2d else 3])
        model = self.session.state.model
        return f"opened {image.name} ({shape}) with the model {model.name if model else ''}"

    def _use_proposed(self) -> None:
        """Use the proposed model, as proposed once the image was examined."""
        self.session.wait(_PATIENCE)
        if self.session.models.advice.proposed is None:
            raise CondsegError("no model at hand suits this image; name one with --model")
        click(self.panel.header.advice.use)

    def _predict_one(self) -> str:
        name = self.session.state.classes.names[0]
        began = time.monotonic()
        self._click_class(name)
        self._until(
            lambda: self.session.state.state_of(name) != "not asked", f"the first part of {name}", glance=_STARTING
        )
        first = time.monotonic() - began
        self.look("filling")
        self._until(lambda: self.session.state.state_of(name) == "complete", name, glance=_GLANCE)
        self.look("predicted")
        size = self.session.predictions.volume(name)
        return f"predicted {name}: first part after {first:.1f} s, {measure_text(size) if size else ''} in all"

    def _predict_all(self) -> str:
        click(self.panel.classes.predict_all)
        names = [n for n in self.session.state.classes.names if self.session.state.can_predict(n)]
        self._until(self._all_complete, "all classes", glance=_GLANCE)
        self._go_to_largest(names)
        self.look("all_classes")
        return f"predicted all {counted(len(names), 'class', 'classes')}"

    def _all_complete(self) -> bool:
        names = [name for name in self.session.state.classes.names if self.session.state.can_predict(name)]
        return all(self.session.state.state_of(name) == "complete" for name in names)

    def _look_in_3d(self) -> str:
        image = self.session.state.image
        if image is None or image.geometry.is_2d:
            return "a 2D image has no 3D view"
        self.binding.volume_view.turn()
        self.window.canvas.model.scene.camera.angles = (10.0, 25.0, 60.0)
        self.look("in_3d")
        self.rest(1.5 if self.guides else 0.0)
        self.binding.volume_view.turn()
        return "looked at it in 3D"

    def _move_threshold(self) -> str:
        name = self.session.state.current_class or self.session.state.classes.names[0]
        slider = self.panel.classes.threshold
        before = slider.value()
        for value in (0.3, 0.8, before):
            slider.setValue(value)
            self.rest(0.15)
        return f"moved the threshold of {name} to and fro"

    def _add_class(self) -> str:
        click(self.panel.classes.add)
        self._until(lambda: self.window.findChild(ClassDialog) is not None, "the dialog for a new class")
        dialog = self.window.findChildren(ClassDialog)[-1]
        self.own_class = free_name(_CLASS, self.session.state.classes.names)
        dialog.name.clear()
        QTest.keyClicks(dialog.name, self.own_class)
        self.look("new_class", dialog)
        self.rest(1.0 if self.guides else 0.0)
        click(dialog.findChild(QPushButton, "class_ok"))
        entry = self.session.state.classes[self.own_class]
        return f"added '{entry.name}' with value {entry.value} and code {entry.code:g}"

    def _paint(self) -> str:
        self.panel.show_teach(self.own_class)
        target = self._target()
        click(self.panel.teach.paint)
        axis = 0 if target.ndim == 3 else None
        for index in busiest(target, _PAINTED_SLICES) if axis == 0 else [None]:
            if index is not None:
                self._show_slice(index)
            self._stroke(target if index is None else target[index], index)
            self.rest(0.2)
            click(self.panel.teach.slice_done)
        self.look("painted")
        return f"painted '{self.own_class}': {self.panel.teach.marked.text()}"

    def _target(self) -> np.ndarray:
        """The region to paint, as displayed: the predicted classes together; else a box in the middle."""
        placement = self.binding.placement
        if placement is None:
            raise CondsegError("no image is open")
        union = np.zeros(placement.shape, bool)
        for name in self.session.state.classes.names:
            if self.session.state.can_predict(name):
                union |= fusing.mask(self.session.state, name)
        shown = placement.to_display(union)
        if shown.any():
            return shown
        grid = np.indices(shown.shape).T - (np.array(shown.shape) - 1) / 2
        return np.asarray((np.abs(grid) < np.array(shown.shape) / 8).all(axis=-1)).T

    def _stroke(self, wanted: np.ndarray, index: int | None) -> None:
        """Brush over the wanted region on a slice, as with a small round brush."""
        layer = self.binding.annotation.layer
        if layer is None:
            raise CondsegError("the brush was not taken up")
        layer.brush_size = max(1, round(min(wanted.shape) / (30 if self.guides else 60)))
        reach = max(1, int(layer.brush_size) // 2)
        reach = reach if wanted[::reach, ::reach].any() else 1
        rows, columns = (places * reach for places in np.nonzero(wanted[::reach, ::reach]))
        with layer.block_history():
            for row, column in zip(rows, columns, strict=True):
                at = (row, column) if index is None else (index, row, column)
                layer.paint([float(a) for a in at], layer.selected_label, refresh=False)
        layer.refresh()

    def _teach(self) -> str:
        page = self.panel.teach
        page.choose_mode("exact" if self.guides else page.mode.mode)  # the mode `full` takes minutes
        page.steps.setValue(_STEPS)
        click(page.start)
        if self.guides:
            self._until(self._has_learnt, "the lesson", glance=_STARTING)
            self._until(lambda: self.session.jobs.current is None, "the lesson's end", glance=_LEARNING)
            self.session.lessons.finish()
        self._until(
            lambda: self.session.jobs.current is None or self.session.state.lesson_result is not None,
            "the lesson",
            shot="teaching",
            glance=_COMPARING,
        )
        lesson = self.session.state.lesson_result
        if lesson is None and self.guides:
            self.session.jobs.cancel()
            return "stopped the lesson, which takes longer than a tour"
        self._until(lambda: self.session.state.lesson_result is not None, "the lesson's result")
        self.look("taught")
        changes = lesson.changes if lesson is not None else ()
        figures = ", ".join(
            f"{c.name} {'new' if c.before is None else f'{c.before:.2f}'} to {c.after:.2f}" for c in changes
        )
        self.rest(2.0 if self.guides else 0.0)
        if self.guides:
            self.session.lessons.discard()
        else:
            click(page.outcome.accept)
        return f"taught '{self.own_class}' in {_STEPS} steps; Dice on this image: {figures}"

    def _has_learnt(self) -> bool:
        return self.session.unsaved.lesson is not None or self.session.state.lesson_result is not None

    def _predict_taught(self) -> str:
        self.binding.stop_painting()
        self.panel.show_page("classes")
        self._click_class(self.own_class)
        if self.guides:
            return "discarded the model that was taught"
        self._until(lambda: self.session.state.state_of(self.own_class) == "complete", f"'{self.own_class}'")
        click(self.panel.classes.predict_all)
        self._until(self._all_complete, "all classes")
        self.look("with_new_class")
        return f"predicted '{self.own_class}' with the model it was taught to"

    def _export(self) -> str:
        page = self.panel.export
        self.panel.show_page("export")
        if self.guides:
            page.choose_only(self.own_class)  # the others may be predicted in part only
        for row in range(1 if self.guides else page.format.count()):
            page.format.setCurrentIndex(row)
            form = page.chosen_format()
            if form is not None:
                self.report.files.extend(self._exported_as(form))
        self.look("exported")
        return f"exported {counted(len(self.report.files), 'file')} to {self.output}"

    def _exported_as(self, form: ExportFormat) -> tuple[Path, ...]:
        page, written = self.panel.export, list[tuple[Path, ...]]()
        name = self.session.state.image.name if self.session.state.image is not None else "image"
        page.path.setText(str(form.named(self.output, name)))
        self.session.exports.written.connect(written.append)
        click(page.write)
        self._until(lambda: bool(written) and page.write.isEnabled(), f"the export as {form.title}")
        self.session.exports.written.disconnect(written.append)
        return written[0]

    # helpers

    def _click_class(self, name: str) -> None:
        table = self.panel.classes.table
        index = table.filter.mapFromSource(table.classes.index(table.classes.row_of(name), Column.NAME))
        table.scrollTo(index)
        QTest.mouseClick(
            table.viewport(),
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            table.visualRect(index).center(),
        )

    def _go_to_largest(self, names: list[str]) -> None:
        """Show the slice with the most classes, and of several such slices the slice with the largest area."""
        placement = self.binding.placement
        if placement is None or placement.ndim == 2:
            return
        areas = np.array([placement.to_display(fusing.mask(self.session.state, n)).sum(axis=(1, 2)) for n in names])
        self._show_slice(int(((areas > 0).sum(axis=0) + areas.sum(axis=0) / (areas.sum() + 1)).argmax()))

    def _show_slice(self, index: int) -> None:
        sight = self.binding.sight
        if sight is not None:
            middle = [n // 2 for n in sight.placement.display_shape]
            sight.go_to(sight.placement.voxel([index, *middle[1:]]))

    def _until(self, ready: Callable[[], bool], what: str, shot: str = "", glance: float | None = None) -> None:
        """Wait until a condition holds.

        Args:
            ready: whether the condition holds.
            what: name of the awaited thing.
            shot: the name of a picture to take meanwhile.
            glance: seconds after which an onlooker has seen enough.
        """
        began = time.monotonic()
        end = began + _PATIENCE
        while not ready():
            spin(0.02)
            self.check()
            if self.guides and glance is not None and time.monotonic() - began > glance:
                return
            if shot and self.session.jobs.current is not None and time.monotonic() - began > 1.5:
                self.look(shot)
                shot = ""
            if time.monotonic() > end:
                raise CondsegError(f"{what} did not come within {_PATIENCE:.0f} s")

    def rest(self, seconds: float) -> None:
        """Let the window live for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            spin(0.02)
            self.check()

    def look(self, name: str, widget: object = None) -> None:
        """Take a picture once everything is drawn; a person who looks on needs none."""
        if self.guides:
            return
        self.rest(0.4)
        path = self.output / f"{len(self.report.screenshots) + 1:02}_{name}.png"
        shown = self.window if widget is None else widget
        shown.grab().save(str(path))  # type: ignore[attr-defined]
        self.report.screenshots.append(path)
