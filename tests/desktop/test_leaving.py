"""The window asks before it closes where something would be lost, says exactly what, and can keep it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, Image
from condseg_app.desktop.window import MainWindow
from condseg_app.errors import WriteError
from condseg_app.session.settings import Settings
from tests.classes import id_of

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def window(stage: Any, qtbot: QtBot, scan: Image) -> Iterator[MainWindow]:
    made = MainWindow(stage.session, Settings(), None)
    made.show()
    qtbot.waitExposed(made)
    stage.session.images.show(scan)
    yield made
    made.ask_before_closing = False
    made.close()


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Exports wait until it is set."""
    gate, write = threading.Event(), io.write_export

    def wait_and_write(*arguments: Any) -> Any:
        gate.wait(20)
        return write(*arguments)

    monkeypatch.setattr(io, "write_export", wait_and_write)
    yield gate
    gate.set()


def mark(window: MainWindow, *names: str) -> None:
    assert window.session.state.image is not None
    for name in names:
        ones = np.ones(window.session.state.image.geometry.shape, bool)
        window.session.annotations.put(id_of(window.session, name), ChunkedAnnotation.of(ones, ones))


def question(window: MainWindow) -> QMessageBox:
    """What is asked when the window is told to close."""
    window.close()
    assert window.isVisible(), "it closed without a question"
    (box,) = [box for box in window.findChildren(QMessageBox, "quit_dialog") if box.isVisible()]
    return box


def press(qtbot: QtBot, box: QMessageBox, text: str) -> None:
    (button,) = [button for button in box.buttons() if button.text().startswith(text)]
    qtbot.mouseClick(button, LEFT)


def lines(box: QMessageBox) -> list[str]:
    return [line.removeprefix("•  ") for line in box.text().splitlines() if line.startswith("•")]


def start_lesson(qtbot: QtBot, window: MainWindow) -> None:
    window.session.lessons.start(id_of(window.session, "liver"), 100_000)
    qtbot.waitUntil(lambda: window.session.unsaved.lesson is not None, timeout=20_000)


def test_it_closes_where_nothing_is_lost(window: MainWindow, stage: Any) -> None:
    stage.predict_all()
    window.close()
    assert not window.isVisible()


def test_it_lists_images_classes_lesson_and_export(
    window: MainWindow, qtbot: QtBot, scan: Image, slow_disk: threading.Event, tmp_path: Path
) -> None:
    mark(window, "liver", "spleen")
    window.session.images.show(Image(scan.array, scan.geometry, "another"))
    mark(window, "liver")
    start_lesson(qtbot, window)
    window.session.exports.start(tmp_path / "a.nii.gz", "nifti")
    box = question(window)
    listed = lines(box)
    assert listed[:2] == ["annotations on another: liver", "annotations on scan (not in view): liver, spleen"]
    assert listed[2].startswith("the lesson of liver: ")
    assert listed[3] == "exporting a.nii.gz, which is being written"
    window.close()
    assert len(window.findChildren(QMessageBox, "quit_dialog")) == 1
    press(qtbot, box, "Cancel")
    assert window.session.state.is_teaching
    assert window.isVisible()


def test_what_is_painted_at_this_moment_counts(window: MainWindow, qtbot: QtBot) -> None:
    window.binding.begin_painting(id_of(window.binding.session, "kidney"))
    layer = window.binding.annotation.layer
    assert layer is not None
    layer.paint((2, 3, 3), 3)
    assert lines(question(window)) == ["annotations on scan: kidney"]


def test_marks_are_kept_in_a_folder_then_it_closes(
    window: MainWindow, qtbot: QtBot, scan: Image, tmp_path: Path
) -> None:
    mark(window, "liver")
    window.session.images.show(Image(scan.array, scan.geometry, "another"))
    mark(window, "spleen")
    window.session.images.close()
    press(qtbot, question(window), "Keep")
    dialog = window.findChild(QFileDialog, "keep_dialog")
    assert dialog is not None
    dialog.fileSelected.emit(str(tmp_path))
    dialog.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert (tmp_path / "scan_masks" / "liver.nii.gz").exists()
    assert (tmp_path / "another_masks" / "spleen.nii.gz").exists()


def test_a_lesson_and_an_export_are_finished_first(
    window: MainWindow, qtbot: QtBot, slow_disk: threading.Event, stage: Any, tmp_path: Path
) -> None:
    mark(window, "liver")
    window.session.exports.start(tmp_path / "a.nii.gz", "nifti")
    start_lesson(qtbot, window)
    slow_disk.set()
    qtbot.waitUntil(lambda: not window.session.unsaved.marks, timeout=20_000)
    slow_disk.clear()
    window.session.exports.start(tmp_path / "b.nii.gz", "nifti")
    press(qtbot, question(window), "Keep")
    assert window.findChild(QFileDialog, "keep_dialog") is None, "there is nothing to ask"
    qtbot.waitUntil(lambda: window.session.state.lesson_result is not None, timeout=20_000)
    qtbot.wait(50)
    assert window.isVisible(), "the export is not written yet"
    assert window.statusBar().currentMessage() == "CondSeg closes as soon as everything is kept"
    slow_disk.set()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert (tmp_path / "b.nii.gz").exists()
    assert list((stage.model_file.parent / "models").glob("*.safetensors"))


def test_it_stays_open_where_something_cannot_be_kept(
    window: MainWindow, qtbot: QtBot, stage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise WriteError("the disk is full; free some of it")

    monkeypatch.setattr(io, "write_export", refuse)
    mark(window, "liver")
    press(qtbot, question(window), "Keep")
    dialog = window.findChild(QFileDialog, "keep_dialog")
    assert dialog is not None
    dialog.fileSelected.emit(str(tmp_path))
    dialog.close()
    qtbot.waitUntil(lambda: bool(stage.failures), timeout=20_000)
    qtbot.wait(50)
    assert window.isVisible()
    stage.failures.clear()
    assert lines(question(window)) == ["annotations on scan: liver"]


def test_quitting_anyway_quits(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    mark(window, "liver")
    start_lesson(qtbot, window)
    press(qtbot, question(window), "Quit anyway")
    qtbot.waitUntil(lambda: not window.isVisible())
