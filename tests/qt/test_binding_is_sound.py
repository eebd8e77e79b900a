"""The Qt binding itself: one that loses references ends the program after minutes of drawing."""

import sys

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QLabel

pytestmark = pytest.mark.gui


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is immortal from Python 3.12 on")
def test_calls_that_return_nothing_keep_none_alive(qtbot: QtBot) -> None:
    label = QLabel("text")
    qtbot.addWidget(label)
    label.setText("warm")
    before = sys.getrefcount(None)
    for _ in range(500):
        label.setText("text")
    assert sys.getrefcount(None) > before - 100
