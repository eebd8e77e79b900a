import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QMessageBox, QPushButton, QWidget

from condseg_app.data import Fingerprint, Geometry, Image
from condseg_app.errors import ReadError
from condseg_app.io import ModelFile, read_label_map, read_model, read_model_description, write_model
from condseg_app.qt import Panel
from condseg_app.qt.class_dialog import ClassDialog
from condseg_app.qt.model_card import card_html
from condseg_app.qt.problem import ProblemDialog
from condseg_app.qt.text_dialog import TextDialog
from condseg_app.session import Session
from condseg_app.viewer import LayerBinding
from condseg_app.viewer.keys import KEYS
from tests.classes import id_of, ids_of


def test_a_narrow_panel_shows_the_image_s_name_rather_than_its_spacing(panel: Panel, scan: Image) -> None:
    line = panel.header.image
    panel.session.images.show(replace(scan, name="abdomen of somebody"))
    panel.resize(600, 760)
    QApplication.processEvents()
    assert line.facts.text().endswith("mm  3D")
    panel.resize(288, 760)
    QApplication.processEvents()
    assert line.facts.text() == "3D"
    assert line.name.text() == "abdomen of somebody"


def test_a_sentence_is_read_whole_in_a_narrow_panel(panel: Panel) -> None:
    panel.resize(320, 760)
    said = "The lesson was stopped; nothing was saved, and the model is as it was."
    panel.session.notice.emit(said)
    QApplication.processEvents()
    assert panel.job.notice.text() == said
    height = panel.job.notice.heightForWidth(panel.job.notice.width())
    assert height <= panel.job.notice.height()


def test_the_image_line_tells_name_spacing_and_dimension(panel: Panel) -> None:
    assert panel.header.image.name.full_text() == "scan"
    assert panel.header.image.facts.text() == "1.0 × 2.0 × 3.0 mm  3D"
    assert "LAS" in panel.header.image.toolTip()
    panel.session.images.close()
    assert panel.header.image.name.full_text() == "none open"


def know(panel: Panel, *files: ModelFile) -> None:
    panel.session.models.advice._find = lambda: files
    panel.session.models.advice.look()


def model_file(path: Path, **training: object) -> ModelFile:
    """A model as if it had been trained on images of that kind."""
    model = replace(read_model(path), name=path.stem, training=training)
    write_model(path, model)
    return ModelFile(path.stem, path, read_model_description(path))


def fingerprint(generated: bool = False, size: float = 12.0) -> dict[str, object]:
    sides = ((size / 2, size),) * 3
    return Fingerprint("mm", ((1.0, 1.0), (2.0, 2.0), (3.0, 3.0)), sides, (0.0, 3.0), generated).plain()


def test_a_model_that_suits_is_proposed_and_used_by_a_click(
    qtbot: QtBot, stage: Any, empty_panel: Panel, photo: Image, flat_model: Path
) -> None:
    flat = ModelFile("flat", flat_model, read_model_description(flat_model))
    know(empty_panel, *stage.model_files, flat)
    session, strip = empty_panel.session, empty_panel.header.advice
    session.images.show(photo)
    assert session.wait(10)
    assert session.state.model_path == stage.model_file  # nothing was opened behind anybody's back
    assert "is for volumes, 'photo' is a 2D image" in strip.text.text()
    box = empty_panel.header.model.box
    assert [box.itemText(row) for row in range(2)] == ["flat", "abdomen (does not fit)"]
    assert strip.use.text() == "Use flat"
    qtbot.mouseClick(strip.use, Qt.MouseButton.LeftButton)
    assert session.state.model is not None
    assert session.state.model.name == "flat"
    assert box.currentText() == "flat"
    assert not strip.isVisible()
    assert stage.failures == []


def test_an_image_unlike_the_training_is_told_of(stage: Any, empty_panel: Panel, scan: Image, tmp_path: Path) -> None:
    shutil.copy(stage.model_file, tmp_path / "organ.safetensors")
    organ = model_file(tmp_path / "organ.safetensors", fingerprint=fingerprint(size=1000.0))
    know(empty_panel, organ)
    empty_panel.session.models.open(organ.path)
    empty_panel.session.images.show(scan)
    assert empty_panel.session.wait(10)
    strip = empty_panel.header.advice
    assert strip.isVisible()
    assert strip.text.text() == (
        "This image is unlike those the model was trained on: "
        "size 7 × 12 × 15 mm, trained on 500–1000 × 500–1000 × 500–1000 mm."
    )
    assert not strip.use.isVisible()


@pytest.mark.parametrize(
    ("spacing", "low", "said"),
    [
        ((3.0, 3.0, 3.0), 0, "spacing 3.0 mm, trained on 1.0 × 2.0 × 3.0 mm"),
        ((1.0, 2.0, 3.0), -1000, "intensities -"),
    ],
)
def test_spacing_and_intensities_are_compared_with_the_training(
    stage: Any, empty_panel: Panel, tmp_path: Path, spacing: tuple[float, ...], low: int, said: str
) -> None:
    shutil.copy(stage.model_file, tmp_path / "organ.safetensors")
    know(empty_panel, model_file(tmp_path / "organ.safetensors", fingerprint=fingerprint(size=20.0)))
    empty_panel.session.models.open(tmp_path / "organ.safetensors")
    voxels = np.random.default_rng(0).integers(low, 4, (1, 7, 6, 5)).astype(np.int16)
    empty_panel.session.images.show(Image(voxels, Geometry.with_spacing((7, 6, 5), spacing), "scan"))
    assert empty_panel.session.wait(10)
    assert said in empty_panel.header.advice.text.text()


def test_models_of_generated_images_are_proposed_for_such_only(
    stage: Any, empty_panel: Panel, scan: Image, tmp_path: Path
) -> None:
    shutil.copy(stage.model_file, tmp_path / "phantom.safetensors")
    know(empty_panel, model_file(tmp_path / "phantom.safetensors", fingerprint=fingerprint(generated=True, size=20.0)))
    session = empty_panel.session
    session.images.show(scan)
    assert session.wait(10)
    assert [judged.suits for judged in session.models.advice.ranked if judged.file.name == "phantom"] == [False]
    (tmp_path / "made" / "imagesTr").mkdir(parents=True)
    (tmp_path / "made" / "dataset.json").write_text('{"reference": "CondSeg"}')
    session.images.show(replace(scan, source=tmp_path / "made" / "imagesTr" / "scan.nii.gz"))
    assert session.wait(10)
    assert [judged.suits for judged in session.models.advice.ranked if judged.file.name == "phantom"] == [True]
    session.images.show(scan)
    session.models.open(tmp_path / "phantom.safetensors")
    assert session.wait(10)
    assert "they were generated, it is real" in empty_panel.header.advice.text.text()


def test_where_no_model_suits_the_panel_says_what_can_be_done(
    qtbot: QtBot, stage: Any, photo: Image, tmp_path: Path
) -> None:
    session = Session(stage.tools, tmp_path / "models", find_models=lambda: stage.model_files)
    panel = Panel(LayerBinding(session, ViewerModel()))
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitExposed(panel)
    session.images.show(photo)
    assert session.wait(10)
    text = panel.header.advice.text.text()
    assert text.startswith(
        "No model at hand suits this image: annotate classes by hand and export them, or train a model"
    )
    assert panel.findChild(ProblemDialog) is None
    session.classes.add("cell")
    session.classes.choose(id_of(session, "cell"))
    for button in panel.findChildren(QPushButton):
        if button.isVisible() and not button.isEnabled():
            assert button.toolTip(), f"'{button.text()}' is disabled without a reason"
    panel.classes.correct_button.click()
    draft = panel.binding.annotation.draft
    assert draft is not None
    draft.write((slice(2, 5), slice(2, 5), slice(0, 1)), np.full((3, 3, 1), draft.value, np.uint8))
    panel.classes.correct_button.click()
    panel.show_page("export")
    panel.export.path.setText(str(tmp_path / "cells.png"))
    qtbot.mouseClick(panel.export.write, Qt.MouseButton.LeftButton)
    assert session.wait(20)
    assert read_label_map(tmp_path / "cells.png").counts() == {"cell": 9}
    panel.shut()
    session.close()


def test_the_card_says_what_its_page_says_warnings_and_figures_first(panel: Panel, stage: Any) -> None:
    page = "# abdomen\n\nOrgans.\n\n## Data\n\nTen scans.\n\n## Figures\n\nDice 0.9\n\n## Limits\n\nAdults only.\n"
    stage.model_file.with_suffix(".md").write_text(page)
    panel.header.model.card.click()
    card = panel.findChild(TextDialog, "model_card")
    assert card is not None
    text = card.text.toPlainText()
    places = [text.index(said) for said in ("Organs.", "Adults only.", "Dice 0.9", "liver", "Ten scans.")]
    assert places == sorted(places)
    assert "CC0-1.0" in text
    assert panel.session.state.model is not None
    without = card_html(panel.session.state.model, None)
    assert "not recorded" in without
    assert "No card came with this model" in without


def test_an_error_is_one_sentence_that_stops_nothing(qtbot: QtBot, panel: Panel, tmp_path: Any) -> None:
    panel.session.images.open(tmp_path / "nowhere.nii.gz")
    assert panel.session.wait(10)
    dialog = panel.findChild(ProblemDialog)
    assert dialog is not None
    assert not dialog.isModal()
    assert "Traceback" not in dialog.text() + dialog.informativeText()
    assert dialog.text().endswith(".")
    assert dialog.text().startswith("nowhere.nii.gz: ")
    assert "nowhere.nii.gz" in dialog.informativeText()
    assert dialog.detailedText()
    assert panel.session.state.image is not None
    panel.show_problem(ReadError("is empty; download it again"))
    qtbot.waitUntil(lambda: len(panel.findChildren(ProblemDialog)) == 1)


def test_a_notice_stands_in_the_job_line(panel: Panel) -> None:
    panel.session.notice.emit("Nothing of it is marked.")
    assert panel.job.notice.full_text() == "Nothing of it is marked."


def test_the_job_line_shows_and_cancels(qtbot: QtBot, panel: Panel) -> None:
    panel.session.classes.add("lesion")
    panel.session.classes.choose(id_of(panel.session, "lesion"))
    panel.binding.begin_painting(id_of(panel.binding.session, "lesion"))
    draft = panel.binding.annotation.draft
    assert draft is not None
    draft.write((slice(2, 3),) * 3, np.full((1, 1, 1), draft.value, np.uint8))
    panel.binding.painting.collect()
    panel.session.lessons.start(id_of(panel.session, "lesion"), 100_000)
    qtbot.waitUntil(lambda: panel.session.unsaved.lesson is not None, timeout=10_000)  # a step is done
    assert panel.job.currentIndex() == 1
    qtbot.waitUntil(lambda: "Step" in panel.job.what.full_text(), timeout=10_000)
    assert panel.job.what.width() > 0.7 * panel.job.width(), "room for the text"
    assert panel.job.left.text()
    qtbot.mouseClick(panel.job.stop, Qt.MouseButton.LeftButton)
    (question,) = panel.findChildren(QMessageBox, "lesson_question")
    qtbot.mouseClick(next(b for b in question.buttons() if "Forget" in b.text()), Qt.MouseButton.LeftButton)
    assert panel.session.jobs.current is None
    assert panel.job.currentIndex() == 0


def test_escape_cancels(qtbot: QtBot, panel: Panel) -> None:
    panel.session.predictions.start(ids_of(panel.session, ["liver"]))
    assert panel.session.jobs.current is not None
    qtbot.keyClick(panel, Qt.Key.Key_Escape)
    assert panel.session.jobs.current is None


def test_keys_act_in_the_viewer_and_are_given_back(panel: Panel) -> None:
    viewer = panel.binding.viewer
    bound = {str(key): do for key, do in viewer.keymap.items()}
    assert {key.sequence.replace("-", "+") for key in KEYS} <= {key.replace("-", "+") for key in bound}
    press = {key.action: bound[key.shown if key.shown in bound else key.sequence] for key in KEYS}
    press["next_class"](viewer)
    assert panel.session.state.current_class == id_of(panel.session, "liver")
    press["previous_class"](viewer)
    assert panel.session.state.current_class == id_of(panel.session, "kidney")
    press["hide"](viewer)
    assert panel.session.state.hidden == set(ids_of(panel.session, {"kidney"}))
    press["complete_slice"](viewer)
    assert panel.session.state.annotations[id_of(panel.session, "kidney")].state == "absent"
    panel.shut()
    assert not viewer.keymap


def test_none_of_napari_s_keys_is_taken() -> None:
    from napari.settings import get_settings

    napari = get_settings().shortcuts.shortcuts
    in_labels_or_viewer = {
        str(key).replace("-", "+")
        for action, keys in napari.items()
        if not any(
            word in action for word in ("points", "shapes", "polygon", "shape", "select", "vertex", "direct", "line")
        )
        for key in keys
    }
    assert not in_labels_or_viewer & {key.shown for key in KEYS}


def test_the_panel_fits_320_pixels(qtbot: QtBot, panel: Panel) -> None:
    panel.resize(320, 700)
    for page in range(3):
        panel.pages.setCurrentIndex(page)
        qtbot.wait(20)
        assert panel.width() == 320
        shown = panel.pages.currentWidget()
        assert shown is not None
        too_wide = [
            child.objectName() or type(child).__name__
            for child in shown.findChildren(QWidget)
            if child.isVisible() and child.mapTo(panel, child.rect().topRight()).x() > 320
        ]
        assert too_wide == []


def test_what_tests_and_readers_of_screens_need_has_a_name(panel: Panel) -> None:
    nameless = [
        button.text()
        for button in panel.findChildren(QPushButton)
        if not (button.objectName() or button.text() or button.accessibleName())
    ]
    assert nameless == []


def test_the_session_outlives_the_panel(qtbot: QtBot, stage: Any, scan: Image) -> None:
    panel = Panel(LayerBinding(stage.session, ViewerModel()))
    panel.show()
    panel.shut()
    panel.deleteLater()
    del panel
    qtbot.wait(100)
    stage.session.images.show(scan)
    stage.session.classes.choose(id_of(stage.session, "liver"))
    stage.predict_all()
    assert stage.failures == []


def test_the_dialog_for_a_class_keeps_no_room_for_a_reason_that_there_is_not(qtbot: QtBot, panel: Panel) -> None:
    panel.classes.add_class()
    dialog = panel.findChild(ClassDialog)
    assert dialog is not None
    qtbot.waitExposed(dialog)
    assert not dialog.reason.isVisible()
    gap = dialog.color.geometry().top() - dialog.name.geometry().bottom()
    assert gap < dialog.name.height()
    qtbot.keyClicks(dialog.name, "liver")
    assert dialog.reason.isVisible()
    assert "taken" in dialog.reason.text()
    dialog.close()
