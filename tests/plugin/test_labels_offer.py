"""A Labels layer of the user's becomes the segmentation of the image: in the background."""

import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QTableWidgetItem

from condseg_app.data import ClassTable, Image, LabelMap
from condseg_app.errors import ReadError
from condseg_app.qt.labels_dialog import LabelsDialog
from condseg_app.session import fusing
from condseg_app.viewer import image_layers, label_layer, segmentation_of
from napari_condseg.widget import CondSegWidget
from tests.classes import id_of, names_of

pytestmark = pytest.mark.gui
SEGMENTATION_OF = "napari_condseg.labels_offer.segmentation_of"


@pytest.fixture
def opened(make_napari_viewer_proxy: Callable[[], Any], stage: Any, scan: Image) -> CondSegWidget:
    """The panel in napari, an image in view."""
    viewer = make_napari_viewer_proxy()
    widget = CondSegWidget(viewer, stage.session)
    viewer.window.add_dock_widget(widget, name="CondSeg")
    (image,) = image_layers(scan)
    viewer.add_layer(image)
    return widget


def values_of(scan: Image) -> NDArray[np.uint8]:
    values = np.zeros(scan.geometry.shape, np.uint8)
    values[1:4, 1:4] = 2
    return values


def named(scan: Image) -> Labels:
    table = ClassTable.from_names(["spleen", "cyst"])
    return label_layer(LabelMap(values_of(scan), scan.geometry, table), "theirs")


def use(widget: CondSegWidget, layer: Labels) -> None:
    """Select a layer, and press the button of the offer."""
    widget._viewer.add_layer(layer)
    widget._viewer.layers.selection.active = layer
    assert not widget.labels_offer.isHidden()
    widget.labels_offer.use.click()


def test_a_layer_with_names_becomes_the_segmentation(
    opened: CondSegWidget, stage: Any, scan: Image, qtbot: QtBot
) -> None:
    labels, offer = named(scan), opened.labels_offer
    opened._viewer.add_layer(labels)
    opened._viewer.layers.selection.active = labels
    assert offer.text.text() == "Use the layer theirs as the segmentation of scan?"
    offer.use.click()
    assert offer.isHidden()
    qtbot.waitUntil(lambda: set(names_of(stage.session, stage.session.state.annotations)) == {"cyst"})
    assert np.array_equal(fusing.mask(stage.session.state, id_of(stage.session, "cyst")), values_of(scan) == 2)
    assert not labels.visible
    assert stage.session.unsaved.marks[0].classes == stage.session.state.classes.keeping(["cyst"]).entries, (
        "no file keeps what is in a layer"
    )
    images = [layer for layer in opened._viewer.layers if isinstance(layer, ImageLayer)]
    opened._viewer.layers.selection.active = images[0]
    assert offer.isHidden()


def test_labels_without_names_are_given_names(opened: CondSegWidget, stage: Any, scan: Image, qtbot: QtBot) -> None:
    numbered = values_of(scan)
    numbered[4] = 3
    layer = label_layer(LabelMap(numbered, scan.geometry, ClassTable()), "objects")
    use(opened, Labels(layer.data, name="objects", scale=layer.scale, translate=layer.translate, units=layer.units))
    qtbot.waitUntil(lambda: opened.findChild(LabelsDialog) is not None)
    dialog = opened.findChild(LabelsDialog)
    assert dialog is not None
    assert dialog.names is not None
    assert stage.session.state.annotations == {}
    dialog.names.table.setItem(0, 1, QTableWidgetItem("nucleus"))
    dialog.names.as_one.setChecked(True)
    button = dialog.buttons.findChild(QPushButton, "use_labels")
    assert button is not None
    button.click()
    qtbot.waitUntil(lambda: id_of(stage.session, "nucleus") in stage.session.state.annotations)
    assert np.array_equal(fusing.mask(stage.session.state, id_of(stage.session, "nucleus")), numbered > 0)


def test_reading_a_layer_is_shown_and_stopped(
    opened: CondSegWidget, stage: Any, scan: Image, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, threads = threading.Event(), []

    def slow(layer: Labels, image: Image) -> Any:
        threads.append(threading.current_thread())
        may_end.wait(20)
        return segmentation_of(layer, image)

    monkeypatch.setattr(SEGMENTATION_OF, slow)
    labels, began = named(scan), time.monotonic()
    use(opened, labels)
    assert time.monotonic() - began < 5, "the window waits for nothing"
    qtbot.waitUntil(lambda: len(threads) == 1)
    assert threads[0] is not threading.main_thread()
    line = opened.panel.job
    assert (line.currentIndex(), line.what.full_text()) == (1, "Reading theirs")
    qtbot.mouseClick(line.stop, Qt.MouseButton.LeftButton)
    assert line.currentIndex() == 0
    assert line.notice.full_text() == "Reading theirs was stopped."
    may_end.set()
    assert stage.session.wait(20)
    assert stage.session.state.annotations == {}
    assert labels.visible


def test_another_image_in_the_meantime_keeps_its_marks(
    opened: CondSegWidget, stage: Any, scan: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = threading.Event()
    monkeypatch.setattr(SEGMENTATION_OF, lambda layer, image: (may_end.wait(20), segmentation_of(layer, image))[1])
    use(opened, named(scan))
    opened._viewer.add_image(np.ones((4, 5, 6)), name="other")
    may_end.set()
    assert stage.session.wait(20)
    assert stage.session.state.image.name == "other"
    assert stage.session.state.annotations == {}
    assert stage.notices[-1] == "theirs was left alone: another image is open now."


def test_labels_that_are_no_classes_are_refused(opened: CondSegWidget, stage: Any, scan: Image) -> None:
    layer = named(scan)
    use(opened, Labels(np.full(layer.data.shape, 70_000), name="huge", scale=layer.scale, units=layer.units))
    assert stage.session.wait(20)
    (error,) = stage.failures
    assert isinstance(error, ReadError)
    assert "70000" in str(error)
    assert Path("huge") == error.path


def test_releasing_memory_asks_napari_for_nothing_private(opened: CondSegWidget) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # napari shows a plugin's FutureWarning to the user
        opened.panel._leftovers.release()
