from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QMimeData, QPointF, Qt
from qtpy.QtGui import QDropEvent

from condseg_app.io import read_registry
from condseg_app.qt import Panel
from tests.classes import id_of, ids_of, names_of

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(panel: Panel, stage: Any) -> Any:
    stage.predict_all()
    panel.show_page("export")
    return panel.export


def choose_rule(page: Any, row: int) -> None:
    page.overlap.rule.setCurrentIndex(row)
    page.overlap.rule.activated.emit(row)


def test_the_order_is_shown_where_it_decides(page: Any, stage: Any) -> None:
    order = page.overlap.order
    assert not order.isVisible()
    assert "most probable" in page.overlap.hint.text()
    choose_rule(page, 1)
    assert order.isVisible()
    assert names_of(stage.session, order.classes()) == ["liver", "spleen", "kidney"]
    assert stage.session.state.in_priority == tuple(ids_of(stage.session, ("liver", "spleen", "kidney")))
    choose_rule(page, 0)
    assert not order.isVisible()
    assert stage.session.state.in_priority is None


def test_keys_and_buttons_move_a_class(qtbot: QtBot, page: Any, stage: Any) -> None:
    choose_rule(page, 1)
    order, rows = page.overlap.order, page.overlap.order.rows
    assert not order.up.isEnabled()
    assert order.up.toolTip() == "Choose a class in the list first"
    rows.setCurrentRow(2)
    qtbot.keyClick(rows, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert stage.session.state.in_priority == tuple(ids_of(stage.session, ("liver", "kidney", "spleen")))
    assert rows.currentItem().text() == "kidney"
    qtbot.mouseClick(order.up, LEFT)
    assert stage.session.state.in_priority == tuple(ids_of(stage.session, ("kidney", "liver", "spleen")))
    assert order.up.toolTip() == "It is the first already"
    assert not order.up.isEnabled()
    qtbot.mouseClick(order.down, LEFT)
    qtbot.keyClick(rows, Qt.Key.Key_Up)
    assert rows.currentRow() == 0, "without Alt the cursor moves"
    assert stage.session.state.in_priority == tuple(ids_of(stage.session, ("liver", "kidney", "spleen")))


def test_a_row_is_dragged(qtbot: QtBot, page: Any, stage: Any) -> None:
    """As Qt does it: the drop moves the row, and then the session hears of it."""
    choose_rule(page, 1)
    rows = page.overlap.order.rows
    rows.setCurrentRow(0)
    data: QMimeData = rows.mimeData([rows.item(0)])
    under = rows.visualItemRect(rows.item(2)).bottomLeft()
    event = QDropEvent(
        QPointF(under.x() + 5, under.y() - 1), Qt.DropAction.MoveAction, data, LEFT, Qt.KeyboardModifier.NoModifier
    )
    moved = rows.model().moveRows(rows.rootIndex(), 0, 1, rows.rootIndex(), 3)  # what a drop from the list itself does
    rows.dropEvent(event)
    assert moved
    qtbot.waitUntil(
        lambda: stage.session.state.in_priority == tuple(ids_of(stage.session, ("spleen", "kidney", "liver"))),
        timeout=2000,
    )
    assert names_of(stage.session, page.overlap.order.classes()) == ["spleen", "kidney", "liver"]


def test_a_format_that_keeps_overlaps_has_nothing_to_choose(page: Any) -> None:
    choose_rule(page, 1)
    page.format.setCurrentIndex(page.format.findData("coco"))
    assert not page.overlap.rule.isVisible()
    assert not page.overlap.order.isVisible()
    assert "keeps overlaps" in page.overlap.hint.text()
    page.format.setCurrentIndex(page.format.findData("nifti"))
    assert page.overlap.rule.isVisible()
    assert page.overlap.order.isVisible()


def test_a_new_name_and_colour_reach_the_order(page: Any, stage: Any) -> None:
    choose_rule(page, 1)
    page.overlap.order.rows.setCurrentRow(1)
    stage.session.classes.rename(id_of(stage.session, "spleen"), "Milz")
    assert names_of(stage.session, page.overlap.order.classes()) == ["liver", "Milz", "kidney"]


def test_what_is_written_names_the_order(qtbot: QtBot, page: Any, stage: Any, tmp_path: Path) -> None:
    choose_rule(page, 1)
    page.overlap.order.rows.setCurrentRow(1)
    qtbot.mouseClick(page.overlap.order.up, LEFT)
    page.path.setText(str(tmp_path / "scan.nii.gz"))
    qtbot.mouseClick(page.write, LEFT)
    qtbot.waitUntil(lambda: page.said.text().startswith("Written"), timeout=10_000)
    assert stage.failures == []
    assert read_registry(tmp_path / "scan.json").priority == ("spleen", "liver", "kidney")


def test_conflicts_are_switched_on_and_off(qtbot: QtBot, page: Any, panel: Panel, stage: Any) -> None:
    box = page.overlap.conflicts
    qtbot.mouseClick(box, LEFT)
    assert panel.binding.results.conflicts.layer is not None
    panel.binding.viewer.layers.remove(panel.binding.results.conflicts.layer)
    assert not box.isChecked()
    stage.session.classes.show_conflicts(True)
    assert box.isChecked()
    stage.session.images.close()
    assert not box.isEnabled()
