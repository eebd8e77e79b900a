"""Renders the windows on generated images: the pictures of the README. `make screenshots` runs it.

The tour does the work in the app, so that the pictures show the real behaviour of the widgets.
"""

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from condseg_app.desktop.window import MainWindow
    from condseg_app.qt import Panel

IMAGES = Path(__file__).parent / "images"
_WINDOW = (1280, 800)
_TEACHING_STEPS = 150
_PATIENCE = 900.0  # seconds that a prediction or lesson may take

_logger = logging.getLogger("screenshots")


def main() -> int:
    """Write all pictures."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    _logger.setLevel(logging.INFO)
    os.environ["QT_API"] = "pyside6"  # before any Qt import
    IMAGES.mkdir(parents=True, exist_ok=True)
    from napari.qt import get_qapp

    application = get_qapp()
    application.setApplicationDisplayName("")
    with tempfile.TemporaryDirectory(prefix="condseg-screenshots-") as folder:
        _show_app(Path(folder))
    _show_plugin()
    return 0


def _show_app(folder: Path) -> None:
    from condseg_app.desktop.tour import Tour
    from condseg_app.desktop.tour_steps import TourSteps
    from condseg_app.viewer.samples import SAMPLES

    window = _open_app(folder)
    steps = TourSteps(Tour(window, folder))
    for do in (steps.open, steps.predict_one, steps.predict_all):
        _logger.info(do())
    _grab(window, "app_3d_dark")
    window.set_theme("light")
    _grab(window, "app_3d_light")
    window.set_theme("dark")
    _grab(window.panel, "panel_classes")
    for do in (steps.add_class, steps.paint):
        _logger.info(do())
    window.panel.teach.steps.setValue(_TEACHING_STEPS)
    window.panel.teach.start.click()
    _wait(lambda: window.session.state.lesson_result is not None, "the lesson")
    _grab(window.panel, "panel_teach")
    window.panel.teach.outcome.accept.click()
    _logger.info(steps.predict_taught())
    window.panel.show_page("export")
    window.panel.export.path.setText(str(Path(tempfile.gettempdir()) / "abdomen_labels.nii.gz"))
    _grab(window.panel, "panel_export")
    window.panel.show_page("classes")
    window.opening.open_sample(SAMPLES[1])
    window.session.wait()
    _predict_all(window.panel)
    _grab(window, "app_2d_dark")
    window.close()


def _open_app(folder: Path) -> "MainWindow":
    from condseg_app.desktop.window import MainWindow
    from condseg_app.session import Session
    from condseg_app.session.settings import Settings

    settings = Settings(width=_WINDOW[0], height=_WINDOW[1])
    window = MainWindow(Session(models_folder=folder / "models"), settings, None)
    window.ask_before_closing = False
    window.show()
    window.session.computing.find_device()
    return window


def _show_plugin() -> None:
    import napari

    viewer = napari.Viewer(show=True)
    viewer.window.resize(*_WINDOW)
    viewer.open_sample("condseg", "abdomen")
    _, widget = viewer.window.add_plugin_dock_widget("condseg", "CondSeg")
    _wait(lambda: widget.session.models.advice.proposed is not None, "a model that suits")
    widget.panel.header.advice.use.click()
    _predict_all(widget.panel)
    viewer.reset_view()  # the panel has taken some of the canvas
    _rest(1.0)
    viewer.window.screenshot(path=str(IMAGES / "napari_plugin.png"), canvas_only=False, flash=False)
    _logger.info("napari_plugin.png")
    viewer.close()


def _predict_all(panel: "Panel") -> None:
    session = panel.session
    _wait(lambda: session.state.model is not None and session.jobs.current is None, "the model")
    panel.classes.predict_all.click()
    known = [*filter(session.state.can_predict, session.state.classes.ids)]
    _wait(lambda: all(session.state.state_of(class_id) == "complete" for class_id in known), "the prediction")


def _wait(ready: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _PATIENCE
    while not ready():
        _rest(0.05)
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {_PATIENCE:.0f} s")


def _rest(seconds: float) -> None:
    """Let the windows live for a while."""
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)


def _grab(widget: Any, name: str) -> None:
    _rest(0.8)
    widget.grab().save(str(IMAGES / f"{name}.png"))
    _logger.info("%s.png", name)


if __name__ == "__main__":
    sys.exit(main())
