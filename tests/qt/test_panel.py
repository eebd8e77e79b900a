from typing import Any

import numpy as np
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QWidget

from condseg_app.data import Image
from condseg_app.errors import ReadError
from condseg_app.qt import Panel
from condseg_app.qt.model_card import card_html
from condseg_app.qt.model_choice import ranked
from condseg_app.qt.problem import ProblemDialog
from condseg_app.qt.text_dialog import TextDialog
from condseg_app.viewer import LayerBinding
from condseg_app.viewer.keys import KEYS


def test_the_image_line_tells_name_spacing_and_dimension(panel: Panel) -> None:
    assert panel.header.image.name.full_text() == "scan"
    assert panel.header.image.facts.text() == "1.0 × 2.0 × 3.0 mm  3D"
    assert "LAS" in panel.header.image.toolTip()
    panel.session.close_image()
    assert panel.header.image.name.full_text() == "none open"


def test_a_model_that_fits_is_chosen(
    qtbot: QtBot, stage: Any, empty_panel: Panel, photo: Image, flat_model: Any
) -> None:
    from condseg_app.io import ModelFile, read_model_description

    flat = ModelFile("flat", flat_model, read_model_description(flat_model))
    files = (*stage.model_files, flat)
    empty_panel.header.model._models = lambda: files
    empty_panel.header.model._look()
    empty_panel.session.set_image(photo)
    assert empty_panel.session.model is not None
    assert empty_panel.session.model.name == "flat"
    box = empty_panel.header.model.box
    assert [box.itemText(row) for row in range(2)] == ["flat", "abdomen (does not fit)"]
    assert box.currentText() == "flat"
    assert [reason is None for _, reason in ranked(files, photo)] == [True, False]
    assert stage.failures == []


def test_the_card_tells_classes_and_licence(panel: Panel) -> None:
    panel.header.model.card.click()
    card = panel.findChild(TextDialog, "model_card")
    assert card is not None
    text = card.text.toPlainText()
    assert "liver" in text
    assert "CC0-1.0" in text
    assert panel.session.model is not None
    assert "not recorded" in card_html(panel.session.model, None)


def test_an_error_is_one_sentence_that_stops_nothing(qtbot: QtBot, panel: Panel, tmp_path: Any) -> None:
    panel.session.open_image(tmp_path / "nowhere.nii.gz")
    assert panel.session.wait(10)
    dialog = panel.findChild(ProblemDialog)
    assert dialog is not None
    assert not dialog.isModal()
    assert "Traceback" not in dialog.text() + dialog.informativeText()
    assert dialog.text().endswith(".")
    assert dialog.text().startswith("nowhere.nii.gz: ")
    assert "nowhere.nii.gz" in dialog.informativeText()
    assert dialog.detailedText()
    assert panel.session.image is not None
    panel.show_problem(ReadError("is empty; download it again"))
    qtbot.waitUntil(lambda: len(panel.findChildren(ProblemDialog)) == 1)


def test_a_notice_stands_in_the_job_line(panel: Panel) -> None:
    panel.session.notice.emit("Nothing of it is marked.")
    assert panel.job.notice.full_text() == "Nothing of it is marked."


def test_the_job_line_shows_and_cancels(qtbot: QtBot, panel: Panel) -> None:
    panel.session.add_class("lesion")
    panel.session.choose_class("lesion")
    panel.binding.begin_painting("lesion")
    draft = panel.binding.annotation.draft
    assert draft is not None
    draft.write((slice(2, 3),) * 3, np.full((1, 1, 1), draft.value, np.uint8))
    panel.binding.collect()
    panel.session.teach("lesion", 100_000)
    qtbot.waitUntil(lambda: panel.job.bar.fraction > 0, timeout=10_000)
    assert panel.job.currentIndex() == 1
    assert "Step" in panel.job.what.full_text()
    assert panel.job.left.text()
    qtbot.mouseClick(panel.job.stop, Qt.MouseButton.LeftButton)
    assert panel.session.job is None
    assert panel.job.currentIndex() == 0


def test_escape_cancels(qtbot: QtBot, panel: Panel) -> None:
    panel.session.predict(["liver"])
    assert panel.session.job is not None
    qtbot.keyClick(panel, Qt.Key.Key_Escape)
    assert panel.session.job is None


def test_keys_act_in_the_viewer_and_are_given_back(panel: Panel) -> None:
    viewer = panel.binding.viewer
    bound = {str(key): do for key, do in viewer.keymap.items()}
    assert {key.sequence.replace("-", "+") for key in KEYS} <= {key.replace("-", "+") for key in bound}
    press = {key.action: bound[key.shown if key.shown in bound else key.sequence] for key in KEYS}
    press["next_class"](viewer)
    assert panel.session.current_class == "liver"
    press["previous_class"](viewer)
    assert panel.session.current_class == "kidney"
    press["hide"](viewer)
    assert panel.session.hidden == {"kidney"}
    press["complete_slice"](viewer)
    assert panel.session.annotations["kidney"].state == "absent"
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
    panel = Panel(LayerBinding(stage.session, ViewerModel()), lambda: stage.model_files)
    panel.show()
    panel.shut()
    panel.deleteLater()
    del panel
    qtbot.wait(100)
    stage.session.set_image(scan)
    stage.session.choose_class("liver")
    stage.predict_all()
    assert stage.failures == []
