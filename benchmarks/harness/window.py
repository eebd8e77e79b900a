"""The real window with the real engine, on a real CT; on a virtual screen where there is none."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Annotation, Geometry, Image, Shape
from condseg_app.desktop.main import choose_how_to_draw, spare_collector
from condseg_app.io import read_case, read_data_set
from condseg_app.io.image_files import write_image
from condseg_app.memory import give_large_blocks_back
from condseg_app.remote import EngineLike

if TYPE_CHECKING:
    from condseg_app.desktop.window import MainWindow

SIZE = 256
MODEL = "phantom_ct"
_SCREEN = "-screen 0 1600x1000x24 +extension GLX"
_PATIENCE = 900.0


def need_a_screen() -> None:
    """Start this very script again under Xvfb if there is no screen."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        runner = shutil.which("xvfb-run")
        if runner is None:
            raise SystemExit("there is neither a screen nor xvfb-run (package xvfb)")
        os.execv(runner, [runner, "-a", "-s", _SCREEN, sys.executable, *sys.argv])


@contextmanager
def lived(
    models_folder: Path, engine: EngineLike | None = None, journals: Path | None = None
) -> "Iterator[MainWindow]":
    """The app's window with nothing remembered, but a journal where a folder is given; a real engine if none is."""
    give_large_blocks_back()
    choose_how_to_draw()
    from napari.qt import get_qapp

    from condseg_app.desktop.window import MainWindow
    from condseg_app.remote import Engine
    from condseg_app.session import Session
    from condseg_app.session.settings import Settings

    get_qapp()
    session = Session(Engine() if engine is None else engine, models_folder, journals)
    window = MainWindow(session, Settings(), None)
    window.ask_before_closing = False
    window.show()
    spare_collector(session)
    session.computing.find_device()
    yield window
    window.close()


@contextmanager
def opened(data: Path, shape: Shape | None = None, engine: EngineLike | None = None) -> "Iterator[MainWindow]":
    """The window with a CT and a shipped model open, and an engine.

    Args:
        data: data set of the first test volume.
        shape: voxels of the resampled volume; 256 x 256 a slice if None.
        engine: the engine; a real engine if None.
    """
    with TemporaryDirectory() as folder, lived(Path(folder), engine) as window:
        session = window.session
        session.failed.connect(_end)
        file = Path(folder) / "ct.nii"
        write_image(file, _ct(data, shape))
        session.images.open(file, MODEL)
        until(lambda: session.state.image is not None and session.computing.device is not None)
        rest(2.0)  # time for a person's first look
        yield window


class Drawings:
    """Counts how often a window's canvas was drawn."""

    def __init__(self, window: "MainWindow") -> None:
        self.window = window
        self.count = 0
        self.scene = window.canvas.widget.canvas._scene_canvas  # napari does not report drawings
        self.scene.events.draw.connect(self._on_draw, position="last")

    def on_draw(self) -> None:
        """Note more after a drawing."""

    def _on_draw(self, event: object) -> None:
        self.count += 1
        self.on_draw()


def redraw(drawings: Drawings, times: int) -> list[float]:
    """Milliseconds of repeated drawings of the unchanged canvas."""
    taken = []
    for _ in range(times):
        count, start = drawings.count, time.perf_counter()
        drawings.scene.update()
        until(lambda count=count: drawings.count > count)  # type: ignore[misc]
        taken.append((time.perf_counter() - start) * 1000)
        rest(0.1)
    return taken


def until(condition: Callable[[], bool]) -> None:
    """Process the window's events until a condition holds, tested after every round."""
    from qtpy.QtCore import QEvent
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + _PATIENCE
    while not condition():
        QApplication.processEvents()
        # Outside of Qt's own loop nobody runs deferred deletions, and the memory would seem to leak.
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        time.sleep(0.0005)
        if time.monotonic() > end:
            raise SystemExit("it took too long")


def rest(seconds: float) -> None:
    """Let the window live for so long."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() >= end)


def first_test_case(data: Path) -> tuple[Image, tuple[Annotation, ...]]:
    """The first test volume of a data set, and the annotations."""
    data_set = read_data_set(data)
    return read_case(data_set.part("test").cases[0], data_set.classes)


def nearest(n: int, size: int) -> NDArray[np.intp]:
    """For each of `size` voxels along an axis, the nearest of `n` voxels over the same length."""
    return ((np.arange(size) + 0.5) * n / size).astype(np.intp)


def _ct(data: Path, shape: Shape | None) -> Image:
    """The first test volume, brought to a shape by the nearest voxel."""
    image, _ = first_test_case(data)
    before = image.geometry.shape
    shape = (SIZE, SIZE, before[2]) if shape is None else shape
    i, j, k = (nearest(n, size) for n, size in zip(before, shape, strict=True))
    affine = image.geometry.affine.copy()
    for axis in range(3):
        affine[:, axis] *= before[axis] / shape[axis]
    geometry = Geometry(shape, affine, image.geometry.unit)
    return replace(image, array=np.asarray(image.voxels())[:, i][:, :, j][..., k], geometry=geometry, source=None)


def _end(error: Exception) -> None:
    raise SystemExit(str(error))
