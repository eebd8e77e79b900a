"""The battery finds what it is for: a window with planted faults, one a control."""

import logging
import random
import time
from dataclasses import dataclass

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import qWarning
from qtpy.QtWidgets import QComboBox, QDialog, QMainWindow, QPushButton, QVBoxLayout, QWidget

from condseg_app.errors import CondsegError
from condseg_app.qt.problem import ProblemDialog, RecentLog
from tests.window.controls import pump
from tests.window.explorer import Explorer
from tests.window.watch import LONGEST_STILL, Watch


@dataclass(eq=False)
class OneState:
    """A window whose state nothing changes."""

    window: QMainWindow
    pages: range = range(1)

    def show_page(self, page: int) -> None:
        assert page == 0

    def holds(self) -> bool:
        return self.window.isVisible()

    def set_up(self) -> None:
        self.window.show()

    def renew(self) -> None:
        self.window.show()

    def untold(self) -> list[str]:
        return []


def planted(fault: str, window: QMainWindow) -> None:
    if fault == "an error":
        raise ZeroDivisionError("planted")
    if fault == "a line in the log":
        logging.getLogger("condseg_app.planted").error("planted")
    elif fault == "a still window":
        time.sleep(2.3)
    elif fault == "a warning of Qt":
        qWarning("planted")
    else:
        ProblemDialog(CondsegError("something went wrong in the window (planted)"), RecentLog(), window).show()


FAULTS = ("an error", "a line in the log", "a still window", "a warning of Qt", "the dialog of a problem")


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    made.setObjectName("planted_window")
    page = QWidget()
    made.setCentralWidget(page)
    QVBoxLayout(page)
    qtbot.addWidget(made)
    return made


def used(window: QMainWindow) -> tuple[list[str], set[str]]:
    window.show()
    with Watch() as watch:
        explorer = Explorer(OneState(window), watch, random.Random(1), 10)
        explorer.use_all(lambda names: names)
    return watch.faults, explorer.used


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_button_is_found(window: QMainWindow, fault: str) -> None:
    button = QPushButton(fault, window.centralWidget())
    button.setObjectName("faulty")
    button.clicked.connect(lambda: planted(fault, window))
    faults, _ = used(window)
    assert [text for text in faults if "faulty [click]" in text]


def test_a_fault_is_found_in_a_dialog_that_runs_its_own_loop(window: QMainWindow) -> None:
    def ask() -> None:
        dialog = QDialog(window)
        dialog.setObjectName("asks")
        more = QPushButton("more", dialog)
        more.setObjectName("more")
        more.clicked.connect(lambda: planted("an error", window))
        dialog.exec()

    button = QPushButton("ask", window.centralWidget())
    button.setObjectName("ask")
    button.clicked.connect(ask)
    faults, _ = used(window)
    assert [text for text in faults if "> asks/more [click]" in text]


def test_what_is_hidden_or_disabled_is_not_used_and_entries_are(window: QMainWindow) -> None:
    hidden, disabled = QPushButton("hidden", window.centralWidget()), QPushButton("disabled", window.centralWidget())
    box = QComboBox(window.centralWidget())
    box.addItems(["one", "two"])
    box.setObjectName("box")
    chosen: list[str] = []
    box.textActivated.connect(chosen.append)
    for button in (hidden, disabled):
        button.setObjectName(button.text())
        button.clicked.connect(lambda: planted("an error", window))
    hidden.hide()
    disabled.setEnabled(False)
    faults, names = used(window)
    assert faults == []
    assert not [name for name in names if "/hidden" in name or "/disabled" in name]
    assert {"one", "two"} <= {*chosen}


def test_setting_up_is_not_taken_for_a_still_window(window: QMainWindow) -> None:
    with Watch() as watch:
        with watch.rest():
            time.sleep(LONGEST_STILL + 0.3)
            pump(300)
        pump(300)
    assert watch.faults == []
