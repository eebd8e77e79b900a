"""Where to compute: what is asked, tested and taken, with a real engine at the other end."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from condseg_app.qt import Panel
from condseg_app.qt.engine_dialog import EngineDialog, ask_where_to_compute
from condseg_app.remote import Endpoint
from condseg_app.remote.certificate import make_certificate, write_certificate
from condseg_app.session.settings import Settings, load_settings, save_settings

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An engine that runs elsewhere, though not far away."""
    certificate = tmp_path_factory.mktemp("engine") / "engine.pem"
    command = [sys.executable, "-m", "condseg_app", "engine", "--devices", "cpu", "--certificate", str(certificate)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield Endpoint(process.stdout.readline().strip().removeprefix("tls://"), certificate)
        process.terminate()


@pytest.fixture
def dialog(empty_panel: Panel) -> EngineDialog:
    made = EngineDialog(empty_panel.session, empty_panel)
    made.open()
    return made


def fill(dialog: EngineDialog, place: Endpoint) -> None:
    dialog.there.setChecked(True)
    dialog.address.setText(place.address)
    dialog.certificate.setText(str(place.certificate))


def test_this_computer_needs_nothing(dialog: EngineDialog, qtbot: QtBot) -> None:
    assert dialog.here.isChecked()
    assert not dialog.address.isEnabled()
    assert "needs no connection" in dialog.test.toolTip()
    with qtbot.waitSignal(dialog.chosen) as chosen:
        dialog.ok.click()
    assert chosen.args == [None]


def test_a_wrong_address_says_why_it_cannot_be_taken(dialog: EngineDialog) -> None:
    dialog.there.setChecked(True)
    assert dialog.ok.toolTip() == dialog.test.toolTip() == "Type the address first"
    dialog.address.setText("workstation")
    assert not dialog.ok.isEnabled()
    assert "write HOST:PORT" in dialog.ok.toolTip()
    dialog.address.setText("workstation:8786")
    assert dialog.ok.isEnabled()
    assert dialog.test.isEnabled()


def test_a_connection_is_tested_while_the_window_goes_on(dialog: EngineDialog, place: Endpoint, qtbot: QtBot) -> None:
    fill(dialog, place)
    qtbot.mouseClick(dialog.test, LEFT)  # which does not wait for the answer:
    assert dialog.answer.text() == "Connecting to 127.0.0.1…"
    assert not dialog.test.isEnabled()
    qtbot.waitUntil(lambda: dialog.answer.text().startswith("It answers"), timeout=60_000)
    assert dialog.answer.text().startswith("It answers, and computes on 127.0.0.1, CPU (")
    qtbot.waitUntil(dialog.test.isEnabled)  # once it has let go of the engine


def test_a_refusal_is_a_sentence(dialog: EngineDialog, place: Endpoint, qtbot: QtBot, tmp_path: Path) -> None:
    write_certificate(tmp_path / "other.pem", make_certificate())
    fill(dialog, Endpoint(place.address, tmp_path / "other.pem"))
    dialog.test.click()
    qtbot.waitUntil(lambda: "has another certificate" in dialog.answer.text(), timeout=10_000)
    dialog.certificate.setText(str(place.certificate))
    assert dialog.answer.text() == "", "that was said of another file"


def test_a_dialog_may_be_closed_while_it_tests(dialog: EngineDialog, place: Endpoint, qtbot: QtBot) -> None:
    fill(dialog, place)
    dialog.test.click()
    with qtbot.waitSignal(dialog.destroyed):
        dialog.reject()
    qtbot.wait(500)


def test_what_is_chosen_is_used_shown_and_remembered(
    empty_panel: Panel, place: Endpoint, qtbot: QtBot, tmp_path: Path
) -> None:
    file = tmp_path / "settings.json"
    save_settings(Settings(theme="light"), file)
    empty_panel.device.change_asked.connect(lambda: ask_where_to_compute(empty_panel.session, file, empty_panel))
    qtbot.mouseClick(empty_panel.device, LEFT)
    dialog = empty_panel.findChild(EngineDialog)
    assert dialog is not None
    fill(dialog, place)
    dialog.ok.click()
    assert empty_panel.session.computing.place == place
    assert empty_panel.device.text.full_text() == "127.0.0.1"
    assert "has not answered yet" in empty_panel.device.toolTip()
    qtbot.waitUntil(lambda: "CPU" in empty_panel.device.text.full_text(), timeout=60_000)
    assert empty_panel.device.text.full_text().startswith("127.0.0.1, CPU (")
    assert load_settings(file).place == place
    assert load_settings(file).theme == "light", "the rest is as it was"
    empty_panel.session.computing.use_engine(type(empty_panel.session.computing.engine)())
    assert empty_panel.device.text.full_text().startswith("this computer")


def test_a_place_that_does_not_answer_is_a_sentence(empty_panel: Panel, qtbot: QtBot, stage: Any) -> None:
    ask_where_to_compute(stage.session, None, empty_panel)
    dialog = empty_panel.findChild(EngineDialog)
    assert dialog is not None
    fill(dialog, Endpoint("127.0.0.1:9", Path("missing.pem")))
    dialog.ok.click()
    qtbot.waitUntil(lambda: bool(stage.failures), timeout=10_000)
    assert "there is no certificate; copy the file" in stage.failures[0].message
