"""Nothing keeps the window busy for long: the costly parts of napari's work with layers are spared or come later."""

import gc
from typing import Any

import pytest
from napari.layers import Labels
from napari.qt import QtViewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QMainWindow

from condseg_app.data import Geometry, Image
from condseg_app.desktop.main import spare_collector
from condseg_app.desktop.window import MainWindow
from condseg_app.qt import Panel
from condseg_app.session import Session
from tests.classes import id_of, ids_of


@pytest.fixture
def predicted(window: QMainWindow, panel: Panel, qtbot: QtBot) -> Panel:
    """The panel with a predicted class, the conflicts and the brush's layer."""
    panel.session.predictions.start(ids_of(panel.session, ["liver"]))
    assert panel.session.wait(20)
    panel.session.classes.show_conflicts(True)
    results = panel.binding.results
    qtbot.waitUntil(lambda: results.class_map.layer is not None and panel.binding.annotation._kept is not None)
    return panel


def prepared(window: QMainWindow, layer: Labels) -> set[str]:
    """Names of the strokes that napari is ready to draw over a layer."""
    (viewer,) = window.findChildren(QtViewer)
    made = viewer.canvas._layer_overlay_to_visual[layer]
    return {name for name, overlay in layer._overlays.items() if overlay in made}


def test_napari_prepares_for_strokes_on_the_brush_s_layer_only(
    window: QMainWindow, predicted: Panel, qtbot: QtBot
) -> None:
    results = predicted.binding.results
    for layer in (results.class_map.layer, results.conflicts.layer):
        assert layer is not None
        assert prepared(window, layer) == set()
    predicted.binding.begin_painting(id_of(predicted.session, "liver"))
    layer = predicted.binding.annotation.layer
    assert layer is not None
    assert prepared(window, layer) == {"brush_stroke"}
    layer.mode = "polygon"
    assert prepared(window, layer) == {"brush_stroke", "polygon"}
    assert layer._overlays["polygon"].enabled


def test_the_next_image_costs_one_collection_of_garbage_one_selection_and_no_new_sliders(
    predicted: Panel, scan: Image
) -> None:
    viewer, told = predicted.binding.viewer, []

    def count(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            told.append("collection")

    viewer.dims.events.ndim.connect(lambda event: told.append("sliders"))
    viewer.layers.selection.events.active.connect(lambda event: told.append(event.value))
    automatic = gc.isenabled()
    gc.disable()
    gc.callbacks.append(count)
    try:
        predicted.session.images.show(Image(scan.array, scan.geometry, "next"))
    finally:
        gc.callbacks.remove(count)
        if automatic:
            gc.enable()
    assert viewer.layers[0].name == "next"
    assert told == [viewer.layers[0], "collection"]


def test_the_next_image_is_first_seen_as_any_image(window: QMainWindow, panel: Panel, scan: Image) -> None:
    """The middle of an axial slice, wherever the person was in the image before."""
    dims, first = panel.binding.viewer.dims, panel.binding.near()
    dims.order = (1, 0, 2)
    dims.set_current_step((0, 1, 2), (0, 1, 2))
    assert panel.binding.near() != first
    panel.session.images.show(Image(scan.array, scan.geometry, "next"))
    assert dims.order == (0, 1, 2)
    assert panel.binding.near() == first


def test_the_image_is_laid_out_in_a_moment_after_its_layers(
    app_window: MainWindow, stage: Any, scan: Image, qtbot: QtBot
) -> None:
    app_window.show()
    qtbot.waitExposed(app_window)
    drawn: list[object] = []
    app_window.canvas.widget.canvas._scene_canvas.events.draw.connect(drawn.append)
    stage.session.images.show(scan)
    assert drawn == []
    qtbot.waitUntil(lambda: app_window.canvas.widget.isVisible() and app_window.panel_dock.isVisible())
    qtbot.waitUntil(lambda: len(drawn) > 0)


def test_the_brush_gets_ready_once_the_image_is_drawn(window: QMainWindow, panel: Panel, qtbot: QtBot) -> None:
    binding, order = panel.binding, []
    (viewer,) = window.findChildren(QtViewer)
    qtbot.waitUntil(lambda: binding.annotation._kept is not None)
    viewer.canvas._scene_canvas.events.draw.connect(lambda event: order.append("drawn"))
    binding.viewer.layers.events.inserted.connect(lambda event: order.append(event.value.name))
    image = panel.session.state.opened_image()
    panel.session.images.show(Image(image.array, Geometry(image.geometry.shape, image.geometry.affine), "next"))
    qtbot.waitUntil(lambda: "brush" in order)
    assert order[:2] == ["next", "drawn"]


def test_the_collector_is_spared_what_the_engine_loads(stage: Any) -> None:
    session: Session = stage.session
    spare_collector(session)
    loaded: list[object] = [[]]  # stands for what comes with the engine
    assert any(each is loaded for each in gc.get_objects())
    session.computing.changed.emit()
    assert not any(each is loaded for each in gc.get_objects())
