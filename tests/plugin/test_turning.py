"""napari's own 3D button and key, with the panel in its dock."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from condseg_app.qt.graphics import canvas_of
from napari_condseg.widget import CondSegWidget

pytestmark = pytest.mark.gui


class Watched:
    """An array in which no more than a slice is read at a time."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.ndim, self.dtype, self.size = shape, len(shape), np.dtype(np.uint8), int(np.prod(shape))
        self.most = 0

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        found = np.zeros(self.shape, self.dtype)[key]
        self.most = max(self.most, found.size)
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self.most = self.size
        return np.zeros(self.shape, self.dtype)


def test_a_large_volume_is_reduced_before_napari_reads_it(
    make_napari_viewer_proxy: Callable[[], Any], qtbot: QtBot, stage: Any
) -> None:
    viewer = make_napari_viewer_proxy()
    data = Watched((12, 20, 24))
    viewer.add_image(data, units=("mm",) * 3, name="mine", contrast_limits=(0, 1))
    widget = CondSegWidget(viewer, stage.session)
    dock = viewer.window.add_dock_widget(widget, name="CondSeg")
    reduced = widget.panel.binding.reduced
    reduced.most_voxels = 1000
    data.most = 0
    canvas = canvas_of(viewer)
    assert canvas is not None
    button = canvas.viewerButtons.ndisplayButton
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: viewer.dims.ndisplay == 3, timeout=5000)
    qtbot.waitUntil(lambda: not reduced.is_working, timeout=5000)
    assert data.most <= 20 * 24
    assert [layer.name for layer in viewer.layers if layer.visible] == ["mine, reduced"]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: viewer.dims.ndisplay == 2 and not reduced.is_working, timeout=5000)
    assert [layer.name for layer in viewer.layers if layer not in widget.panel.binding.annotation] == ["mine"]

    viewer.window.remove_dock_widget(dock)
    widget.deleteLater()
    del widget, dock
    qtbot.waitUntil(lambda: not viewer.keymap, timeout=5000)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert viewer.dims.ndisplay == 3, "as in napari alone"
    assert data.most == data.size
