import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest

from condseg_app.data import ChunkedAnnotation, Image
from condseg_app.desktop import guide as guide_module
from condseg_app.desktop.guide import Caption, guide
from condseg_app.desktop.tour import Tour
from condseg_app.desktop.tour_steps import TourSteps
from condseg_app.desktop.window import MainWindow
from condseg_app.qt.class_dialog import ClassDialog
from condseg_app.session.settings import Settings
from tests.classes import id_of

pytestmark = [pytest.mark.gui, pytest.mark.timeout(200)]


@pytest.fixture
def window(stage: Any, qtbot: QtBot) -> MainWindow:
    made = MainWindow(stage.session, Settings(), None)
    made.ask_before_closing = False
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    return made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tour's captions so far, at a quicker pace."""
    texts: list[str] = []
    real_say = Caption.say

    def say(caption: Caption, text: str) -> None:
        real_say(caption, text)
        assert caption.isVisible()
        assert caption.stop.isVisible()
        texts.append(text)

    monkeypatch.setattr(guide_module, "_READ_SECONDS", 0.05)
    monkeypatch.setattr(Caption, "say", say)
    return texts


def nothing_is_left(window: MainWindow, tmp_path: Path, steps: int) -> None:
    session, page = window.session, window.panel.export
    assert session.jobs.current is None
    assert session.state.lesson_result is None
    assert not session.unsaved
    assert "my class" not in session.state.classes
    assert not list((tmp_path / "models").glob("*.safetensors"))
    assert "condseg_tour" not in page.path.text()
    assert "condseg_tour" not in page.said.text()
    assert "condseg_tour" not in window.settings.model_dump_json()
    assert window.settings.recent == []
    assert window.panel.teach.steps.value() == steps
    assert window.findChildren(ClassDialog) == [] or not any(d.isVisible() for d in window.findChildren(ClassDialog))
    assert window.canvas.model.dims.ndisplay == 2
    assert window.findChild(Caption) is None


def test_the_guide_says_each_step_and_leaves_nothing_behind(
    window: MainWindow, stage: Any, tmp_path: Path, said: list[str]
) -> None:
    steps = window.panel.teach.steps.value()
    guide(window)
    assert stage.failures == []
    assert len(said) == 11
    assert stage.tools.lessons, "it has taught"
    nothing_is_left(window, tmp_path, steps)
    window.close()


@pytest.mark.parametrize("at", [1, 4, 6, 7, 8, 10])
def test_it_can_be_stopped_at_each_step(
    window: MainWindow, stage: Any, tmp_path: Path, said: list[str], at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, say = window.panel.teach.steps.value(), Caption.say

    def say_and_stop(caption: Caption, text: str) -> None:
        say(caption, text)
        if len(said) == at:
            press_stop(window, caption, by_key=at % 2 == 0)

    monkeypatch.setattr(Caption, "say", say_and_stop)
    guide(window)
    assert len(said) == at
    assert stage.notices[-1] == "The tour was stopped."
    assert stage.failures == []
    nothing_is_left(window, tmp_path, steps)
    window.close()


def press_stop(window: MainWindow, caption: Caption, *, by_key: bool) -> None:
    if by_key:
        QTest.keyClick(window, Qt.Key.Key_Escape)
    else:
        QTest.mouseClick(caption.stop, Qt.MouseButton.LeftButton)


def test_it_can_be_stopped_while_a_step_waits(
    window: MainWindow, stage: Any, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the engine does not answer."""
    asked, never = threading.Event(), threading.Event()

    def answer_late(*_: Any) -> Any:
        asked.set()
        never.wait(60)

    monkeypatch.setattr(stage.tools, "predictor", answer_late)
    look = QTimer(window)
    look.timeout.connect(lambda: QTest.keyClick(window, Qt.Key.Key_Escape) if asked.is_set() else None)
    look.start(50)
    guide(window)
    look.stop()
    never.set()
    assert len(said) <= 2
    assert stage.notices[-1] == "The tour was stopped."
    window.close()


def test_what_was_open_is_open_again_with_its_marks(
    window: MainWindow, stage: Any, scan: Image, said: list[str]
) -> None:
    session = window.session
    session.images.show(scan)
    ones = np.ones(scan.geometry.shape, bool)
    session.classes.add("my class")
    session.annotations.put(id_of(session, "my class"), ChunkedAnnotation.of(ones, ones))
    guide(window)
    assert len(said) == 11
    assert session.state.image is scan
    assert session.state.annotations[id_of(session, id_of(session, "my class"))].state == "present"
    assert "my class 2" not in session.state.classes
    assert session.state.model_path == stage.model_file
    window.close()


def test_it_waits_for_a_lesson_under_way(window: MainWindow, stage: Any, scan: Image, said: list[str]) -> None:
    session = window.session
    session.images.show(scan)
    ones = np.ones(scan.geometry.shape, bool)
    session.annotations.put(id_of(session, "liver"), ChunkedAnnotation.of(ones, ones))
    session.lessons.start(id_of(session, id_of(session, "liver")), 100_000)
    guide(window)
    assert said == []
    assert session.state.is_teaching
    assert "once the lesson" in stage.notices[-1]
    window.close()


def test_a_tour_of_a_closed_window_ends(window: MainWindow, stage: Any, tmp_path: Path) -> None:
    window.session.predictions.changed.connect(lambda *_: window.hide())
    tour = Tour(window, tmp_path / "out")
    report = tour.take(TourSteps(tour).all())
    assert report.problem == "the window was closed"
    assert report.lines[0].startswith("opened abdomen")
    window.close()
