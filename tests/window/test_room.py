"""Room for the image, a window that its screen holds, and controls that show the focus and tell what they are."""

from dataclasses import replace
from typing import Any

from pytestqt.qtbot import QtBot
from qtpy import shiboken
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget

from condseg_app.data import Image
from condseg_app.desktop.layer_docks import LayerDocks, fitted
from condseg_app.desktop.window import MainWindow
from condseg_app.qt import Panel
from condseg_app.qt.focus_ring import RING, Ring
from tests.classes import id_of
from tests.window.told import controls_in, nameless, unexplained

NO_LESS = QSize(1, 1)


def shown(window: MainWindow, stage: Any, scan: Image, qtbot: QtBot, size: tuple[int, int]) -> MainWindow:
    window.resize(*size)
    window.show()
    stage.session.images.show(scan)
    qtbot.waitUntil(lambda: window.canvas.widget.isVisible() and window.width() == size[0])
    qtbot.wait(50)
    return window


def test_the_image_keeps_half_of_a_narrow_window(app_window: MainWindow, stage: Any, scan: Image, qtbot: QtBot) -> None:
    window = shown(app_window, stage, scan, qtbot, (1024, 700))
    assert not window.layer_docks.are_shown
    assert window.canvas.widget.width() >= 512
    window.resize(1366, 768)
    qtbot.waitUntil(lambda: window.layer_docks.are_shown)
    qtbot.wait(50)
    assert window.canvas.widget.width() >= 1366 * 0.49
    window.resize(1024, 700)
    qtbot.waitUntil(lambda: not window.layer_docks.are_shown)


def test_the_layer_list_is_where_the_person_wants_it(
    app_window: MainWindow, stage: Any, scan: Image, qtbot: QtBot
) -> None:
    window = shown(app_window, stage, scan, qtbot, (1024, 700))
    window._actions["show_layers"].trigger()
    assert window.layer_docks.are_shown
    window.resize(1040, 700)
    qtbot.wait(50)
    assert window.layer_docks.are_shown
    for dock in window.canvas.docks:
        dock.close()
    window.resize(1366, 768)
    qtbot.wait(50)
    assert not window.layer_docks.are_shown


def test_docks_may_outlive_their_window(qtbot: QtBot) -> None:
    window, dock = QMainWindow(), QDockWidget("layer list")
    layer_docks = LayerDocks(window, (dock,), QDockWidget(window))
    layer_docks.follow(has_image=True)
    dock.show()
    shiboken.delete(window)  # as at the end of a program that an exception ends
    with qtbot.capture_exceptions() as raised:
        dock.hide()
    assert raised == []


def test_a_window_is_no_larger_than_its_screen(app_window: MainWindow) -> None:
    screen = app_window.screen().availableGeometry().size()
    assert fitted(QSize(100_000, 100_000), app_window).expandedTo(screen) == screen
    assert fitted(NO_LESS, app_window) == NO_LESS
    assert app_window.width() <= screen.width()
    assert app_window.height() < screen.height()


def test_every_control_that_has_the_focus_shows_it(window: QMainWindow, panel: Panel, qtbot: QtBot) -> None:
    panel.session.classes.choose(id_of(panel.session, "liver"))
    for page in range(panel.pages.count()):
        panel.pages.setCurrentIndex(page)
        for control in [control for control in controls_in(panel).values() if control.isEnabled()]:
            control.setFocus(Qt.FocusReason.TabFocusReason)
            assert is_ringed(control), control.objectName()


def test_no_more_than_one_ring_is_seen(window: QMainWindow, panel: Panel, qtbot: QtBot) -> None:
    panel.session.classes.choose(id_of(panel.session, "liver"))
    for control in (panel.classes.search, panel.classes.preset, panel.classes.table):
        control.setFocus(Qt.FocusReason.TabFocusReason)
        qtbot.wait(1)  # the ring before is deleted
        assert sum(ring.isVisible() for ring in panel.findChildren(Ring)) == 1
    qtbot.mouseClick(panel.classes.correct_button, Qt.MouseButton.LeftButton)  # the viewer has the focus now
    assert not any(ring.isVisible() for ring in panel.findChildren(Ring))


def is_ringed(control: QWidget) -> bool:
    """Whether the middle of its upper edge has the ring's colour."""
    picture = control.grab().toImage()
    found = [picture.pixelColor(picture.width() // 2, y) for y in range(3)]
    return any(_distance(color, RING) < 40 for color in found)


def _distance(one: QColor, other: QColor) -> int:
    return abs(one.red() - other.red()) + abs(one.green() - other.green()) + abs(one.blue() - other.blue())


def test_every_control_has_a_name_and_says_why_it_is_disabled(window: QMainWindow, panel: Panel) -> None:
    for name in (None, "liver"):
        panel.session.classes.choose(None if name is None else id_of(panel.session, name))
        for page in range(panel.pages.count()):
            panel.pages.setCurrentIndex(page)
            assert nameless(panel) == []
            assert unexplained(panel) == []


def test_the_image_s_name_is_shortened_only_where_no_spacing_is_shown(panel: Panel, scan: Image) -> None:
    line, seen = panel.header.image, set()
    for warnings in ((), ("a slice is missing",)):
        panel.session.images.show(replace(scan, name="ct_512", warnings=warnings))
        for width in range(120, 420, 3):
            line.setFixedWidth(width)
            QApplication.processEvents()
            is_short = line.facts.text() == "3D"
            seen.add(is_short)
            assert is_short or line.name.text() == "ct_512", width
    assert seen == {True, False}
