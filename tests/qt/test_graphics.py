"""What napari frees of removed layers is freed where it lives: in the canvas's own OpenGL context."""

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.qt import QtViewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QOpenGLContext

from condseg_app.qt.graphics import canvas_of, keep_own_context, release_replaced_views, renderer


def run_in(canvas: QtViewer) -> list[bool]:
    """Of each lot of drawing commands from now on: whether it is run in the canvas's context."""
    found: list[bool] = []
    parser = canvas.canvas._scene_canvas.context.shared.parser
    parse = parser.parse

    def look_and_parse(commands: Any) -> None:
        found.append(QOpenGLContext.currentContext() == canvas.canvas.native.context())
        parse(commands)

    parser.parse = look_and_parse
    return found


def test_removed_layers_are_freed_in_the_canvas_s_context(canvas: QtViewer, qtbot: QtBot) -> None:
    keep_own_context(canvas.viewer)
    keep_own_context(canvas.viewer)  # as by a panel that is opened again
    own = run_in(canvas)
    for _ in range(2):
        canvas.viewer.add_image(np.zeros((4, 5, 6), np.int16))
        canvas.viewer.add_labels(np.zeros((4, 5, 6), np.uint8))
        qtbot.wait(100)
        QOpenGLContext.currentContext().doneCurrent()  # as Qt leaves it between two frames
        canvas.viewer.layers.remove(canvas.viewer.layers[1])
        canvas.viewer.layers.clear()
        qtbot.wait(100)
    assert len(own) > 4
    assert all(own)


def test_layers_may_go_while_the_mouse_turns_a_grid_in_3d(canvas: QtViewer, qtbot: QtBot) -> None:
    viewer, native = canvas.viewer, canvas.canvas.native
    release_replaced_views(viewer)
    for _ in range(3):
        viewer.add_image(np.zeros((4, 5, 6), np.int16))
    viewer.canvas.grid.enabled = True
    viewer.dims.ndisplay = 3
    qtbot.wait(200)
    at = QPoint(native.width() // 4, native.height() // 4)
    with qtbot.captureExceptions() as raised:
        qtbot.mousePress(native, Qt.MouseButton.LeftButton, pos=at)
        qtbot.mouseMove(native, at + QPoint(5, 5))
        viewer.layers.pop()
        viewer.layers.pop()
        for step in range(2, 4):
            qtbot.mouseMove(native, at + QPoint(5 * step, 5 * step))
            qtbot.wait(50)
        qtbot.mouseRelease(native, Qt.MouseButton.LeftButton, pos=at + QPoint(15, 15))
        qtbot.wait(50)
    assert [str(error) for _, error, _ in raised] == []


def test_a_viewer_that_nothing_shows_is_left_alone(canvas: QtViewer) -> None:
    assert canvas_of(canvas.viewer) is canvas
    assert canvas_of(ViewerModel()) is None
    keep_own_context(ViewerModel())
    release_replaced_views(ViewerModel())


def test_asking_who_draws_leaves_the_canvas_s_context_current(canvas: QtViewer) -> None:
    own = canvas.canvas.native.context()
    canvas.canvas.native.makeCurrent()
    renderer.cache_clear()
    renderer()
    assert QOpenGLContext.currentContext() == own, "napari asks for OpenGL's extensions without making any current"
