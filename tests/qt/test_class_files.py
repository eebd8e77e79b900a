from pathlib import Path
from typing import Any

from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QFileDialog, QMenu, QMessageBox

from condseg_app.io.models.class_file import read_class
from condseg_app.qt import Panel
from condseg_app.qt.problem import ProblemDialog
from tests.classes import id_of


def entry(menu: QMenu, name: str) -> QAction:
    """An entry of a menu."""
    found = menu.findChild(QAction, name)
    assert found is not None
    return found


def answer(panel: Panel, path: Path) -> None:
    """Choose a file in the dialog that is open."""
    dialog = panel.findChildren(QFileDialog, "class_file_dialog")[-1]
    dialog.fileSelected.emit(str(path))
    dialog.close()
    assert panel.session.wait(20)


def test_a_class_goes_out_and_comes_in_by_the_menu(qtbot: QtBot, panel: Panel, stage: Any, tmp_path: Path) -> None:
    table, file = panel.classes.table, tmp_path / "liver.class.safetensors"
    entry(table.menu_for(id_of(panel.session, "liver")), "export_class").trigger()
    dialog = panel.findChild(QFileDialog, "class_file_dialog")
    assert dialog is not None
    assert [Path(path).name for path in dialog.selectedFiles()] == ["liver.class.safetensors"]
    answer(panel, file)
    assert read_class(file).entry.name == "liver"
    entry(table.menu_for(id_of(panel.session, "liver")), "remove_class").trigger()
    box = panel.findChild(QMessageBox, "remove_class_dialog")
    assert box is not None
    assert "no longer knows liver" in box.informativeText()
    assert "choose it again to undo" in box.informativeText()
    qtbot.mouseClick(next(b for b in box.buttons() if b.text() == "Remove"), Qt.MouseButton.LeftButton)
    assert panel.session.wait(20)
    assert list(panel.session.state.classes.names) == ["spleen", "kidney"]
    entry(table.menu_beside(), "import_class").trigger()
    answer(panel, file)
    assert list(panel.session.state.classes.names) == ["spleen", "kidney", "liver"]
    assert panel.header.model.box.currentText() == "abdomen-liver+liver"
    assert stage.failures == []


def test_the_menu_offers_only_what_can_be_done(panel: Panel) -> None:
    panel.session.classes.add("lesion")
    menu = panel.classes.table.menu_for(id_of(panel.session, "lesion"))
    assert not entry(menu, "export_class").isEnabled()
    assert not entry(menu, "remove_class").isEnabled()
    assert entry(menu, "import_class").isEnabled()


def test_a_file_that_holds_no_class_is_refused_in_a_sentence(panel: Panel, tmp_path: Path) -> None:
    (tmp_path / "wrong.class.safetensors").write_bytes(b"nonsense")
    entry(panel.classes.table.menu_for(id_of(panel.session, "liver")), "import_class").trigger()
    answer(panel, tmp_path / "wrong.class.safetensors")
    dialog = panel.findChild(ProblemDialog)
    assert dialog is not None
    assert "not a class's file" in dialog.text()
