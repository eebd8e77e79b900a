"""Projects in the window: keys, dialogs, title, recent files, the question at the end, work kept from a crash."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QFileDialog, QMessageBox, QPushButton

from condseg_app.data import ChunkedAnnotation, Image
from condseg_app.desktop.window import MainWindow
from condseg_app.io.image_files import write_image
from condseg_app.session import Session
from condseg_app.session.recorder import KeptWork, kept_work
from condseg_app.session.settings import Settings
from tests.classes import id_of
from tests.conftest import IntensityTools

pytestmark = pytest.mark.gui
LEFT = Qt.MouseButton.LeftButton
MakeWindow = Callable[..., MainWindow]
D = TypeVar("D", bound=QDialog)


@pytest.fixture
def make_window(qtbot: QtBot, tmp_path: Path) -> Iterator[MakeWindow]:
    """A maker of windows, each with a session of its own; they may end in any order."""
    made: list[MainWindow] = []

    def make(journals: Path | None = None) -> MainWindow:
        session = Session(IntensityTools(), tmp_path / "models", journals, tuple)
        window = MainWindow(session, Settings(), None)
        window.show()
        qtbot.waitExposed(window)
        made.append(window)
        return window

    yield make
    for window in made:
        window.ask_before_closing = False
        window.close()


@pytest.fixture
def scan_file(tmp_path: Path, scan: Image) -> Path:
    path = tmp_path / "scan.nii.gz"
    write_image(path, scan)
    return path


def open_file(window: MainWindow, path: Path) -> None:
    window.opening.open_path(path)
    assert window.session.wait(20)


def mark(window: MainWindow, name: str) -> None:
    """Annotate a class that is added where it is new."""
    session = window.session
    if name not in session.state.classes:
        session.classes.add(name)
    ones = np.ones(session.state.opened_image().geometry.shape, bool)
    session.annotations.put(id_of(session, name), ChunkedAnnotation.of(ones, ones))


def is_marked(window: MainWindow, name: str) -> bool:
    """Whether a class is annotated everywhere."""
    return bool(window.session.state.annotations[id_of(window.session, name)].mask.all())


def dialog(window: MainWindow, kind: type[D], name: str) -> D:
    found = [one for one in window.findChildren(kind, name) if one.isVisible()]
    assert len(found) == 1, f"{len(found)} {name}"
    return found[0]


def press(qtbot: QtBot, box: QMessageBox, text: str) -> None:
    buttons = {button.text().replace("&", ""): button for button in box.findChildren(QPushButton)}
    qtbot.mouseClick(buttons[text], LEFT)


def choose(window: MainWindow, entry: str) -> None:
    """Choose an entry of a menu."""
    window._actions[entry].trigger()


def save(window: MainWindow, folder: Path) -> None:
    choose(window, "save")
    asked = dialog(window, QFileDialog, "save_project_dialog")
    asked.selectFile(str(folder))
    asked.accept()
    assert window.session.wait(20)


def test_saving_asks_for_a_name_once_and_the_title_shows_changes(
    make_window: MakeWindow, scan_file: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    window = make_window()
    open_file(window, scan_file)
    mark(window, "cyst")
    save(window, tmp_path / "week")  # the ending is added
    assert (tmp_path / "week.condseg" / "project.json").is_file()
    assert window.windowTitle() == "scan – week[*] – CondSeg"
    assert not window.isWindowModified()
    assert window.settings.recent[0] == tmp_path / "week.condseg"
    mark(window, "stone")
    assert window.isWindowModified()
    choose(window, "save")
    assert window.session.wait(20)
    assert not window.isWindowModified()
    choose(window, "save_as")
    asked = dialog(window, QFileDialog, "save_project_dialog")
    assert asked.selectedFiles() == [str(tmp_path / "week.condseg")]
    asked.reject()


def test_a_project_opens_by_path_by_its_manifest_and_from_the_recent_files(
    make_window: MakeWindow, scan_file: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    window = make_window()
    open_file(window, scan_file)
    mark(window, "cyst")
    save(window, tmp_path / "week.condseg")
    window.close()
    assert not window.isVisible(), "a saved project needs no question"
    second = make_window()
    open_file(second, tmp_path / "week.condseg" / "project.json")
    assert second.session.state.classes.names == ("cyst",)
    assert is_marked(second, "cyst")
    second.session.images.close()
    second._menus["recent"].actions()[0].trigger()
    assert second.session.wait(20)
    assert second.session.state.image is not None


def test_unsaved_work_is_asked_about_before_a_project_takes_its_place(
    make_window: MakeWindow, scan_file: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    window = make_window()
    open_file(window, scan_file)
    mark(window, "cyst")
    save(window, tmp_path / "week.condseg")
    mark(window, "stone")
    window.opening.open_path(tmp_path / "week.condseg")
    box = dialog(window, QMessageBox, "replace_dialog")
    assert "changes of the project week.condseg" in box.text()
    press(qtbot, box, "Cancel")
    assert "stone" in window.session.state.classes
    window.opening.open_path(tmp_path / "week.condseg")
    press(qtbot, dialog(window, QMessageBox, "replace_dialog"), "Open anyway")
    assert window.session.wait(20)
    assert "stone" not in window.session.state.classes


def test_quitting_saves_the_project(make_window: MakeWindow, scan_file: Path, tmp_path: Path, qtbot: QtBot) -> None:
    window = make_window()
    open_file(window, scan_file)
    mark(window, "cyst")
    save(window, tmp_path / "week.condseg")
    mark(window, "stone")
    window.close()
    box = dialog(window, QMessageBox, "quit_dialog")
    assert "•  changes of the project week.condseg" in box.text()
    press(qtbot, box, "Keep it, then quit")
    qtbot.waitUntil(lambda: window.session.wait(0.1) and not window.isVisible(), timeout=20_000)
    again = make_window()
    open_file(again, tmp_path / "week.condseg")
    assert again.session.state.classes.names == ("cyst", "stone")


def test_a_moved_image_is_found_again(make_window: MakeWindow, scan_file: Path, tmp_path: Path, qtbot: QtBot) -> None:
    window = make_window()
    open_file(window, scan_file)
    mark(window, "cyst")
    save(window, tmp_path / "week.condseg")
    window.close()
    shutil.move(scan_file, tmp_path / "moved.nii.gz")
    again = make_window()
    open_file(again, tmp_path / "week.condseg")
    box = dialog(again, QMessageBox, "missing_dialog")
    assert box.text() == "scan.nii.gz is not there any more."
    press(qtbot, box, "Choose the file…")
    asked = dialog(again, QFileDialog, "open_dialog")
    asked.fileSelected.emit(str(tmp_path / "moved.nii.gz"))
    asked.reject()
    assert again.session.wait(20)
    assert again.session.state.opened_image().name == "moved"
    assert is_marked(again, "cyst")


def crashed(window: MainWindow, journals: Path, left: Path) -> Path:
    """The journals as the window's sudden end would leave them."""
    recorder = window.session.projects._recorder
    assert recorder is not None
    recorder.look()
    shutil.copytree(journals, left)
    return left


def started_after_a_crash(make_window: MakeWindow, scan_file: Path, tmp_path: Path) -> MainWindow:
    """A window that has found the work of a crashed window, whose journals were left in 'left'."""
    window = make_window(tmp_path / "journals")
    open_file(window, scan_file)
    mark(window, "cyst")
    again = make_window(crashed(window, tmp_path / "journals", tmp_path / "left"))
    again.session.projects.find_kept()
    assert again.session.wait(20)
    return again


def test_kept_work_is_offered_and_restored(
    make_window: MakeWindow, scan_file: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    again = started_after_a_crash(make_window, scan_file, tmp_path)
    box = dialog(again, QMessageBox, "kept_dialog")
    assert box.text().startswith("Your work of ")
    assert box.text().endswith(" on scan.nii.gz was kept.")
    press(qtbot, box, "Restore")
    assert again.session.wait(20)
    assert is_marked(again, "cyst")


@pytest.mark.parametrize("then", ["Discard", "Cancel"])
def test_kept_work_is_discarded_only_after_a_question(
    make_window: MakeWindow, scan_file: Path, tmp_path: Path, qtbot: QtBot, then: str
) -> None:
    again = started_after_a_crash(make_window, scan_file, tmp_path)
    press(qtbot, dialog(again, QMessageBox, "kept_dialog"), "Discard…")
    press(qtbot, dialog(again, QMessageBox, "discard_dialog"), then)
    assert len(list((tmp_path / "left").glob("*/work.journal"))) == (then == "Cancel")


def test_kept_work_is_asked_about_again_at_the_next_start(
    make_window: MakeWindow, scan_file: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    again = started_after_a_crash(make_window, scan_file, tmp_path)
    press(qtbot, dialog(again, QMessageBox, "kept_dialog"), "Ask again at the next start")
    found: list[KeptWork] = list(kept_work(tmp_path / "left"))
    assert [work.image_names for work in found] == [("scan.nii.gz",)]
