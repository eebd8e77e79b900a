"""The states of a window in which all of its controls are used."""

import gc
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from qtpy.compat import isalive
from qtpy.QtWidgets import QMainWindow

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, DeviceInfo, Image, Lesson, TeachingMode
from condseg_app.errors import EngineLost
from condseg_app.qt import Panel
from condseg_app.remote import PredictorLike, TeacherLike
from condseg_app.session import Session, fusing
from condseg_app.session.state import State
from tests.classes import id_of, ids_of
from tests.conftest import IntensityTools, picture, volume
from tests.window.controls import pump
from tests.window.explorer import close
from tests.window.told import nameless, unexplained


@dataclass(eq=False)
class FrailTools(IntensityTools):
    """The stand-in for the engine, which can be lost."""

    lost: bool = False

    def device(self) -> DeviceInfo:
        self._answer()
        return super().device()

    def predictor(self, model: Path, image: Image) -> PredictorLike:
        self._answer()
        return super().predictor(model, image)

    def teacher(self, model: Path, lesson: Lesson) -> TeacherLike:
        self._answer()
        return super().teacher(model, lesson)

    def _answer(self) -> None:
        if self.lost:
            raise EngineLost("the engine has ended; the next call starts another")


OpenWindow = Callable[["Scene"], tuple[QMainWindow, Callable[[], None]]]
SCAN, FILM, PHOTO = volume(), volume("RAS", (8, 9, 4)), picture()


@dataclass(eq=False)
class Scene:
    """A window over a session with stand-ins, and how it is got into a state.

    Args:
        folder: where its files are.
        open_window: opens the window on the scene's session; with it comes what closes it.
        model_files: of models for volumes and for pictures.
    """

    folder: Path
    open_window: OpenWindow
    model_files: tuple[io.ModelFile, ...]
    state: "WindowState" = field(default_factory=lambda: STATES[0])
    models: tuple[io.ModelFile, ...] = ()
    may_write: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.shut: Callable[[], None] | None = None

    # what the explorer asks for

    @property
    def pages(self) -> range:
        """Those of the panel."""
        return range(self.panel.pages.count()) if self.session.state.image is not None else range(1)

    def show_page(self, page: int) -> None:
        """Turn to it."""
        self.panel.pages.setCurrentIndex(page)

    def holds(self) -> bool:
        """Whether the window is open and in the state."""
        return self._is_usable() and not self.window.isFullScreen() and self.state.holds(self)

    def _is_usable(self) -> bool:
        """Whether window, panel and session are there: the panel's dock can be closed, and its session with it."""
        alive = isalive(self.panel)  # type: ignore[no-untyped-call]
        return alive and self.window.isVisible() and self.session.computing.engine is self.engine

    def untold(self) -> list[str]:
        """What the panel does not tell of its controls."""
        return nameless(self.panel) + unexplained(self.panel)

    def set_up(self) -> None:
        """Get the window into the state."""
        for window in self.window.findChildren(QMainWindow):
            close(window)
        if self.shut is None or not self._is_usable():
            self.renew()
        self._reset()
        self.state.enter(self)
        pump()

    def renew(self) -> None:
        """Open a new window on a new session."""
        self.close()
        self.models = self.model_files
        self.tools = FrailTools()
        self.engine = self.tools
        self.session = Session(self.engine, self.folder / "taught", find_models=lambda: self.models)
        self.window, self.shut = self.open_window(self)
        (self.panel,) = self.window.findChildren(Panel)
        self.window.resize(1360, 860)
        self.window.show()
        self.window.activateWindow()
        pump(100)
        gc.collect()
        gc.freeze()  # napari collects garbage whenever a layer goes, which takes long where there is much
        self._docks = self.window.saveState()

    def close(self) -> None:
        """Close the window and end the session."""
        if self.shut is not None:
            self.tools.at_rest.set()
            self.may_write.set()
            self.session.exports.cancel()
            self.shut()
            self.session.close()
            self.session.wait(20)
            self.shut = None

    def _reset(self) -> None:
        self.models, self.tools.lost = self.model_files, False
        self.tools.at_rest.set()
        self.may_write.set()
        self.session.exports.cancel()
        self.session.jobs.cancel()
        self.panel.binding.stop_painting()
        self.session.lessons.discard()
        self.session.wait(20)
        self.session._store.become(State())
        self.panel.binding.viewer.layers.clear()
        self.panel.binding.viewer.canvas.grid.enabled = False
        self.panel.binding.viewer.dims.ndisplay = 2
        self.window.showNormal()
        self.window.restoreState(self._docks)
        self.session.models.open(self.model_files[0].path)

    # what the states are made of

    def open(self, image: Image) -> None:
        """Open an image as the session's."""
        self.session.images.show(image)

    def mark(self, name: str = "liver") -> None:
        """Mark a class on one slice, which is complete."""
        mask = fusing.mask(self.session.state, id_of(self.session, name))
        supervised = np.zeros_like(mask)
        mask[1:4, 1:4, 0] = supervised[..., 0] = True
        self.session.annotations.put(id_of(self.session, name), ChunkedAnnotation.of(mask, supervised))

    def teach(self, steps: int, mode: TeachingMode = "exact") -> None:
        """Begin to teach a class of one's own."""
        self.open(SCAN)
        if "cyst" not in self.session.state.classes:
            self.session.classes.add("cyst")
        self.session.classes.choose(id_of(self.session, "cyst"))
        self.mark("cyst")
        self.session.lessons.start(id_of(self.session, "cyst"), steps, mode)


@dataclass(frozen=True)
class WindowState:
    """A state of the window.

    Attributes:
        name: what a person would call it.
        enter: makes it, from nothing open.
        holds: whether it is still there.
    """

    name: str
    enter: Callable[[Scene], None]
    holds: Callable[[Scene], bool]


def _has_image(scene: Scene) -> bool:
    return scene.session.state.image is not None


def _works(scene: Scene) -> bool:
    return _has_image(scene) and scene.session.jobs.current is not None


def _predicted(scene: Scene) -> None:
    scene.open(SCAN)
    scene.session.classes.choose(id_of(scene.session, "liver"))
    scene.session.predictions.start()
    scene.session.wait(20)


def _predicting(scene: Scene) -> None:
    scene.open(SCAN)
    scene.tools.at_rest.clear()
    scene.session.classes.choose(id_of(scene.session, "spleen"))
    scene.session.predictions.start()


def _painting(scene: Scene) -> None:
    scene.open(SCAN)
    scene.session.classes.choose(id_of(scene.session, "liver"))
    scene.mark()
    scene.panel.binding.begin_painting(id_of(scene.panel.binding.session, "liver"))


def _predicting_and_painting(scene: Scene) -> None:
    _predicting(scene)
    scene.panel.binding.begin_painting(id_of(scene.panel.binding.session, "spleen"))


def _in_3d(scene: Scene) -> None:
    _predicted(scene)
    scene.panel.binding.viewer.dims.ndisplay = 3


def _paused(scene: Scene) -> None:
    scene.teach(100_000)
    scene.session.jobs.pause()


def _taught(scene: Scene) -> None:
    scene.teach(3)
    scene.session.wait(20)


def _taught_in_full(scene: Scene) -> None:
    scene.teach(3, "full")
    scene.session.wait(20)


def _exporting(scene: Scene) -> None:
    _predicted(scene)
    scene.may_write.clear()
    scene.session.exports.start(scene.folder / "out.nii.gz", "nifti")


def _flat(scene: Scene) -> None:
    scene.session.models.open(scene.model_files[1].path)
    scene.open(PHOTO)


def _misfit(scene: Scene) -> None:
    scene.models = scene.model_files[:1]
    scene.session.models.advice.look()
    scene.session._store.become(replace(scene.session.state, image=PHOTO))


def _without_model(scene: Scene) -> None:
    scene.models = ()
    scene.session.models.advice.look()
    scene.session._store.become(State(image=SCAN))


def _lost(scene: Scene) -> None:
    scene.open(SCAN)
    scene.session.wait(20)
    scene.tools.lost = True
    scene.session.predictions._forget_windows()


def _several(scene: Scene) -> None:
    _painting(scene)
    for image in (FILM, PHOTO, SCAN, FILM):
        if image is PHOTO:
            scene.session.models.open(scene.model_files[1].path)
        scene.open(image)
        pump()
        if image is PHOTO:
            scene.session.models.open(scene.model_files[0].path)
    scene.session.predictions.start(ids_of(scene.session, ["liver"]))
    scene.session.wait(20)


STATES: tuple[WindowState, ...] = (
    WindowState("3D", lambda scene: scene.open(SCAN), _has_image),
    WindowState("nothing open", lambda scene: None, lambda scene: scene.session.state.image is None),
    WindowState("2D", _flat, _has_image),
    WindowState("predicted", _predicted, _has_image),
    WindowState("in 3D", _in_3d, lambda scene: _has_image(scene) and scene.panel.binding.viewer.dims.ndisplay == 3),
    WindowState("predicting", _predicting, _works),
    WindowState("painting", _painting, lambda scene: scene.panel.binding.annotation.class_id is not None),
    WindowState("predicting and painting", _predicting_and_painting, _works),
    WindowState("lesson running", lambda scene: scene.teach(100_000), lambda scene: scene.session.state.is_teaching),
    WindowState("lesson paused", _paused, lambda scene: scene.session.state.is_teaching),
    WindowState("lesson done", _taught, lambda scene: scene.session.state.lesson_result is not None),
    WindowState("lesson done in full", _taught_in_full, lambda scene: scene.session.state.lesson_result is not None),
    WindowState("export running", _exporting, lambda scene: scene.session.exports.progress is not None),
    WindowState("no model fits", _misfit, _has_image),
    WindowState("no model", _without_model, lambda scene: _has_image(scene) and scene.session.state.model is None),
    WindowState("engine lost", _lost, _has_image),
    WindowState("several images", _several, _has_image),
)


def slow_write(scene: Scene) -> Callable[[io.ExportFormat, Path, io.Export], tuple[Path, ...]]:
    """A writer that takes until the scene says so, and ends when it is cancelled."""

    def write(form: io.ExportFormat, path: Path, export: io.Export) -> tuple[Path, ...]:
        while not scene.may_write.wait(0.02):
            next(iter(_looked_up(export)), None)
        return (path,)

    return write


def _looked_up(export: io.Export) -> Iterator[object]:
    return (export.masks[name] for name in export.masks)
