"""What was exported opens again: every format with voxels is written in the window and dropped on it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel.nifti1
import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QDialog, QFileDialog, QPushButton, QTableWidgetItem

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, ClassEntry, ClassTable, Geometry, Image, LabelMap
from condseg_app.desktop.window import MainWindow
from condseg_app.io.image_files import write_image
from condseg_app.qt.labels_dialog import LabelsDialog
from condseg_app.remote import Engine
from condseg_app.session import Session, fusing
from condseg_app.session.settings import Settings
from tests.classes import id_of, names_of

pytestmark = pytest.mark.gui

Masks = dict[str, np.ndarray]
COLORS = {"liver": (200, 40, 40), "Lésion n° 2": (40, 90, 210), "nowhere": (10, 200, 90)}
VOXELS = [form.key for form in io.EXPORT_FORMATS if form.content in ("labels", "masks", "segments", "dicom-seg")]


@pytest.fixture(scope="module")
def own_window(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MainWindow]:
    """One window for all tests here, as it takes seconds to open; it is not shown, so nothing has to be drawn."""
    session = Session(Engine(), tmp_path_factory.mktemp("models"), find_models=tuple)
    window = MainWindow(session, Settings(), None)
    window.ask_before_closing = False
    yield window
    window.close()


@pytest.fixture
def window(own_window: MainWindow) -> Iterator[MainWindow]:
    """The window with nothing open, and no class in its table."""
    yield own_window
    forget(own_window)


def forget(window: MainWindow) -> None:
    """As if it had been opened anew."""
    window.session.images.close()
    for name in window.session.state.classes.names:
        window.session.classes.remove(id_of(window.session, name))
    for dialog in window.findChildren(QDialog):
        dialog.close()
        dialog.setParent(None)


def drop(window: MainWindow, *paths: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    window.dropEvent(QDropEvent(QPointF(5, 5), copy, mime, left, Qt.KeyboardModifier.NoModifier))
    assert window.session.wait(20)


def asked(window: MainWindow) -> LabelsDialog:
    """The dialog that asks about labels."""
    dialog = window.findChild(LabelsDialog)
    assert dialog is not None
    return dialog


def cell(dialog: LabelsDialog, row: int, column: int = 1) -> QTableWidgetItem:
    """One of the fields of its table."""
    assert dialog.names is not None
    item = dialog.names.table.item(row, column)
    assert item is not None
    return item


def click(window: MainWindow, name: str) -> None:
    button = asked(window).findChild(QPushButton, name)
    assert button is not None
    button.click()
    assert window.session.wait(20)


def grid(flat: bool) -> Geometry:
    if flat:
        return Geometry.of_picture(12, 9)
    oblique = np.array([[0.0, 1.2, 0.0, 5], [-1.5, 0.0, 0, 7], [0.0, 0.0, 3.0, -9], [0, 0, 0, 1]])
    return Geometry((11, 9, 6), oblique)


def scan_file(tmp_path: Path, kind: str) -> Path:
    """An image's file: a NIfTI volume, a grey picture, or a folder of DICOM slices."""
    if kind == "dicom":
        return ct_series(tmp_path / "series")
    geometry = grid(kind == "picture")
    voxels = np.random.default_rng(1).integers(0, 200, (1, *geometry.shape)).astype(np.uint8)
    path = tmp_path / ("photo.png" if kind == "picture" else "scan.nii.gz")
    write_image(path, Image(voxels, geometry, "scan"))
    return path


def ct_series(folder: Path) -> Path:
    """Six slices, one file each."""
    folder.mkdir()
    uids = [generate_uid() for _ in range(3)]
    for k in range(6):
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, generate_uid()
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = uids
        data.Modality, data.PatientID, data.StudyDate, data.InstanceNumber = "CT", "1", "20260101", k + 1
        data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [5, 6, 3 * k]
        data.PixelSpacing, data.SliceThickness, data.Rows, data.Columns = [1, 1], 3, 9, 11
        data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 1
        data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
        data.PixelData = np.random.default_rng(k).integers(-900, 900, (9, 11)).astype(np.int16).tobytes()
        data.save_as(folder / f"{k}.dcm", enforce_file_format=True)
    return folder


def drawn(shape: tuple[int, int, int]) -> Masks:
    """Two classes that overlap, and one that is nowhere."""
    masks = {name: np.zeros(shape, bool) for name in COLORS}
    masks["liver"][2:8, 2:7] = True
    masks["Lésion n° 2"][6:10, 1:5, : max(1, shape[2] // 2)] = True
    return masks


def mark(session: Session, masks: Masks) -> None:
    for name, mask in masks.items():
        session.classes.add(name, COLORS[name])
        session.annotations.put(id_of(session, name), ChunkedAnnotation.of(mask, np.ones_like(mask)))


def export(window: MainWindow, key: str, folder: Path) -> Path:
    page = window.panel.export
    form = io.export_format(key)
    page.format.setCurrentIndex(page.format.findData(key))
    page.path.setText(str(form.named(folder, "scan")))
    page.write.click()
    assert window.session.wait(20)
    target = page.target()
    assert target is not None
    assert target.exists()
    return target


def kinds_of(key: str) -> list[str]:
    form = io.export_format(key)
    if form.needs_dicom:
        return ["dicom"]
    return [*(["volume"] if form.for_3d else []), *(["picture"] if form.for_2d else [])]


CASES = [(key, kind) for key in VOXELS for kind in kinds_of(key)]


@pytest.mark.parametrize(("key", "kind"), CASES)
def test_what_was_exported_opens_again_to_the_bit(window: MainWindow, tmp_path: Path, key: str, kind: str) -> None:
    source = scan_file(tmp_path, kind)
    drop(window, source)
    assert window.session.state.image is not None
    masks = drawn(window.session.state.image.geometry.shape)
    mark(window.session, masks)
    target, expected = export(window, key, tmp_path), fusing.labels(window.session.state).values
    forget(window)
    drop(window, source)
    drop(window, target)
    assert window.findChild(LabelsDialog) is None
    form = io.export_format(key)
    session = window.session
    left_out = {"nowhere"} if key == "dicom-seg" else set()  # the format holds no empty segment
    assert set(session.state.classes.names) == masks.keys() - left_out
    assert session.state.image is not None
    assert session.state.image.source == source
    assert np.array_equal(fusing.labels(session.state).values, expected)
    for name in session.state.classes.names:
        assert session.state.classes[name].color == COLORS[name]
        assert session.state.annotations[id_of(session, name)].supervised.all()
        if form.keeps_overlap:
            assert np.array_equal(fusing.mask(session.state, id_of(session, name)), masks[name])
    assert session.state.current_class == id_of(session, session.state.classes.names[0])
    assert not session.unsaved  # the file keeps them
    session.undo()
    assert not session.state.annotations
    assert session.state.classes.names == ()


@pytest.mark.parametrize("key", ["nifti", "nifti-masks", "seg-nrrd"])
def test_image_and_masks_dropped_together_come_in_the_right_order(window: MainWindow, tmp_path: Path, key: str) -> None:
    source = scan_file(tmp_path, "volume")
    drop(window, source)
    assert window.session.state.image is not None
    masks = drawn(window.session.state.image.geometry.shape)
    mark(window.session, masks)
    target = export(window, key, tmp_path)
    forget(window)
    beside = [path for path in tmp_path.glob("scan_*") if path != target]
    drop(window, target, *beside, source)
    assert window.session.state.image is not None
    assert window.session.state.image.source == source
    assert set(names_of(window.session, window.session.state.annotations)) == masks.keys()


def test_one_mask_of_a_folder_is_the_class_that_its_table_says(window: MainWindow, tmp_path: Path) -> None:
    source = scan_file(tmp_path, "volume")
    drop(window, source)
    assert window.session.state.image is not None
    masks = drawn(window.session.state.image.geometry.shape)
    mark(window.session, masks)
    folder = export(window, "nifti-masks", tmp_path)
    forget(window)
    drop(window, source)
    drop(window, folder / "liver.nii.gz")
    assert set(names_of(window.session, window.session.state.annotations)) == {"liver"}
    assert np.array_equal(fusing.mask(window.session.state, id_of(window.session, "liver")), masks["liver"])
    drop(window, folder / "classes.json")
    assert set(names_of(window.session, window.session.state.annotations)) == masks.keys()


def foreign_labels(path: Path, geometry: Geometry, values: np.ndarray) -> Path:
    nibabel.nifti1.Nifti1Image(values.astype(np.uint8), geometry.affine).to_filename(path)
    return path


def blocks(shape: tuple[int, int, int]) -> np.ndarray:
    values = np.zeros(shape, np.uint8)
    values[1:5, 1:6] = 3
    values[6:9, 2:7, :2] = 7
    return values


def test_labels_without_names_are_asked_about_and_named(window: MainWindow, tmp_path: Path) -> None:
    source, geometry = scan_file(tmp_path, "volume"), grid(False)
    labels = foreign_labels(tmp_path / "theirs.nii.gz", geometry, blocks(geometry.shape))
    drop(window, source)
    drop(window, labels)
    assert window.session.state.image is not None
    assert window.session.state.image.source == source  # it was not replaced by a grey picture of its labels
    dialog = asked(window)
    assert "looks like a label map on the voxels of scan" in dialog.told.text()
    assert [cell(dialog, row, 0).text() for row in range(2)] == ["3", "7"]
    for row, name in enumerate(("cord", "")):
        cell(dialog, row).setText(name)
    click(window, "use_labels")
    assert set(names_of(window.session, window.session.state.annotations)) == {"cord"}
    assert np.array_equal(fusing.mask(window.session.state, id_of(window.session, "cord")), blocks(geometry.shape) == 3)
    window._actions["undo"].trigger()
    assert not window.session.state.annotations


def test_nothing_is_used_without_a_name(window: MainWindow, tmp_path: Path) -> None:
    source, geometry = scan_file(tmp_path, "volume"), grid(False)
    drop(window, source)
    drop(window, foreign_labels(tmp_path / "theirs.nii.gz", geometry, blocks(geometry.shape)))
    dialog = asked(window)
    for row in range(2):
        cell(dialog, row).setText(" ")
    use = dialog.findChild(QPushButton, "use_labels")
    assert use is not None
    assert not use.isEnabled()
    assert use.toolTip() == "Name at least one label"


def test_numbered_objects_become_one_class(window: MainWindow, tmp_path: Path) -> None:
    source, geometry = scan_file(tmp_path, "volume"), grid(False)
    drop(window, source)
    drop(window, foreign_labels(tmp_path / "objects.nii.gz", geometry, blocks(geometry.shape)))
    dialog = asked(window)
    cell(dialog, 0).setText("nucleus")
    assert dialog.names is not None
    dialog.names.as_one.setChecked(True)
    click(window, "use_labels")
    assert window.session.state.classes.names == ("nucleus",)
    assert np.array_equal(
        fusing.mask(window.session.state, id_of(window.session, "nucleus")), blocks(geometry.shape) > 0
    )


def test_what_looks_like_labels_can_be_opened_as_an_image(window: MainWindow, tmp_path: Path) -> None:
    source, geometry = scan_file(tmp_path, "volume"), grid(False)
    labels = foreign_labels(tmp_path / "theirs.nii.gz", geometry, blocks(geometry.shape))
    drop(window, source)
    drop(window, labels)
    click(window, "labels_as_image")
    assert window.session.state.image is not None
    assert window.session.state.image.source == labels


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("shape", "it has 11 × 9 × 5 voxels, the image 11 × 9 × 6"),
        ("spacing", "its voxels measure 1.5 × 1.2 × 6 mm, the image's 1.5 × 1.2 × 3 mm"),
        ("place", "it lies 40 mm beside the image"),
        ("direction", "it is turned by 10° against the image"),
    ],
)
def test_another_grid_is_told_of_by_how_it_differs(window: MainWindow, tmp_path: Path, change: str, said: str) -> None:
    source, shape, affine = scan_file(tmp_path, "volume"), list(grid(False).shape), grid(False).affine.copy()
    if change == "shape":
        shape[2] = 5
    if change == "spacing":
        affine[:3, 2] *= 2
    if change == "place":
        affine[0, 3] += 40
    if change == "direction":
        turn, middle = np.eye(4), (affine @ [5, 4, 2.5, 1])[:3]
        turn[:2, :2] = [[np.cos(np.pi / 18), -np.sin(np.pi / 18)], [np.sin(np.pi / 18), np.cos(np.pi / 18)]]
        turn[:3, 3] = middle - turn[:3, :3] @ middle
        affine = turn @ affine
    geometry = Geometry((shape[0], shape[1], shape[2]), affine)
    drop(window, source)
    drop(window, foreign_labels(tmp_path / "theirs.nii.gz", geometry, blocks(geometry.shape)))
    dialog = asked(window)
    assert dialog.told.text() == f"theirs.nii.gz looks like a label map, but not on the voxels of scan: {said}."
    assert not window.session.state.annotations


def test_labels_alone_ask_for_their_image(window: MainWindow, tmp_path: Path) -> None:
    source = scan_file(tmp_path, "volume")
    drop(window, source)
    assert window.session.state.image is not None
    masks = drawn(window.session.state.image.geometry.shape)
    mark(window.session, masks)
    target, expected = export(window, "nifti", tmp_path), fusing.labels(window.session.state).values
    forget(window)
    drop(window, target)
    dialog = asked(window)
    assert "no image is open" in dialog.told.text()
    assert window.session.state.image is None
    click(window, "choose_image")
    chooser = window.findChild(QFileDialog)
    assert chooser is not None
    chooser.fileSelected.emit(str(source))
    assert window.session.wait(20)
    chooser.close()
    assert window.session.state.image is not None
    assert window.session.state.image.source == source
    assert np.array_equal(fusing.labels(window.session.state).values, expected)


def test_labels_alone_can_be_looked_at(window: MainWindow, tmp_path: Path) -> None:
    source = scan_file(tmp_path, "volume")
    drop(window, source)
    assert window.session.state.image is not None
    mark(window.session, drawn(window.session.state.image.geometry.shape))
    target, expected = (
        export(window, "seg-nrrd", tmp_path),
        fusing.mask(window.session.state, id_of(window.session, "liver")),
    )
    forget(window)
    drop(window, target)
    click(window, "labels_alone")
    assert window.session.state.image is not None
    assert set(names_of(window.session, window.session.state.annotations)) == set(COLORS)
    assert np.array_equal(fusing.mask(window.session.state, id_of(window.session, "liver")), expected)


def test_an_indexed_picture_without_a_table_is_asked_about(window: MainWindow, tmp_path: Path) -> None:
    source = scan_file(tmp_path, "picture")
    values = blocks((12, 9, 1))[:, :, 0]
    labels = Pillow.fromarray(values.T.copy(), mode="P")
    labels.putpalette([0, 0, 0, 9, 9, 9] * 4)
    labels.save(tmp_path / "theirs.png")
    drop(window, source)
    drop(window, tmp_path / "theirs.png")
    click(window, "use_labels")
    assert set(names_of(window.session, window.session.state.annotations)) == {"class 3", "class 7"}


def test_a_scan_over_a_scan_is_an_image(window: MainWindow, tmp_path: Path) -> None:
    source = scan_file(tmp_path, "volume")
    other = tmp_path / "follow_up.nii.gz"
    shutil.copy(source, other)
    drop(window, source)
    drop(window, other)
    assert window.findChild(LabelsDialog) is None
    assert window.session.state.image is not None
    assert window.session.state.image.source == other


def test_names_come_from_the_data_set_that_the_labels_are_of(window: MainWindow, tmp_path: Path) -> None:
    source, geometry = scan_file(tmp_path, "volume"), grid(False)
    (tmp_path / "labelsTr").mkdir()
    (tmp_path / "dataset.json").write_text('{"labels": {"0": "background", "3": "spleen", "7": "aorta"}}')
    labels = foreign_labels(tmp_path / "labelsTr" / "scan.nii.gz", geometry, blocks(geometry.shape))
    drop(window, source)
    drop(window, labels)
    assert window.findChild(LabelsDialog) is None
    assert set(names_of(window.session, window.session.state.annotations)) == {"spleen", "aorta"}


@pytest.mark.parametrize("part_first", [True, False])
def test_a_part_lies_on_its_whole_whatever_the_order_of_rows(
    window: MainWindow, tmp_path: Path, part_first: bool
) -> None:
    source, geometry = scan_file(tmp_path, "volume"), grid(False)
    whole, part = ClassEntry(3, "liver", (200, 0, 0)), ClassEntry(7, "cyst", (0, 0, 200), part_of="liver")
    table = ClassTable((part, whole) if part_first else (whole, part))
    labels = LabelMap(blocks(geometry.shape), geometry, table)
    io.write_label_map(tmp_path / "theirs.nii.gz", labels)
    drop(window, source)
    drop(window, tmp_path / "theirs.nii.gz")
    assert np.array_equal(
        fusing.mask(window.session.state, id_of(window.session, "liver")), labels.values > 0
    )  # the cyst is in the liver
    assert np.array_equal(fusing.mask(window.session.state, id_of(window.session, "cyst")), labels.values == 7)
    assert np.array_equal(fusing.labels(window.session.state).values, labels.values)


# The last one: the window keeps the model.
def test_a_class_of_the_model_is_that_class_whatever_its_capitals(
    window: MainWindow, tmp_path: Path, stage: Any
) -> None:
    source, geometry = scan_file(tmp_path, "volume"), grid(False)
    window.session.models.open(stage.model_file)
    drop(window, source)
    labels = foreign_labels(tmp_path / "theirs.nii.gz", geometry, blocks(geometry.shape))
    drop(window, labels)
    dialog = asked(window)
    cell(dialog, 0).setText("Spleen")
    cell(dialog, 1).setText("lesion")
    click(window, "use_labels")
    assert window.session.state.classes.names == ("liver", "spleen", "kidney", "lesion")
    assert set(names_of(window.session, window.session.state.annotations)) == {"spleen", "lesion"}
    colors = [entry.color for entry in window.session.state.classes]
    assert len(set(colors)) == len(colors)
