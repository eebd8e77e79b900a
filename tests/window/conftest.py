"""The real windows on a real screen (Xvfb will do): the app's, and napari's with the panel."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from napari.qt import QtViewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QMainWindow

from condseg_app.data import Image
from condseg_app.desktop.window import MainWindow
from condseg_app.qt import Panel
from condseg_app.session.settings import Settings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here opens windows."""
    for item in items:
        if "tests/window/" in item.path.as_posix():
            item.add_marker(pytest.mark.gui)


@pytest.fixture
def app_window(stage: Any, tmp_path: Path) -> Iterator[MainWindow]:
    """The app's window, nothing open."""
    window = MainWindow(stage.session, Settings(), tmp_path / "settings.json")
    window.ask_before_closing = False
    yield window
    window.ask_before_closing = False
    window.close()
    QtViewer._instances.clear()


@pytest.fixture
def napari_window(stage: Any, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QMainWindow]:
    """Napari's window with the panel, nothing open, and settings of its own."""
    import napari

    from napari_condseg.widget import CondSegWidget

    monkeypatch.setattr("napari.settings._SETTINGS", None)
    napari.settings.get_settings(tmp_path / "napari.yaml")
    viewer = napari.Viewer(show=False)
    widget = CondSegWidget(viewer, stage.session, tmp_path / "settings.json")
    viewer.window.add_dock_widget(widget, name="CondSeg")
    window = widget.window()
    assert isinstance(window, QMainWindow)
    yield window
    with monkeypatch.context() as quietly:
        quietly.setattr(viewer.window._qt_window, "_save_current_window_settings", lambda: None)
        viewer.close()
    QtViewer._instances.clear()  # napari's fixture would take it for a leak: pytest keeps it for its report


@pytest.fixture(params=["app", "napari"])
def window(request: pytest.FixtureRequest, stage: Any, scan: Image, qtbot: QtBot) -> QMainWindow:
    """Either window, active, a volume open."""
    shown: QMainWindow = request.getfixturevalue(f"{request.param}_window")
    stage.session.images.show(scan)
    shown.show()
    shown.activateWindow()
    qtbot.waitUntil(shown.isActiveWindow)
    return shown


@pytest.fixture
def panel(window: QMainWindow) -> Panel:
    """The panel in it."""
    (found,) = window.findChildren(Panel)
    return found
