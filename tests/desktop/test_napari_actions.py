"""napari's buttons, keys and menus in the app's own window, used with real events."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from app_model.backends.qt import QModelMenu
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtWidgets import QApplication

from condseg_app.data import Image
from condseg_app.desktop.window import MainWindow
from condseg_app.session.settings import Settings
from tests.classes import id_of

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
CONTROL, ALT, SHIFT = (Qt.KeyboardModifier[f"{name}Modifier"] for name in ("Control", "Alt", "Shift"))


@pytest.fixture
def window(stage: Any, scan: Image, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """The window with a volume and its prediction open; whatever is raised fails the test."""
    raised: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: raised.append(error))
    made = MainWindow(stage.session, Settings(), None)
    made.ask_before_closing = False
    made.show()
    qtbot.waitExposed(made)
    made.session.images.show(scan)
    stage.predict_all()
    qtbot.wait(50)
    yield made
    made.close()
    assert raised == []


def press(window: MainWindow, button: str, qtbot: QtBot) -> None:
    qtbot.mouseClick(getattr(window.canvas.widget.viewerButtons, button), LEFT)
    qtbot.wait(20)


def test_the_buttons_under_the_layer_list_work(window: MainWindow, qtbot: QtBot) -> None:
    viewer = window.canvas.model
    press(window, "ndisplayButton", qtbot)
    assert viewer.dims.ndisplay == 3
    press(window, "ndisplayButton", qtbot)
    assert viewer.dims.ndisplay == 2
    before = viewer.dims.order
    press(window, "rollDimsButton", qtbot)
    assert viewer.dims.order == (before[2], before[0], before[1])
    before = viewer.dims.order
    press(window, "transposeDimsButton", qtbot)
    assert viewer.dims.order == (before[0], before[2], before[1])
    press(window, "gridViewButton", qtbot)
    assert viewer.canvas.grid.enabled
    press(window, "gridViewButton", qtbot)
    assert not viewer.canvas.grid.enabled
    zoom = viewer.scene.camera.zoom
    viewer.scene.camera.zoom = 3 * zoom
    press(window, "resetViewButton", qtbot)
    assert viewer.scene.camera.zoom < 2 * zoom


def test_what_needs_napari_s_own_window_is_absent(window: MainWindow, qtbot: QtBot) -> None:
    assert not window.canvas.widget.viewerButtons.consoleButton.isVisible()
    canvas, theme = window.canvas.widget.canvas.native, window.canvas.model.theme
    canvas.setFocus()
    keys = (Qt.Key.Key_C, CONTROL | SHIFT), (Qt.Key.Key_Slash, CONTROL | ALT), (Qt.Key.Key_T, CONTROL | SHIFT)
    for key, modifiers in keys:
        qtbot.keyClick(canvas, key, modifiers)
    assert window.canvas.model.theme == theme
    window.set_theme("light")
    assert window.canvas.model.canvas.background_color.tolist() == [0, 0, 0, 1]


def test_the_menu_of_the_layer_list_opens_and_acts(window: MainWindow, qtbot: QtBot) -> None:
    layers, view = window.canvas.model.layers, window.canvas.widget.layers
    layers.selection.active = window.binding.source.main
    found: list[QModelMenu] = []

    def duplicate() -> None:
        (menu,) = (w for w in QApplication.topLevelWidgets() if isinstance(w, QModelMenu) and w.isVisible())
        found.append(menu)
        next(action for action in menu.actions() if action.text() == "Duplicate Layer").trigger()
        menu.close()

    row = view.visualRect(view.model().index(view.model().rowCount() - 1, 0)).center()
    QTimer.singleShot(300, duplicate)  # the menu has an event loop of its own
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.RightButton, pos=QPoint(row.x(), row.y()))
    qtbot.waitUntil(lambda: bool(found), timeout=5000)
    assert "scan copy" in layers


def test_the_controls_of_a_layer_and_its_keys_work(window: MainWindow, qtbot: QtBot) -> None:
    window.binding.begin_painting(id_of(window.binding.session, "liver"))
    layer, canvas = window.binding.annotation.layer, window.canvas.widget.canvas.native
    assert isinstance(layer, Labels)
    controls = window.canvas.widget.controls.currentWidget()
    for mode, button in controls._MODE_BUTTONS.items():
        if button.isVisible() and button.isEnabled():
            qtbot.mouseClick(button, LEFT)
            assert layer.mode == str(mode)
    canvas.setFocus()
    for key, mode_name in ((Qt.Key.Key_1, "erase"), (Qt.Key.Key_2, "paint"), (Qt.Key.Key_4, "fill")):
        qtbot.keyClick(canvas, key)
        assert layer.mode == mode_name


def test_the_viewer_is_provided_while_the_window_lives_only(window: MainWindow) -> None:
    from napari._app_model import get_app_model
    from napari.components import ViewerModel

    store = get_app_model().injection_store
    assert store.provide(ViewerModel) is window.canvas.model
    window.close()
    assert store.provide(ViewerModel) is None
