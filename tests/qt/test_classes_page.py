from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QMessageBox, QPushButton

from condseg_app.data import ChunkedAnnotation, Image
from condseg_app.qt import Panel
from condseg_app.qt.class_dialog import ClassDialog
from condseg_app.qt.class_model import Column
from tests.classes import id_of, ids_of


def click(qtbot: QtBot, panel: Panel, name: str, column: Column = Column.NAME) -> None:
    table = panel.classes.table
    index = table.filter.mapFromSource(table.classes.index(table.classes.row_of(id_of(panel.session, name)), column))
    assert index.isValid()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(index).center())


def listed(panel: Panel) -> list[str]:
    rows = panel.classes.table.filter
    return [rows.index(row, Column.NAME).data() for row in range(rows.rowCount())]


def text(panel: Panel, name: str, column: Column) -> str:
    model = panel.classes.table.classes
    return str(model.index(model.row_of(id_of(panel.session, name)), column).data())


def test_a_click_on_a_class_predicts_it(qtbot: QtBot, panel: Panel, scan: Image) -> None:
    assert text(panel, "liver", Column.SIZE) == ""
    click(qtbot, panel, "liver")
    assert panel.session.state.current_class == id_of(panel.session, "liver")
    qtbot.waitUntil(lambda: panel.session.state.state_of(id_of(panel.session, "liver")) == "complete", timeout=10_000)
    millilitres = np.count_nonzero(scan.voxels() == 1) * 6 / 1000
    assert text(panel, "liver", Column.SIZE) == f"{millilitres:.2f} ml"
    assert panel.session.state.state_of(id_of(panel.session, "spleen")) == "not asked"


def test_a_click_on_the_eye_only_hides(qtbot: QtBot, panel: Panel) -> None:
    click(qtbot, panel, "spleen", Column.SHOWN)
    assert panel.session.state.hidden == set(ids_of(panel.session, {"spleen"}))
    assert panel.session.state.current_class is None
    assert panel.session.jobs.current is None
    click(qtbot, panel, "spleen", Column.SHOWN)
    assert panel.session.state.hidden == set(ids_of(panel.session, frozenset()))


def test_the_filter_and_the_presets_list_less(qtbot: QtBot, panel: Panel) -> None:
    qtbot.keyClicks(panel.classes.search, "LE")
    assert listed(panel) == ["spleen"]
    panel.classes.search.clear()
    panel.session.classes.set_hidden(id_of(panel.session, "liver"), True)
    panel.classes.preset.setCurrentText("shown")
    assert listed(panel) == ["spleen", "kidney"]
    qtbot.mouseClick(panel.classes.predict_all, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.session.state.state_of(id_of(panel.session, "kidney")) == "complete", timeout=10_000)
    assert panel.session.state.state_of(id_of(panel.session, "liver")) == "not asked"


def test_disabled_buttons_say_why(empty_panel: Panel, scan: Image) -> None:
    page = empty_panel.classes
    for button in (page.predict, page.predict_all, page.correct_button, page.teach):
        assert not button.isEnabled()
        assert button.toolTip() == "Open an image first"
    empty_panel.session.images.show(scan)
    assert page.predict_all.isEnabled()
    assert page.predict.toolTip() == "Choose a class in the table first"
    empty_panel.session.classes.add("lesion")
    empty_panel.session.classes.choose(id_of(empty_panel.session, "lesion"))
    assert not page.predict.isEnabled()
    assert "does not know lesion yet" in page.predict.toolTip()


def test_the_slider_moves_the_threshold_of_the_class_in_hand(qtbot: QtBot, panel: Panel) -> None:
    slider = panel.classes.threshold
    assert not slider.isEnabled()
    click(qtbot, panel, "liver")
    slider.setValue(0.25)
    assert panel.session.state.threshold(id_of(panel.session, "liver")) == pytest.approx(0.25)
    panel.session.classes.choose(id_of(panel.session, "spleen"))
    assert slider.value() == pytest.approx(0.5)
    panel.session.classes.choose(id_of(panel.session, "liver"))
    assert slider.value() == pytest.approx(0.25)


def test_correct_takes_up_the_brush_and_puts_it_down(qtbot: QtBot, panel: Panel) -> None:
    click(qtbot, panel, "liver")
    button = panel.classes.correct_button
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert panel.binding.annotation.class_id == id_of(panel.session, "liver")
    assert button.text() == "Done"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert panel.binding.annotation.class_id is None
    assert button.text() == "Correct"


def test_a_class_is_added_by_name(qtbot: QtBot, panel: Panel) -> None:
    qtbot.mouseClick(panel.classes.add, Qt.MouseButton.LeftButton)
    dialog = panel.findChild(ClassDialog)
    assert dialog is not None
    ok = dialog.findChild(QPushButton, "class_ok")
    assert ok is not None
    assert not ok.isEnabled()
    qtbot.keyClicks(dialog.name, "Liver")
    assert dialog.reason.text() == "'Liver' is taken; choose another name."
    assert "border" in dialog.name.styleSheet()
    assert not ok.isEnabled()
    dialog.name.clear()
    qtbot.keyClicks(dialog.name, "lesion")
    assert dialog.reason.text() == ""
    assert dialog.numbers.text() == "Value 4, code -0.5"
    qtbot.mouseClick(ok, Qt.MouseButton.LeftButton)
    assert panel.session.state.current_class == id_of(panel.session, "lesion")
    assert listed(panel) == ["liver", "spleen", "kidney", "lesion"]


def test_the_menu_does_everything_else(qtbot: QtBot, panel: Panel, stage: Any) -> None:
    table = panel.classes.table
    stage.predict_all()
    actions = {action.objectName(): action for action in table.menu_for(id_of(panel.session, "spleen")).actions()}
    assert not actions["clear"].isEnabled()
    actions["only"].trigger()
    assert panel.session.state.hidden == set(ids_of(panel.session, {"liver", "kidney"}))
    assert {a.objectName(): a.text() for a in table.menu_for(id_of(panel.session, "spleen")).actions()}[
        "only"
    ] == "Show all"
    actions["teach"].trigger()
    assert panel.page == "teach"
    actions["export"].trigger()
    assert panel.page == "export"
    assert panel.export.classes.chosen().names == ("spleen",)
    actions["rename"].trigger()
    dialog = panel.findChildren(ClassDialog)[-1]
    dialog.name.setText("milt")
    dialog.accept()
    assert "milt" in panel.session.state.classes


def test_removing_says_that_marks_of_other_images_go_as_well(panel: Panel, scan: Image) -> None:
    ones = np.ones(scan.geometry.shape, bool)
    panel.session.annotations.put(id_of(panel.session, "kidney"), ChunkedAnnotation.of(ones, ones))
    panel.session.images.show(replace(scan, name="another"))
    panel.classes.table.remove(id_of(panel.session, "kidney"))
    box = panel.findChild(QMessageBox, "remove_dialog")
    assert box is not None
    assert "on this image and on 1 other" in box.informativeText()
    box.reject()


def test_removing_asks_first(qtbot: QtBot, panel: Panel) -> None:
    panel.classes.table.remove(id_of(panel.session, "kidney"))
    box = panel.findChild(QMessageBox, "remove_dialog")
    assert box is not None
    assert "kidney" in panel.session.state.classes
    yes = next(button for button in box.buttons() if button.text() == "Remove")
    qtbot.mouseClick(yes, Qt.MouseButton.LeftButton)
    assert "kidney" not in panel.session.state.classes
    panel.session.undo()
    assert "kidney" in panel.session.state.classes


def test_keys_in_the_table(qtbot: QtBot, panel: Panel) -> None:
    table = panel.classes.table
    click(qtbot, panel, "liver")
    qtbot.keyClick(table, Qt.Key.Key_Down)
    assert panel.session.state.current_class == id_of(panel.session, "spleen")
    qtbot.keyClick(table, Qt.Key.Key_Space)
    assert panel.session.state.hidden == set(ids_of(panel.session, {"spleen"}))
    qtbot.keyClick(table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: panel.session.state.state_of(id_of(panel.session, "spleen")) == "complete", timeout=10_000)


def test_a_class_put_down_and_taken_up_again_is_marked_in_the_table(panel: Panel) -> None:
    table = panel.classes.table
    liver = id_of(panel.session, "liver")
    for chosen in (liver, None, liver):
        panel.session.classes.choose(chosen)
        marked = [table.class_at(index) for index in table.selectionModel().selectedRows(2)]
        assert marked == ([] if chosen is None else [chosen])


def test_a_click_beside_the_rows_does_nothing(qtbot: QtBot, panel: Panel) -> None:
    viewport = panel.classes.table.viewport()
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=QPoint(10, viewport.height() - 5))
    assert panel.session.state.current_class is None
