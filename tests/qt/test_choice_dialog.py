"""Choosing one image of several, by keyboard and mouse."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication

from condseg_app.io.choices import ChoiceNeeded
from condseg_app.qt.choice_dialog import ChoiceDialog, ask_at_once

FRAMES = ChoiceNeeded("frame", [(n, f"frame {n + 1} of 3") for n in range(3)], Path("film.nii.gz"))
SERIES = ChoiceNeeded("series", [("1.2.3", "CT, 120 slices"), ("1.2.4", "MR, 30 slices")], Path("study"))


@pytest.fixture
def dialog(qtbot: QtBot) -> ChoiceDialog:
    made = ChoiceDialog(FRAMES)
    qtbot.addWidget(made)
    made.open()
    qtbot.waitExposed(made)
    return made


def test_it_says_what_there_is(dialog: ChoiceDialog, qtbot: QtBot) -> None:
    assert dialog.told.text() == "film.nii.gz holds 3 frames. Which one is to be opened?"
    assert [dialog.list.item(row).text() for row in range(3)] == ["frame 1 of 3", "frame 2 of 3", "frame 3 of 3"]
    study = ChoiceDialog(SERIES)
    qtbot.addWidget(study)
    assert study.told.text() == "study holds 2 series. Which one is to be opened?"
    assert study.list.item(1).toolTip() == "1.2.4"


def test_arrows_and_enter_choose(dialog: ChoiceDialog, qtbot: QtBot) -> None:
    qtbot.waitUntil(dialog.list.hasFocus)
    qtbot.keyClick(dialog.list, Qt.Key.Key_Down)
    chosen: list[object] = []
    dialog.chosen.connect(chosen.append)
    qtbot.keyClick(dialog.list, Qt.Key.Key_Return)
    assert chosen == [1]
    assert not dialog.isVisible()


def test_a_double_click_chooses(dialog: ChoiceDialog, qtbot: QtBot) -> None:
    chosen: list[object] = []
    dialog.chosen.connect(chosen.append)
    place = dialog.list.visualItemRect(dialog.list.item(2)).center()
    qtbot.mouseClick(dialog.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen == []
    qtbot.mouseDClick(dialog.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen == [2]


def test_escape_chooses_nothing(dialog: ChoiceDialog, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(dialog.chosen), qtbot.waitSignal(dialog.rejected):
        qtbot.keyClick(dialog.list, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


@pytest.mark.parametrize(("button", "value"), [("ok", "1.2.3"), ("cancel", None)])
def test_a_host_may_wait_for_the_answer(qtbot: QtBot, button: str, value: str | None) -> None:
    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, ChoiceDialog):
            QTimer.singleShot(20, answer)
        elif button == "ok":
            dialog.accept()
        else:
            dialog.reject()

    answer()
    assert ask_at_once(SERIES) == value
