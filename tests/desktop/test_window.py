import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QDialog, QFileDialog, QMessageBox, QPushButton

from condseg_app.data import EVERYWHERE, ChunkedAnnotation, Image, Pick
from condseg_app.desktop.about import about_html
from condseg_app.desktop.crash import catch_all, explained
from condseg_app.desktop.open_dialogs import image_filters
from condseg_app.desktop.user_guide import GuideWindow
from condseg_app.desktop.welcome import WelcomePage
from condseg_app.desktop.window import MainWindow
from condseg_app.errors import CondsegError, ReadError
from condseg_app.io import SUFFIXES
from condseg_app.io.image_files import write_image
from condseg_app.qt.advice_strip import advice_text
from condseg_app.qt.choice_dialog import ChoiceDialog
from condseg_app.qt.engine_dialog import EngineDialog
from condseg_app.qt.problem import ProblemDialog
from condseg_app.remote import Endpoint
from condseg_app.session.settings import Settings, load_settings
from condseg_app.viewer.samples import SAMPLES
from tests.classes import id_of

pytestmark = pytest.mark.gui


@pytest.fixture
def window(stage: Any, qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    made = MainWindow(stage.session, Settings(), tmp_path / "settings.json")
    made.ask_before_closing = False
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()


@pytest.fixture
def scan_file(tmp_path: Path, scan: Image) -> Path:
    path = tmp_path / "scan.nii.gz"
    write_image(path, scan)
    return path


def drop(window: MainWindow, *paths: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    window.dropEvent(QDropEvent(QPointF(5, 5), copy, mime, left, Qt.KeyboardModifier.NoModifier))
    assert window.session.wait(10)  # files are read in the background


def test_it_starts_with_three_things_to_click(window: MainWindow) -> None:
    assert window.middle.currentWidget() is window.welcome
    names = {button.objectName() for button in window.welcome.findChildren(QPushButton)}
    assert names == {"welcome_open", "welcome_sample", "welcome_tour"}
    assert not window.panel_dock.isVisible()


def test_it_fits_a_small_screen(window: MainWindow, scan_file: Path, qtbot: QtBot) -> None:
    """1366 x 768 at scale 2, less the frame and a panel of the desktop."""
    assert window.minimumSizeHint().width() <= 683
    assert window.minimumSizeHint().height() <= 350
    drop(window, scan_file)
    window.panel.header.advice.text.setText(advice_text(None, None, at_hand=True))
    window.panel.header.advice.show()
    window.resize(1000, 600)  # napari's docks make room
    qtbot.wait(50)
    window.resize(683, 350)
    qtbot.wait(50)
    assert (window.width(), window.height()) == (683, 350)
    for page in range(window.panel.pages.count()):
        window.panel.pages.setCurrentIndex(page)
        qtbot.wait(20)
        assert window.height() == 350


def test_the_image_has_half_of_a_small_window(window: MainWindow, scan_file: Path, qtbot: QtBot) -> None:
    drop(window, scan_file)
    window.resize(1024, 700)
    qtbot.waitUntil(lambda: window.canvas.widget.width() >= 512)


def test_the_image_has_the_focus_and_before_it_the_first_button(
    window: MainWindow, scan_file: Path, qtbot: QtBot
) -> None:
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    assert window.focusWidget() is window.welcome.findChild(QPushButton, "welcome_open")
    drop(window, scan_file)
    qtbot.wait(50)
    focus = window.focusWidget()
    assert focus is not None
    assert focus is window.canvas.widget or window.canvas.widget.isAncestorOf(focus)


@pytest.mark.parametrize(("width", "side_by_side"), [(1000, True), (500, False)])
def test_the_cards_stand_side_by_side_where_there_is_room(qtbot: QtBot, width: int, side_by_side: bool) -> None:
    page = WelcomePage()
    qtbot.addWidget(page)
    page.resize(width, 700)
    page.show()
    buttons = page.findChildren(QPushButton)
    tops = {button.mapTo(page, button.rect().topLeft()).y() for button in buttons}
    assert (len(tops) == 1) == side_by_side
    assert all(page.rect().contains(button.mapTo(page, button.rect().center())) for button in buttons)


def test_a_dropped_file_opens(window: MainWindow, scan_file: Path, stage: Any, qtbot: QtBot) -> None:
    drop(window, scan_file)
    assert stage.session.state.image is not None
    assert stage.session.state.image.source == scan_file
    assert window.windowTitle() == "scan – CondSeg"
    qtbot.waitUntil(lambda: window.middle.currentWidget() is window.canvas.widget)
    assert window.panel_dock.isVisible()
    assert window.settings.recent == [scan_file.resolve()]


def test_a_dropped_model_opens_before_its_image(window: MainWindow, scan_file: Path, stage: Any) -> None:
    drop(window, scan_file, stage.model_file)
    assert stage.session.state.model_path == stage.model_file
    assert stage.failures == []


def test_a_file_that_is_none_is_a_sentence(window: MainWindow, tmp_path: Path) -> None:
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"no volume")
    drop(window, broken)
    dialog = window.findChild(ProblemDialog)
    assert dialog is not None
    assert "broken.nii.gz" in dialog.informativeText()
    assert window.settings.recent == []
    assert window.middle.currentWidget() is window.welcome


def test_recent_files_open(window: MainWindow, scan_file: Path, stage: Any) -> None:
    window.opening.open_path(scan_file)
    assert stage.session.wait(10)
    stage.session.images.close()
    (action,) = window._menus["recent"].actions()
    assert action.text() == "scan.nii.gz"
    action.trigger()
    assert stage.session.wait(10)
    assert stage.session.state.image is not None


def test_files_are_checked_before_they_are_opened_if_that_is_wanted(
    window: MainWindow, film: Path, scan_file: Path, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[tuple[Path, Pick]] = []

    def check(path: Path, pick: Pick) -> None:
        checked.append((path, pick))
        if path == film:
            raise ReadError("ended the process that was reading it", path=path)

    monkeypatch.setattr("condseg_app.remote.untrusted.check_untrusted", check)
    action = window._actions["check_files"]
    window.opening.open_path(scan_file)
    assert stage.session.wait(10)
    assert checked == []
    action.trigger()
    assert action.isChecked()
    assert window.settings.check_files
    window.opening.open_path(scan_file)
    window.opening.open_path(film)
    assert stage.session.wait(10)
    # Both are read at once, each in a thread of its own.
    assert sorted(path for path, _ in checked) == sorted([scan_file, film])
    assert [str(failure) for failure in stage.failures] == [f"{film}: ended the process that was reading it"]
    action.trigger()
    assert not action.isChecked()


def test_of_a_file_with_frames_one_is_chosen_and_remembered(
    window: MainWindow, film: Path, scan: Image, stage: Any, qtbot: QtBot
) -> None:
    drop(window, film)
    dialog = window.findChild(ChoiceDialog)
    assert dialog is not None
    assert window.findChild(ProblemDialog) is None
    assert window.middle.currentWidget() is window.welcome
    qtbot.keyClick(dialog.list, Qt.Key.Key_Down)
    qtbot.keyClick(dialog.list, Qt.Key.Key_Return)
    assert stage.session.wait(10)
    assert np.array_equal(stage.session.state.image.voxels(), scan.voxels())
    stage.session.images.close()
    (action,) = window._menus["recent"].actions()
    assert action.text() == "film.nii.gz, frame 2"
    action.trigger()
    assert stage.session.wait(10)
    assert stage.session.state.image.pick == Pick(frame=1)
    window.close()
    assert load_settings(window._settings_file or film).picks == {film.resolve(): Pick(frame=1)}


def test_another_frame_is_chosen_in_the_menu(window: MainWindow, film: Path, stage: Any, qtbot: QtBot) -> None:
    action = window._actions["choose_again"]
    assert not action.isEnabled()
    window.opening.open_path(film, Pick(frame=1))
    assert stage.session.wait(10)
    before = stage.session.state.image
    assert action.isEnabled()
    action.trigger()
    assert stage.session.wait(10)
    dialog = window.findChild(ChoiceDialog)
    assert dialog is not None
    qtbot.keyClick(dialog.list, Qt.Key.Key_Escape)
    assert stage.session.wait(10)
    assert stage.session.state.image is before
    assert window.under_mouse.text() == ""


def test_a_dropped_folder_opens_where_it_is_an_image(
    window: MainWindow, tmp_path: Path, scan: Image, stage: Any
) -> None:
    folder = tmp_path / "scan.ome.zarr"
    write_image(folder, scan)
    drop(window, folder)
    assert stage.session.state.image.source == folder
    assert np.array_equal(stage.session.state.image.voxels(), scan.voxels())
    (tmp_path / "holiday").mkdir()
    drop(window, tmp_path / "holiday")
    assert "choose one of DICOM slices or of OME-Zarr, or a file in it" in str(stage.failures[-1])
    assert stage.session.state.image.source == folder


def test_a_folder_is_opened_in_the_menu(window: MainWindow, tmp_path: Path, scan: Image, stage: Any) -> None:
    folder = tmp_path / "scan.zarr"
    write_image(folder, scan)
    window._actions["open_folder"].trigger()
    dialog = window.findChild(QFileDialog, "open_folder_dialog")
    assert dialog is not None
    assert dialog.fileMode() == QFileDialog.FileMode.Directory
    dialog.fileSelected.emit(str(folder))
    assert stage.session.wait(10)
    assert stage.session.state.image.source == folder


def test_the_dialog_lists_every_file_that_is_read(window: MainWindow) -> None:
    window._actions["open"].trigger()
    dialog = window.findChild(QFileDialog, "open_dialog")
    assert dialog is not None
    every, *by_name, anything = image_filters()
    assert anything == "All files (*)"
    for suffix in SUFFIXES:
        if not suffix.endswith(".zarr"):  # a folder
            for listed in (every, " ".join(by_name)):
                assert any(suffix.endswith(shown) for shown in re.findall(r"\*([.\w]+)", listed))


def test_the_sample_opens_by_a_click(window: MainWindow, qtbot: QtBot, stage: Any) -> None:
    button = window.welcome.findChild(QPushButton, "welcome_sample")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert stage.session.wait(10)
    assert stage.session.state.image is not None
    assert stage.session.state.image.name == "abdomen"


def test_themes_change_everything(window: MainWindow) -> None:
    window.set_theme("light")
    assert window.settings.theme == "light"
    assert window.canvas.model.theme == "light"
    light = window.styleSheet()
    window._actions["theme_dark"].trigger()
    assert window.styleSheet() != light
    assert window._actions["theme_dark"].isChecked()


def test_3d_and_back(window: MainWindow, scan: Image, stage: Any) -> None:
    stage.session.images.show(scan)
    window._actions["in_3d"].trigger()
    assert window.canvas.model.dims.ndisplay == 3
    window._actions["in_3d"].trigger()
    assert window.canvas.model.dims.ndisplay == 2


def test_the_status_bar_reads_off_the_voxel(window: MainWindow, scan: Image, stage: Any) -> None:
    stage.session.images.show(scan)
    layer = window.canvas.model.layers[0]
    sight = window.binding.sight
    assert sight is not None
    sight.go_to((2, 3, 1))
    world = layer.data_to_world(sight.placement.position((2, 3, 1)))
    event = type("Move", (), {"position": tuple(world)})
    for callback in window.canvas.model.mouse_move_callbacks:
        callback(window.canvas.model, event)
    assert window.under_mouse.text().startswith("voxel 2, 3, 1    value ")


def test_a_tall_letter_in_the_status_bar_does_not_resize_the_canvas(window: MainWindow, qtbot: QtBot) -> None:
    window.show()
    before = window.canvas.widget.size()
    window.under_mouse.setText("voxel 2, 3, 1    value 341    \U0001d538\u0323\u0308\u6f22")
    qtbot.wait(50)
    assert window.canvas.widget.size() == before


def test_undo_takes_back_a_stroke_and_a_class(window: MainWindow, scan: Image, stage: Any) -> None:
    stage.session.images.show(scan)
    stage.session.classes.add("lesion")
    stage.session.classes.choose(id_of(stage.session, "lesion"))
    window.binding.begin_painting(id_of(window.binding.session, "lesion"))
    draft = window.binding.annotation.draft
    assert draft is not None
    draft.write((slice(1, 2),) * 3, np.full((1, 1, 1), draft.value, np.uint8))
    window._actions["undo"].trigger()
    assert not draft.shown(EVERYWHERE).any()
    window._actions["undo"].trigger()
    assert "lesion" not in stage.session.state.classes
    window._actions["redo"].trigger()
    assert "lesion" in stage.session.state.classes


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("guide", "The panel is the same in napari and in the app"),
        ("keys", "This slice is complete"),
        ("about", "napari"),
        ("log", "Nothing so far"),
    ],
)
def test_help(window: MainWindow, name: str, said: str) -> None:
    window._actions[name].trigger()
    dialog = window.findChild(
        QDialog, {"guide": "guide_window", "keys": "keys_dialog", "about": "about_dialog", "log": "log_window"}[name]
    )
    assert dialog is not None
    assert said in dialog.text.toPlainText()  # type: ignore[attr-defined]


def test_closing_asks_where_marks_would_be_lost(window: MainWindow, qtbot: QtBot, scan: Image, stage: Any) -> None:
    stage.session.images.show(scan)
    ones = np.ones(scan.geometry.shape, bool)
    stage.session.annotations.put(id_of(stage.session, "liver"), ChunkedAnnotation.of(ones, ones))
    window.ask_before_closing = True
    window.close()
    assert window.isVisible()
    box = window.findChild(QMessageBox, "quit_dialog")
    assert box is not None
    assert "liver" in box.text()
    (anyway,) = [button for button in box.buttons() if button.text() == "Quit anyway"]
    qtbot.mouseClick(anyway, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.isVisible())


def test_what_is_remembered(window: MainWindow, scan_file: Path, tmp_path: Path) -> None:
    window.opening.open_path(scan_file)
    assert window.session.wait(10)
    window.set_theme("light")
    window.panel.show_page("teach")
    assert window.panel.teach.mode.mode == "exact"
    window.panel.teach.mode.buttons["full"].click()
    window.close()
    settings = load_settings(tmp_path / "settings.json")
    assert settings.recent == [scan_file.resolve()]
    assert settings.theme == "light"
    assert settings.teaching == "full"


def test_a_dropped_class_goes_into_the_model(window: MainWindow, stage: Any, tmp_path: Path) -> None:
    file = tmp_path / "liver.class.safetensors"
    stage.session.models.export_class(id_of(stage.session, "liver"), file)
    assert stage.session.wait(20)
    stage.session.models.remove_class(id_of(stage.session, "liver"))
    assert stage.session.wait(20)
    window.opening.open_path(file)
    assert stage.session.wait(20)
    assert stage.session.state.can_predict(id_of(stage.session, "liver"))


def test_what_nobody_expected_is_a_sentence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[CondsegError] = []
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr("threading.excepthook", None)
    catch_all(shown.append)
    error = ZeroDivisionError("x")
    sys.excepthook(type(error), error, None)
    assert "ZeroDivisionError" in str(shown[0])
    assert "log" in str(shown[0])
    ours = ReadError("is empty; download it again")
    assert explained(ours) is ours


def test_masks_of_the_sample_are_not_offered_into_the_program(window: MainWindow, stage: Any) -> None:
    window.opening.open_sample(SAMPLES[0])
    assert stage.session.wait(10)
    target = window.panel.export.target()
    assert target is not None
    assert target.parent == Path.home()


def test_where_to_compute_is_chosen_in_the_menu_and_survives_closing(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    place, file = Endpoint("127.0.0.1:9", tmp_path / "engine.pem"), tmp_path / "settings.json"
    window._actions["engine"].trigger()
    dialog = window.findChild(EngineDialog)
    assert dialog is not None
    dialog.there.setChecked(True)
    dialog.address.setText(place.address)
    dialog.certificate.setText(str(place.certificate))
    dialog.ok.click()
    assert window.session.computing.place == place
    assert "127.0.0.1" in about_html(None, window.session.computing.place)
    qtbot.waitUntil(lambda: window.findChild(ProblemDialog) is not None)  # nobody answers there
    window.close()
    assert load_settings(file).place == place


def test_the_guide_is_read_offline_and_its_links_lead_on(window: MainWindow, qtbot: QtBot) -> None:
    assert window._actions["guide"].shortcut().toString() == "F1"
    window._actions["guide"].trigger()
    guide = window.findChild(GuideWindow)
    assert guide is not None
    assert "#0000ff" not in guide.text.toHtml()  # Qt's blue of links is not read on dark
    guide.follow(QUrl("files.md#where-classes-overlap"))
    assert guide.text.source().fileName() == "files.md"
    assert guide.text.textCursor().block().text() == "Where classes overlap"
    qtbot.mouseClick(guide.back, Qt.MouseButton.LeftButton)
    assert guide.text.source().fileName() == "guide.md"
    qtbot.keyClicks(guide.wanted, "certificate")
    qtbot.keyClick(guide.wanted, Qt.Key.Key_Return)
    assert guide.text.textCursor().selectedText() == "certificate"


def test_every_page_that_the_guide_leads_to_is_shipped() -> None:
    project = Path(__file__).parents[2]
    shipped = tomllib.loads((project / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    pages = {Path(page).name for page in shipped["force-include"] if page.startswith("docs/")}
    wanted = {"guide.md"}
    for page in sorted(pages):
        wanted |= set(re.findall(r"\]\(([\w-]+\.md)", (project / "docs" / page).read_text()))
    assert pages == wanted
