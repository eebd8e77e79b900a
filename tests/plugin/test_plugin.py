from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Layer
from npe2 import PluginManifest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox, QWidget

import napari_condseg
from condseg_app.data import ChunkedAnnotation, ClassTable, Image, LabelMap, Pick
from condseg_app.io import (
    SUFFIXES,
    read_image,
    read_label_map,
    write_binary_masks,
    write_label_map,
    write_overlapping_masks,
)
from condseg_app.io.choices import ChoiceNeeded
from condseg_app.io.formats import FORMATS
from condseg_app.io.image_files import write_image
from condseg_app.qt.choice_dialog import ChoiceDialog
from condseg_app.qt.engine_dialog import EngineDialog
from condseg_app.remote import Endpoint
from condseg_app.session.settings import load_settings, remember_place
from condseg_app.viewer import label_layer
from condseg_app.viewer.source import image_of
from napari_condseg import reader
from napari_condseg.reader import get_reader
from napari_condseg.sample_data import abdomen, street
from napari_condseg.writer import write_labels
from tests.classes import id_of

MANIFEST = Path(napari_condseg.__file__).parent / "napari.yaml"


def layers_of(found: list[tuple[Any, dict[str, Any], str]]) -> list[Layer]:
    return [Layer.create(*data) for data in found]


def test_the_manifest_is_valid_and_every_command_exists() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    assert manifest.name == "condseg"
    manifest.validate_imports()


def test_every_suffix_that_can_be_read_is_announced() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    assert manifest.contributions.readers is not None
    patterns = set(manifest.contributions.readers[0].filename_patterns)
    assert {f"*{suffix}" for suffix in SUFFIXES} <= patterns


def test_an_image_is_read_in_its_place(tmp_path: Path, scan: Image) -> None:
    path = tmp_path / "scan.nii.gz"
    write_image(path, scan)
    read = get_reader(str(path))
    assert read is not None
    (layer,) = layers_of(read(str(path)))
    assert isinstance(layer, ImageLayer)
    assert layer.scale.tolist() == [3, 2, 1]
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
    assert get_reader(str(tmp_path / "notes.txt")) is None
    assert get_reader([str(path), str(tmp_path / "notes.txt")]) is None


def test_a_zarr_folder_is_read_and_no_other_folder(tmp_path: Path, scan: Image) -> None:
    path = tmp_path / "scan.ome.zarr"
    write_image(path, scan)
    read = get_reader(str(path))
    assert read is not None
    (layer,) = layers_of(read(str(path)))
    assert layer.scale.tolist() == [3, 2, 1]
    assert get_reader(str(tmp_path)) is None
    write_label_map(path, LabelMap(scan.voxels()[0].astype(np.uint8), scan.geometry, ClassTable.from_names("abc")))
    (layer,) = layers_of(read(str(path)))
    assert (type(layer), layer.name) == (Labels, "scan")


def answer(row: int | None) -> None:
    """Choose a row of the dialog as soon as there is one; None cancels it."""

    def choose() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, ChoiceDialog):
            QTimer.singleShot(20, choose)
        elif row is None:
            dialog.reject()
        else:
            dialog.list.setCurrentRow(row)
            dialog.accept()

    choose()


@pytest.mark.gui
def test_one_frame_of_several_is_asked_for(film: Path, scan: Image, qtbot: QtBot) -> None:
    answer(1)
    (layer,) = layers_of(reader.read(str(film)))
    image = image_of(layer)
    assert image is not None
    assert image.pick == Pick(frame=1)
    assert np.array_equal(image.voxels(), scan.voxels())
    answer(None)
    nothing: Any = reader.read(str(film))
    assert nothing == [(None,)]


@pytest.mark.gui
def test_cancelling_in_napari_leaves_the_viewer_as_it_was(
    make_napari_viewer_proxy: Callable[[], Any], film: Path
) -> None:
    viewer = make_napari_viewer_proxy()
    answer(None)
    viewer.open(str(film), plugin="condseg")
    assert len(viewer.layers) == 0
    answer(0)
    viewer.open(str(film), plugin="condseg")
    assert len(viewer.layers) == 1


def test_without_a_window_the_reader_says_what_there_is(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_has_window", lambda: False)
    with pytest.raises(ChoiceNeeded, match="holds 2 frames"):
        reader.read(str(film))


def test_a_label_map_comes_back_as_it_was(tmp_path: Path, scan: Image) -> None:
    classes = ClassTable.from_names(["liver", "spleen", "kidney"]).replacing("spleen", color=(1, 2, 3))
    labels = LabelMap(scan.voxels()[0].astype(np.uint8), scan.geometry, classes)
    write_label_map(tmp_path / "a.nii.gz", labels)
    read = get_reader(str(tmp_path / "a.nii.gz"))
    assert read is not None
    (layer,) = layers_of(read(str(tmp_path / "a.nii.gz")))
    assert isinstance(layer, Labels)
    assert layer.get_color(2)[:3] * 255 == pytest.approx([1, 2, 3])
    data, meta, _ = layer.as_layer_data_tuple()
    written = write_labels(str(tmp_path / "b.nii.gz"), data, meta)
    assert [Path(file).name for file in written] == ["b.nii.gz", "b.json", "b.label.txt"]
    back = read_label_map(tmp_path / "b.nii.gz")
    assert np.array_equal(back.values, labels.values)
    assert back.geometry.fits(labels.geometry)
    assert back.classes == labels.classes


@pytest.mark.parametrize("suffix", [s for form in FORMATS for s in form.label_suffixes if s not in (".png", ".zarr")])
def test_a_label_map_comes_back_from_every_format(tmp_path: Path, scan: Image, suffix: str) -> None:
    classes = ClassTable.from_names(["liver", "spleen", "kidney"]).replacing("spleen", color=(1, 2, 3))
    mine = label_layer(LabelMap(scan.voxels()[0].astype(np.uint8), scan.geometry, classes), "mine")
    written = write_labels(str(tmp_path / f"a{suffix}"), *mine.as_layer_data_tuple()[:2])
    read = get_reader(written[0])
    assert read is not None
    (layer,) = layers_of(read(written[0]))
    assert (type(layer), layer.name) == (Labels, "a")
    assert np.array_equal(layer.data, mine.data)
    assert layer.scale.tolist() == mine.scale.tolist()
    assert layer.get_color(2)[:3] * 255 == pytest.approx([1, 2, 3])


def test_every_format_of_label_maps_can_be_chosen_in_napari() -> None:
    writers = PluginManifest.from_file(MANIFEST).contributions.writers
    assert writers is not None
    announced = {suffix for writer in writers for suffix in writer.filename_extensions}
    folders = {suffix for form in FORMATS if form.is_folder for suffix in form.label_suffixes}
    assert announced == {suffix for form in FORMATS for suffix in form.label_suffixes} - folders


def test_segments_of_slicer_are_labels_without_a_table_beside_them(tmp_path: Path, scan: Image) -> None:
    labels = LabelMap(scan.voxels()[0].astype(np.uint8), scan.geometry, ClassTable.from_names(["a", "b", "c"]))
    file, *others = write_label_map(tmp_path / "a.seg.nrrd", labels)
    for other in others:
        other.unlink()
    read = get_reader(str(file))
    assert read is not None
    assert isinstance(layers_of(read(str(file)))[0], Labels)


def test_a_label_layer_is_written_as_png(tmp_path: Path) -> None:
    data = np.zeros((6, 9), int)
    data[1:3, 2:7] = 4
    write_labels(str(tmp_path / "a.png"), *Labels(data, name="mine").as_layer_data_tuple()[:2])
    assert np.array_equal(read_label_map(tmp_path / "a.png").array[..., 0].T, data)


def test_samples_are_what_they_say() -> None:
    (volume,) = layers_of(abdomen())
    assert volume.ndim == 3
    (picture,) = layers_of(street())
    assert isinstance(picture, ImageLayer)
    assert picture.rgb


@pytest.mark.gui
def test_the_widget_uses_the_active_image_layer(
    make_napari_viewer_proxy: Callable[[], Any], qtbot: QtBot, stage: Any
) -> None:
    from napari_condseg.widget import CondSegWidget

    viewer = make_napari_viewer_proxy()
    data = np.random.default_rng(0).integers(0, 4, (4, 5, 6)).astype(np.int16)
    mine = viewer.add_image(data, scale=(2, 1, 1), units=("mm",) * 3, name="mine")
    widget = CondSegWidget(viewer, stage.session)
    viewer.window.add_dock_widget(widget, name="CondSeg")
    assert stage.session.state.image is not None
    assert stage.session.state.image.name == "mine"
    widget.panel.classes.ask(id_of(widget.panel.session, "liver"))
    qtbot.waitUntil(lambda: stage.session.state.state_of(id_of(stage.session, "liver")) == "complete", timeout=10_000)
    qtbot.waitUntil(lambda: "brush" in viewer.layers)
    assert [layer.name for layer in viewer.layers] == ["mine", "all classes", "brush"]
    viewer.layers.selection.active = viewer.layers["all classes"]  # a result is no image
    assert stage.session.state.image.name == "mine"
    other = viewer.add_image(data + 1, units=("mm",) * 3, name="other")
    viewer.layers.selection.active = other
    assert stage.session.state.image.name == "other"
    assert [layer.name for layer in viewer.layers] == ["mine", "other"]
    viewer.add_image(np.zeros((2, 2, 3, 4)), name="movie")
    viewer.layers.selection.active = viewer.layers["movie"]
    assert "4 axes" in stage.notices[-1]
    assert stage.session.state.image.name == "other"
    assert mine.scale.tolist() == [2, 1, 1]


@pytest.mark.gui
def test_closing_the_dock_leaves_the_user_s_layers(
    make_napari_viewer_proxy: Callable[[], Any], qtbot: QtBot, stage: Any
) -> None:
    from napari_condseg.widget import CondSegWidget

    viewer = make_napari_viewer_proxy()
    viewer.add_image(np.zeros((4, 5, 6)), units=("mm",) * 3, name="mine")
    widget = CondSegWidget(viewer, stage.session)
    dock = viewer.window.add_dock_widget(widget, name="CondSeg")
    stage.session.classes.choose(id_of(stage.session, "liver"))
    widget.panel.classes.correct(id_of(widget.panel.session, "liver"))
    assert len(viewer.layers) == 2
    viewer.window.remove_dock_widget(dock)
    widget.deleteLater()
    del widget, dock
    qtbot.waitUntil(lambda: [layer.name for layer in viewer.layers] == ["mine"], timeout=5000)


def docked(viewer: Any, stage: Any, qtbot: QtBot) -> QWidget:
    """The window of a viewer with the panel in its dock, on screen, and with marks on its image."""
    from napari_condseg.widget import CondSegWidget

    viewer.add_image(np.zeros((4, 5, 6)), units=("mm",) * 3, name="mine")
    widget = CondSegWidget(viewer, stage.session)
    viewer.window.add_dock_widget(widget, name="CondSeg")
    window: QWidget = widget.window()
    window.show()
    qtbot.waitExposed(window)
    ones = np.ones(stage.session.state.image.geometry.shape, bool)
    stage.session.annotations.put(id_of(stage.session, "liver"), ChunkedAnnotation.of(ones, ones))
    return window


def asked(window: QWidget) -> list[QMessageBox]:
    return [box for box in window.findChildren(QMessageBox, "quit_dialog") if box.isVisible()]


@pytest.mark.gui
def test_napari_does_not_close_over_marks_that_no_file_keeps(
    make_napari_viewer_proxy: Callable[[], Any], qtbot: QtBot, stage: Any
) -> None:
    viewer = make_napari_viewer_proxy()
    window = docked(viewer, stage, qtbot)
    window.close()
    assert window.isVisible()
    (box,) = asked(window)
    assert "annotations on mine: liver" in box.text()
    assert box.windowTitle() == "Quit napari"
    (cancel,) = [button for button in box.buttons() if button.text() == "Cancel"]
    qtbot.mouseClick(cancel, Qt.MouseButton.LeftButton)
    assert window.isVisible()
    viewer.close()  # as a script does, which is not held up
    assert not window.isVisible()
    assert asked(window) == []


@pytest.mark.gui
def test_marks_wait_for_the_next_panel(
    make_napari_viewer_proxy: Callable[[], Any], qtbot: QtBot, stage: Any, tmp_path: Path
) -> None:
    from napari_condseg.kept import taken_up
    from napari_condseg.widget import CondSegWidget

    viewer = make_napari_viewer_proxy()
    window = docked(viewer, stage, qtbot)
    viewer.window.remove_dock_widget("all")
    qtbot.waitUntil(lambda: stage.session.state.image is None, timeout=20_000)
    assert [layer.name for layer in viewer.layers] == ["mine"]
    window.close()
    (box,) = asked(window)
    assert "annotations on mine (not in view): liver" in box.text()
    box.close()
    widget = CondSegWidget(viewer, settings_file=tmp_path / "settings.json")
    viewer.window.add_dock_widget(widget, name="CondSeg")
    assert widget.session is stage.session
    assert widget.session.state.annotations[id_of(widget.session, "liver")].state == "present"
    assert [layer.name for layer in viewer.layers] == ["mine", "all classes"]
    stage.session.annotations.clear(id_of(stage.session, "liver"))
    viewer.window.remove_dock_widget(widget)
    del widget
    qtbot.waitUntil(lambda: [layer.name for layer in viewer.layers] == ["mine"], timeout=20_000)
    assert taken_up(viewer) is None, "nothing is unsaved any more"
    viewer.close()


@pytest.mark.gui
def test_a_file_opened_in_napari_keeps_its_affine(
    make_napari_viewer_proxy: Callable[[], Any], tmp_path: Path, scan: Image, stage: Any
) -> None:
    from napari_condseg.widget import CondSegWidget

    path = tmp_path / "scan.nii.gz"
    write_image(path, scan)
    viewer = make_napari_viewer_proxy()
    viewer.open(str(path), plugin="condseg")
    CondSegWidget(viewer, stage.session)
    assert stage.session.state.image is not None
    assert stage.session.state.image.geometry == read_image(path).geometry
    assert stage.session.state.image.source == path
    assert len(viewer.layers) == 1


@pytest.mark.gui
def test_napari_finds_the_panel_and_the_menu(make_napari_viewer_proxy: Callable[[], Any]) -> None:
    from napari_condseg.widget import show_export

    viewer = make_napari_viewer_proxy()
    show_export(viewer)
    (widget,) = [w for w in viewer.window.dock_widgets.values() if hasattr(w, "panel")]
    assert widget.panel.page == "export"
    widget.session.close()


@pytest.mark.gui
def test_the_widget_computes_where_the_apps_settings_say(
    make_napari_viewer_proxy: Callable[[], Any], qtbot: QtBot, tmp_path: Path
) -> None:
    from napari_condseg.widget import CondSegWidget

    file, place = tmp_path / "settings.json", Endpoint("127.0.0.1:9", tmp_path / "engine.pem")
    remember_place(place, file)
    viewer = make_napari_viewer_proxy()
    widget = CondSegWidget(viewer, settings_file=file)
    viewer.window.add_dock_widget(widget, name="CondSeg")
    assert widget.session.computing.place == place
    qtbot.mouseClick(widget.panel.device, Qt.MouseButton.LeftButton)
    dialog = widget.findChild(EngineDialog)
    assert dialog is not None
    assert dialog.address.text() == "127.0.0.1:9"
    dialog.here.setChecked(True)
    dialog.ok.click()
    widget.panel.teach.mode.buttons["full"].click()
    assert load_settings(file).teaching == "full"
    assert load_settings(file).place is None
    assert widget.session.computing.place is None
    widget.session.close()


def test_segments_that_overlap_are_a_layer_each(tmp_path: Path, scan: Image) -> None:
    masks = {"liver": np.ones(scan.geometry.shape, bool), "cyst": np.zeros(scan.geometry.shape, bool)}
    masks["cyst"][2:4, 2:4] = True
    write_overlapping_masks(tmp_path / "two.seg.nrrd", masks, scan.geometry, ClassTable.from_names(masks))
    write_binary_masks(tmp_path / "masks", masks, scan.geometry, ClassTable.from_names(masks))
    for path in (tmp_path / "two.seg.nrrd", tmp_path / "masks"):
        read = get_reader(str(path))
        assert read is not None
        liver, cyst = layers_of(read(str(path)))
        assert (liver.name, cyst.name) == ("liver", "cyst")
        assert np.count_nonzero(liver.data) == masks["liver"].sum()
        assert np.count_nonzero(cyst.data) == masks["cyst"].sum()
