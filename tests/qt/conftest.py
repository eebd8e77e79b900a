"""Real widgets on a real screen (Xvfb will do), over the stand-in engine."""

from collections.abc import Iterator
from typing import Any

import pytest
from napari.components import ViewerModel
from napari.qt import QtViewer
from pytestqt.qtbot import QtBot

from condseg_app.data import Image
from condseg_app.qt import Panel
from condseg_app.viewer import LayerBinding


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here opens windows."""
    for item in items:
        if "tests/qt/" in item.path.as_posix():
            item.add_marker(pytest.mark.gui)


@pytest.fixture
def empty_panel(stage: Any, qtbot: QtBot) -> Iterator[Panel]:
    """The panel with a model and no image."""
    binding = LayerBinding(stage.session, ViewerModel())
    panel = Panel(binding)
    qtbot.addWidget(panel)
    panel.resize(340, 760)
    panel.show()
    panel.activateWindow()  # keys go to the active window, and not every screen has a window manager
    qtbot.waitUntil(panel.isActiveWindow)
    yield panel
    panel.shut()


@pytest.fixture
def panel(empty_panel: Panel, scan: Image) -> Panel:
    """The panel with a volume open."""
    empty_panel.session.images.show(scan)
    return empty_panel


@pytest.fixture
def canvas(qtbot: QtBot) -> Iterator[QtViewer]:
    """napari's canvas without its window."""
    widget = QtViewer(ViewerModel())
    widget.show()
    qtbot.waitExposed(widget)
    yield widget
    widget.close()
