"""Keys in the real windows: Esc wherever the focus is, and the viewer's keys after every command."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.qt import QtViewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QApplication, QLineEdit, QMainWindow, QWidget

from condseg_app import io
from condseg_app.data import ChunkedAnnotation
from condseg_app.jobs import Progress, Step
from condseg_app.qt import Panel
from condseg_app.viewer.keys import COMMAND_KEYS
from tests.classes import id_of


def press(key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key where the focus is."""
    from qtpy.QtTest import QTest

    focus = QApplication.focusWidget()
    assert focus is not None
    QTest.keyClick(focus, key, modifier)


def click(qtbot: QtBot, widget: QWidget) -> None:
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)


def mark(panel: Panel) -> None:
    assert panel.session.state.image is not None
    ones = np.ones(panel.session.state.image.geometry.shape, bool)
    panel.session.annotations.put(id_of(panel.session, "liver"), ChunkedAnnotation.of(ones, ones))


def viewer_has_the_keys(window: QMainWindow) -> bool:
    """Whether a key goes to the viewer, which gets those that its sliders' own widgets do not take."""
    focus, viewer = QApplication.focusWidget(), window.findChild(QtViewer)
    if focus is None or viewer is None or isinstance(focus, QLineEdit | QAbstractSpinBox):
        return False
    return focus is viewer or viewer.isAncestorOf(focus)


def test_esc_cancels_with_the_brush_in_hand_wherever_the_focus_is(
    window: QMainWindow, panel: Panel, stage: Any, qtbot: QtBot
) -> None:
    (viewer,), session = window.findChildren(QtViewer), panel.session
    session.classes.choose(id_of(session, "liver"))
    click(qtbot, panel.classes.correct_button)
    stage.tools.at_rest.clear()
    for focused in (
        viewer.canvas.native,
        panel.classes.search,
        panel.classes.table,
        viewer.dims.findChild(QLineEdit, "slice_label"),
        panel.classes.threshold,
        viewer.layers,
        viewer.controls,
    ):
        session.predictions.start()
        assert session.jobs.current is not None
        focused.setFocus()
        press(Qt.Key.Key_Escape)
        assert session.jobs.current is None
        assert panel.binding.annotation.class_id == id_of(panel.session, "liver")


def test_esc_cancels_a_file_being_read_and_an_export(
    window: QMainWindow, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, waiting = panel.session, threading.Event()

    def slow_read(*args: object, **options: object) -> Iterator[Step]:
        waiting.wait(20)
        yield Step(Progress(1.0))

    def slow_write(form: io.ExportFormat, path: Path, export: io.Export) -> tuple[Path, ...]:
        while not waiting.wait(0.01):
            assert export.masks["liver"].any()
        return ()

    monkeypatch.setattr("condseg_app.session.images.reading_steps", slow_read)
    monkeypatch.setattr("condseg_app.io.write_export", slow_write)
    session.images.open(Path("scan.nii.gz"))
    assert session.jobs.can_cancel
    press(Qt.Key.Key_Escape)
    assert not session.jobs.can_cancel
    mark(panel)
    session.exports.start(Path("mask.nii.gz"), "nifti")
    assert session.exports.progress is not None
    press(Qt.Key.Key_Escape)
    assert session.exports.progress is None
    waiting.set()


def test_esc_without_work_leaves_a_field(window: QMainWindow, panel: Panel) -> None:
    panel.classes.search.setFocus()
    press(Qt.Key.Key_Escape)
    assert viewer_has_the_keys(window)


def test_the_viewer_has_the_keys_after_a_lesson_was_started(window: QMainWindow, panel: Panel, qtbot: QtBot) -> None:
    panel.session.classes.choose(id_of(panel.session, "liver"))
    panel.show_page("teach")
    click(qtbot, panel.teach.paint)
    click(qtbot, panel.teach.volume_done)
    mark(panel)
    click(qtbot, panel.teach.start)
    assert panel.session.state.is_teaching
    assert viewer_has_the_keys(window)
    press(Qt.Key.Key_1)
    assert panel.binding.annotation.layer is not None
    assert str(panel.binding.annotation.layer.mode) == "erase"
    press(Qt.Key.Key_Escape)
    assert not panel.session.state.is_teaching


def test_the_viewer_has_the_keys_after_a_click(window: QMainWindow, panel: Panel, qtbot: QtBot) -> None:
    panel.session.classes.choose(id_of(panel.session, "liver"))
    page = panel.classes
    for button in (page.predict, page.predict_all, page.correct_button, page.add):
        page.search.setFocus()
        click(qtbot, button)
        assert window.focusWidget() is window.findChild(QtViewer)


@pytest.mark.parametrize("ends", ["vanishes", "is disabled"])
def test_a_button_reached_with_tab_gives_the_keys_away_when_it_is_of_no_use(
    window: QMainWindow, panel: Panel, ends: str, qtbot: QtBot
) -> None:
    panel.session.classes.choose(id_of(panel.session, "liver"))
    panel.show_page("teach")
    mark(panel)
    panel.teach.start.setFocus(Qt.FocusReason.TabFocusReason)
    if ends == "vanishes":
        panel.teach.start.hide()
    else:
        panel.teach.start.setEnabled(False)
    qtbot.waitUntil(lambda: viewer_has_the_keys(window))


def test_the_viewers_keys_work_in_the_class_table(window: QMainWindow, panel: Panel) -> None:
    panel.session.classes.choose(id_of(panel.session, "liver"))
    panel.classes.table.setFocus()
    press(Qt.Key.Key_N)
    assert panel.session.state.current_class == id_of(panel.session, "spleen")
    press(Qt.Key.Key_D)
    assert panel.binding.annotation.class_id == id_of(panel.session, "spleen")
    press(Qt.Key.Key_1)
    assert str(panel.binding.annotation.layer.mode) == "erase"  # type: ignore[union-attr]
    press(Qt.Key.Key_Down)
    assert panel.session.state.current_class == id_of(panel.session, "kidney")


def test_tab_walks_through_the_panel_and_out(window: QMainWindow, panel: Panel) -> None:
    panel.session.classes.choose(id_of(panel.session, "liver"))
    panel.header.model.box.setFocus(Qt.FocusReason.TabFocusReason)
    seen: list[QWidget] = []
    while len(seen) < 60:
        press(Qt.Key.Key_Tab)
        focus = QApplication.focusWidget()
        assert focus is not None
        if not panel.isAncestorOf(focus):
            break
        assert focus not in seen
        seen.append(focus)
    names = [widget.objectName() for widget in seen]
    assert {"class_filter", "class_preset", "class_table", "add_class", "predict", "correct", "teach"} <= set(names)
    assert len(seen) < 60


def test_commands_have_keys_while_their_buttons_are_there(window: QMainWindow, panel: Panel) -> None:
    alt = Qt.KeyboardModifier.AltModifier
    panel.session.classes.choose(id_of(panel.session, "liver"))
    panel.classes.table.setFocus()
    press(Qt.Key.Key_T, alt)
    assert panel.page == "teach"
    press(Qt.Key.Key_A, alt)
    assert panel.session.jobs.current is None, "its button is on another page"
    press(Qt.Key.Key_1, alt)
    assert panel.page == "classes"
    press(Qt.Key.Key_A, alt)
    assert panel.session.jobs.current is not None


def test_every_key_of_a_command_has_its_button_and_is_in_its_tip(window: QMainWindow, panel: Panel) -> None:
    panel.session.classes.choose(id_of(panel.session, "liver"))
    for command in COMMAND_KEYS:
        (button,) = panel.findChildren(QAbstractButton, command.button)
        assert isinstance(button, QAbstractButton)
    assert panel.classes.predict_all.toolTip().endswith(" (Alt+A)")
    assert len({command.key for command in COMMAND_KEYS}) == len(COMMAND_KEYS)
