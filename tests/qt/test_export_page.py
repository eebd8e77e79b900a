import csv
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

from condseg_app.data import ChunkedAnnotation, ClassTable, Image, Pick
from condseg_app.io import EXPORT_FORMATS, export_files, read_image, read_label_map, read_model, write_model
from condseg_app.io.data_sets.generated import SAMPLE_IMAGES
from condseg_app.io.exports.provenance import read_registry
from condseg_app.io.image_files import write_image
from condseg_app.qt import Panel
from condseg_app.qt.export_plan import suggested
from condseg_app.qt.text import counted
from condseg_app.session import fusing
from tests.classes import id_of

LEFT = Qt.MouseButton.LeftButton


def test_nothing_to_export_is_said(empty_panel: Panel, scan: Image) -> None:
    page = empty_panel.export
    assert page.write.toolTip() == "Open an image first"
    empty_panel.session.images.show(scan)
    assert page.write.toolTip() == "Nothing to export yet: predict or annotate a class first"


# DICOM SEG is for images that were opened from DICOM.
VOLUMES = [form for form in EXPORT_FORMATS if form.for_3d and form.key != "dicom-seg"]


@pytest.mark.parametrize("form", VOLUMES, ids=lambda f: f.key)
def test_exactly_the_files_that_were_listed_are_written(
    qtbot: QtBot, panel: Panel, stage: Any, tmp_path: Path, form: Any
) -> None:
    stage.predict_all()
    page = panel.export
    page.format.setCurrentIndex(page.format.findData(form.key))
    folder = tmp_path / "out"
    folder.mkdir()
    target = folder if form.one_file_a_class else folder / f"scan{form.suffix}"
    page.path.setText(str(target))
    page.classes.list.item(1).setCheckState(Qt.CheckState.Unchecked)
    names = [path.name for path in export_files(form, target, panel.session.state.classes.keeping(["liver", "kidney"]))]
    assert page.classes.chosen().names == (
        "liver",
        "kidney",
    )
    assert all(name in page.files.text() for name in names)
    qtbot.mouseClick(page.write, LEFT)
    qtbot.waitUntil(lambda: page.said.text().startswith("Written"), timeout=10_000)
    assert stage.failures == []
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    assert page.show_folder.isVisibleTo(page)
    assert f"Written: {counted(len(names), 'file')} in " in page.said.text()
    assert f"Replaces {len(names)} that exist" in page.files.text()


def test_what_was_exported_opens_again_as_it_was(qtbot: QtBot, panel: Panel, stage: Any, tmp_path: Path) -> None:
    stage.predict_all()
    page = panel.export
    page.path.setText(str(tmp_path / "scan.nii.gz"))
    qtbot.mouseClick(page.write, LEFT)
    qtbot.waitUntil(lambda: page.said.text().startswith("Written"), timeout=10_000)
    image = panel.session.state.image
    assert image is not None
    labels = read_label_map(tmp_path / "scan.nii.gz", image)
    assert np.array_equal(labels.values, image.voxels()[0])
    assert labels.classes.names == ("liver", "spleen", "kidney")


def test_a_long_export_is_seen_and_can_be_cancelled(
    qtbot: QtBot, panel: Panel, stage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.predict_all()
    page, gate, mask = panel.export, Event(), fusing.mask

    def held(*args: Any) -> NDArray[np.bool_]:
        assert gate.wait(10)
        return mask(*args)

    monkeypatch.setattr(fusing, "mask", held)
    page.format.setCurrentIndex(page.format.findData("nifti-masks"))
    page.path.setText(str(tmp_path / "masks"))
    assert not page.stop.isVisibleTo(page)
    qtbot.mouseClick(page.write, LEFT)
    qtbot.waitUntil(lambda: page.said.text() == "Writing: liver", timeout=10_000)
    assert page.bar.isVisibleTo(page)
    assert (page.write.isEnabled(), page.write.toolTip()) == (False, "One export is being written")
    assert "border" not in page.path.styleSheet()
    qtbot.mouseClick(page.stop, LEFT)
    assert page.write.isEnabled()
    assert not page.bar.isVisibleTo(page)
    assert page.said.text() == ""
    gate.set()
    assert stage.session.wait(10)
    assert stage.failures == []
    assert [path for path in tmp_path.rglob("*") if "masks" in path.parts and path.is_file()] == []
    assert page.said.text() == ""


def test_progress_and_strokes_do_not_look_at_the_files_again(
    panel: Panel, stage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.predict_all()
    session, looks = panel.session, list[object]()
    panel.export.path.setText(str(tmp_path / "scan.nii.gz"))

    def counted_files(*arguments: Any) -> Any:
        looks.append(arguments)
        return export_files(*arguments)

    monkeypatch.setattr("condseg_app.qt.export_page.export_files", counted_files)
    ones = np.ones(session.state.opened_image().geometry.shape, bool)
    for _ in range(3):
        session.exports.changed.emit()
        session.annotations.put(id_of(session, "liver"), ChunkedAnnotation.of(ones, ones))
    assert looks == []
    panel.export.path.setText(str(tmp_path / "other.nii.gz"))
    assert len(looks) == 1


@pytest.fixture
def half(stage: Any, panel: Panel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Two of five windows of all classes are predicted; the others come once it is set."""
    gate, real = Event(), stage.tools.predictor

    def held(*arguments: Any) -> Any:
        predictor = real(*arguments)
        segment, calls = predictor.segment, count()

        def wait(window: int, classes: Any) -> Any:
            if next(calls) >= 2:
                gate.wait(20)
            return segment(window, classes)

        predictor.segment = wait
        return predictor

    monkeypatch.setattr(stage.tools, "predictor", held)
    panel.session.predictions.start()
    # Computed, and taken in as well: until then there is nothing to export.
    qtbot.waitUntil(
        lambda: panel.session.state.parts.get(id_of(panel.session, "liver")) == 0.4 and panel.export.write.isEnabled(),
        timeout=10_000,
    )
    yield gate
    gate.set()


def question(panel: Panel) -> QMessageBox:
    (box,) = [box for box in panel.findChildren(QMessageBox, "partial_export") if box.isVisible()]
    return box


def press(qtbot: QtBot, box: QMessageBox, text: str) -> None:
    (button,) = [button for button in box.buttons() if button.text() == text]
    qtbot.mouseClick(button, LEFT)


def export_to(panel: Panel, qtbot: QtBot, target: Path, key: str) -> None:
    page = panel.export
    page.format.setCurrentIndex(page.format.findData(key))
    page.path.setText(str(target))
    qtbot.mouseClick(page.write, LEFT)


@pytest.mark.parametrize("key", ["nifti", "statistics"])
def test_an_export_while_predicting_can_wait(qtbot: QtBot, panel: Panel, half: Event, tmp_path: Path, key: str) -> None:
    name = "scan.nii.gz" if key == "nifti" else "scan.csv"
    export_to(panel, qtbot, tmp_path / name, key)
    box = question(panel)
    assert box.text() == "Prediction is not complete: 3 classes are 40 % done."
    job = panel.session.jobs.current
    press(qtbot, box, "Wait and export")
    assert panel.session.jobs.current is job, "it need not begin anew"
    page = panel.export
    assert page.said.text().startswith("Waiting for the prediction: 3 classes are 40 % done")
    assert (page.write.isEnabled(), page.stop.isVisibleTo(page)) == (False, True)
    assert not (tmp_path / name).exists()
    half.set()
    qtbot.waitUntil(lambda: page.said.text().startswith("Written"), timeout=10_000)
    assert read_registry(tmp_path / "scan.json").incomplete == ()
    if key == "nifti":
        image = panel.session.state.image
        assert image is not None
        assert np.array_equal(read_label_map(tmp_path / name, image).values, image.voxels()[0])


def test_waiting_can_be_cancelled_and_ends_with_the_prediction(
    qtbot: QtBot, panel: Panel, stage: Any, half: Event, tmp_path: Path
) -> None:
    page = panel.export
    export_to(panel, qtbot, tmp_path / "scan.nii.gz", "nifti")
    press(qtbot, question(panel), "Wait and export")
    qtbot.mouseClick(page.stop, LEFT)
    assert page.write.isEnabled()
    assert page.said.text() == ""
    qtbot.mouseClick(page.write, LEFT)
    press(qtbot, question(panel), "Wait and export")
    panel.session.jobs.cancel()
    qtbot.waitUntil(lambda: any("Nothing was exported" in said for said in stage.notices), timeout=10_000)
    assert page.write.isEnabled()
    half.set()
    assert stage.session.wait(10)
    assert not (tmp_path / "scan.nii.gz").exists()


def test_what_was_left_half_predicted_is_asked_about_as_well(
    qtbot: QtBot, panel: Panel, stage: Any, half: Event, tmp_path: Path
) -> None:
    panel.session.jobs.cancel()
    half.set()
    assert stage.session.wait(10)
    export_to(panel, qtbot, tmp_path / "scan.nii.gz", "nifti")
    press(qtbot, question(panel), "Wait and export")
    qtbot.waitUntil(lambda: panel.export.said.text().startswith("Written"), timeout=10_000)
    assert read_registry(tmp_path / "scan.json").incomplete == ()


def test_another_image_is_not_exported_in_place_of_the_one_waited_for(
    qtbot: QtBot, panel: Panel, stage: Any, half: Event, scan: Image, tmp_path: Path
) -> None:
    export_to(panel, qtbot, tmp_path / "scan.nii.gz", "nifti")
    press(qtbot, question(panel), "Wait and export")
    panel.session.images.show(replace(scan, name="another"))
    half.set()
    stage.predict_all()
    qtbot.wait(50)
    assert not (tmp_path / "scan.nii.gz").exists()


def test_the_question_of_an_image_goes_with_the_image(
    qtbot: QtBot, panel: Panel, half: Event, scan: Image, tmp_path: Path
) -> None:
    export_to(panel, qtbot, tmp_path / "scan.nii.gz", "nifti")
    box = question(panel)
    panel.session.images.show(replace(scan, name="another"))
    qtbot.waitUntil(lambda: box not in panel.window().findChildren(QMessageBox), timeout=10_000)


@pytest.mark.parametrize("form", VOLUMES, ids=lambda f: f.key)
def test_a_partial_export_says_so_in_its_record(
    qtbot: QtBot, panel: Panel, stage: Any, half: Event, tmp_path: Path, form: Any
) -> None:
    target = form.named(tmp_path, "scan")
    export_to(panel, qtbot, target, form.key)
    press(qtbot, question(panel), "Export as it is")
    qtbot.waitUntil(lambda: panel.export.said.text().startswith("Written"), timeout=10_000)
    texts = [file for file in tmp_path.rglob("*.json") if "condseg-classes" in file.read_text(encoding="utf-8")]
    if form.key == "cvat":
        with zipfile.ZipFile(target) as archive:
            (inside,) = [name for name in archive.namelist() if name.endswith(".json")]
            texts = [Path(archive.extract(inside, tmp_path))]
    (record,) = texts
    assert read_registry(record).incomplete == ("liver", "spleen", "kidney")
    if form.key == "statistics":
        with target.open(encoding="utf-8", newline="") as file:
            assert {row["in part"] for row in csv.DictReader(file)} == {"True"}


def test_every_image_proposes_a_folder_of_its_own(
    qtbot: QtBot, panel: Panel, stage: Any, scan: Image, tmp_path: Path
) -> None:
    """Not that of the image before; an image that was exported before proposes where that went."""
    page, first, second = panel.export, tmp_path / "first", tmp_path / "second"
    for folder in (first, second, tmp_path / "out"):
        folder.mkdir()
    panel.session.images.show(replace(scan, source=first / "one.nii.gz", name="one"))
    assert Path(page.path.text()).parent == first
    stage.predict_all()
    export_to(panel, qtbot, tmp_path / "out" / "one.nii.gz", "nifti")
    qtbot.waitUntil(lambda: page.said.text().startswith("Written"), timeout=10_000)
    panel.session.images.show(replace(scan, source=second / "two.nii.gz", name="two"))
    assert Path(page.path.text()) == second / "two_labels.nii.gz"
    panel.session.images.show(replace(scan, source=first / "one.nii.gz", name="one"))
    assert Path(page.path.text()).parent == tmp_path / "out"
    shutil.rmtree(tmp_path / "out")
    panel.session.images.close()
    panel.session.images.show(replace(scan, source=first / "one.nii.gz", name="one"))
    assert Path(page.path.text()).parent == first, "a folder that is gone is proposed"


def test_masks_of_another_format_are_not_proposed_inside_of_the_masks_before(
    qtbot: QtBot, panel: Panel, stage: Any, tmp_path: Path
) -> None:
    stage.predict_all()
    export_to(panel, qtbot, tmp_path / "scan_masks", "nifti-masks")
    page = panel.export
    qtbot.waitUntil(lambda: page.said.text().startswith("Written"), timeout=10_000)
    page.format.setCurrentIndex(page.format.findData("nifti"))
    assert Path(page.path.text()).parent == tmp_path


def test_frames_of_one_file_have_masks_of_different_names(empty_panel: Panel, film: Path) -> None:
    names = []
    for frame in (0, 1):
        empty_panel.session.images.show(read_image(film, Pick(frame=frame)))
        names.append(Path(empty_panel.export.path.text()).name)
    assert names == ["film_frame1_labels.nii.gz", "film_frame2_labels.nii.gz"]


def test_a_wrong_name_turns_red(panel: Panel, stage: Any) -> None:
    stage.predict_all()
    page = panel.export
    page.path.setText("/somewhere/scan.png")
    assert not page.write.isEnabled()
    assert page.write.toolTip() == "The name has to end in .nii.gz"
    assert "border" in page.path.styleSheet()
    page.path.setText("/no/such/folder/scan.nii.gz")
    assert page.write.toolTip() == "There is no folder /no/such/folder"
    for row in range(page.format.count()):  # whatever the format: typing a name asks no writer for it
        page.format.setCurrentIndex(row)
        page.path.setText("a 1")
        form = page.chosen_format()
        assert form is not None
        assert page.write.isEnabled() == form.one_file_a_class
    page.format.setCurrentIndex(0)
    page.classes.none.click()
    assert page.write.toolTip() == "Tick at least one class"
    page.classes.every.click()
    assert len(page.classes.chosen()) == 3


def test_a_name_can_be_typed_letter_by_letter(qtbot: QtBot, panel: Panel, stage: Any, tmp_path: Path) -> None:
    stage.predict_all()
    page = panel.export
    for key in ("nifti", "nifti-masks", "seg-nrrd", "statistics"):
        page.format.setCurrentIndex(page.format.findData(key))
        page.path.clear()
        with qtbot.captureExceptions() as raised:
            qtbot.keyClicks(page.path, str(tmp_path / "scan.seg.nrrd.csv.nii.gz"))
        assert raised == []


def test_a_picture_is_offered_picture_formats_first(empty_panel: Panel, photo: Image) -> None:
    empty_panel.session.images.show(photo)
    form = empty_panel.export.chosen_format()
    assert form is not None
    assert form.key == "png"


def test_another_image_with_other_classes_leaves_no_ticks_behind(
    panel: Panel, stage: Any, photo: Image, flat_model: Path, tmp_path: Path
) -> None:
    """Image and classes change at once; the page must not ask for classes that are gone."""
    stage.predict_all()
    assert panel.export.classes.chosen().names == (
        "liver",
        "spleen",
        "kidney",
    )
    write_image(tmp_path / "photo.png", photo)
    model = read_model(flat_model)
    write_model(flat_model, replace(model, classes=ClassTable.from_names(["sky", "road", "tree"])))
    stage.session.images.open(tmp_path / "photo.png", flat_model)
    assert stage.session.wait(20)
    assert stage.failures == []
    assert panel.export.classes.chosen().names == ()
    stage.predict_all()
    assert panel.export.classes.chosen().names == (
        "sky",
        "road",
        "tree",
    )


def test_masks_of_a_sample_opened_by_a_relative_path_are_not_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SAMPLE_IMAGES)
    image = read_image(Path("street.png"))
    form = next(form for form in EXPORT_FORMATS if form.is_for(image))
    assert Path.home() in suggested(image, form, None).parents
