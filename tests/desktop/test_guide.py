from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QLabel

from condseg_app.desktop import guide as guide_module
from condseg_app.desktop.guide import guide
from condseg_app.desktop.tour import run_tour
from condseg_app.desktop.window import MainWindow
from condseg_app.session.settings import Settings

pytestmark = [pytest.mark.gui, pytest.mark.timeout(200)]


@pytest.fixture
def window(stage: Any, qtbot: QtBot) -> MainWindow:
    made = MainWindow(stage.session, Settings(), None, lambda: stage.model_files)
    made.ask_before_closing = False
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


def test_the_guide_says_each_step_and_leaves_no_model(
    window: MainWindow, stage: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(guide_module, "_READ_SECONDS", 0.05)
    real_say = guide_module._say

    def say(shown_in: MainWindow, caption: QLabel, text: str) -> None:
        real_say(shown_in, caption, text)
        assert caption.isVisible()
        said.append(text)

    monkeypatch.setattr(guide_module, "_say", say)
    guide(window)
    assert stage.failures == []
    assert len(said) == 11
    assert "my class" in stage.session.annotations
    assert not list((tmp_path / "models").glob("*.safetensors"))
    window.close()


def test_a_tour_of_a_closed_window_ends(window: MainWindow, stage: Any, tmp_path: Path) -> None:
    window.session.prediction_changed.connect(lambda *_: window.hide())
    report = run_tour(window, None, None, tmp_path / "out")
    assert report.problem == "the window was closed"
    assert report.lines[0].startswith("opened abdomen")
    window.close()
