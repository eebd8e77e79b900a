"""Presses everything that can be pressed, in every state of the app's window or of napari's with the panel.

    python -m tests.window.battery app [--long] [--sample] [--seed N] [--state NAME]

The quick form uses each control once in the states that have nearly all of them, and some in each further state; the
long one uses all of them in all states, in an order of chance; a sample, some of them in each state. It is a program
of its own, for a crash is a finding, too: what is used is always the last line of the file named by --trace.
"""

import argparse
import faulthandler
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from napari.qt import get_qapp
from qtpy.QtCore import QProcess
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QMainWindow

from condseg_app import io
from condseg_app.io.image_files import write_image
from tests.conftest import small_model
from tests.window import controls
from tests.window.explorer import Explorer
from tests.window.states import SCAN, STATES, Scene, WindowState, slow_write
from tests.window.watch import Watch

NEW_CONTROLS = ("3D", "nothing open", "2D")
"""States in which the quick form uses every control that was not used before."""
_AGAIN, _MOST_INSIDE, _MOST_INSIDE_LONG = 2, 3, 60


def open_app(scene: Scene) -> tuple[QMainWindow, Callable[[], None]]:
    """The app's window."""
    from condseg_app.desktop.window import MainWindow
    from condseg_app.session.settings import Settings

    window = MainWindow(scene.session, Settings(), scene.folder / "settings.json")
    window.ask_before_closing = False

    def close() -> None:
        window.ask_before_closing = False
        window.close()

    return window, close


def open_napari(scene: Scene) -> tuple[QMainWindow, Callable[[], None]]:
    """Napari's window with the panel, and settings of its own."""
    import napari
    import napari.settings

    from napari_condseg.widget import CondSegWidget

    napari.settings._SETTINGS = None
    napari.settings.get_settings(scene.folder / "napari.yaml")
    viewer = napari.Viewer(show=False)
    widget = CondSegWidget(viewer, scene.session, scene.folder / "settings.json")
    viewer.window.add_dock_widget(widget, name="CondSeg")
    window = widget.window()
    assert isinstance(window, QMainWindow)
    return window, viewer.close


HOSTS = {"app": open_app, "napari": open_napari}


def make_scene(host: str, folder: Path) -> Scene:
    """A scene with models and files to choose in dialogs."""
    files = []
    for name, dimensions in (("abdomen", "3D"), ("flat", "2D")):
        model = small_model(name, dimensions)
        io.write_model(folder / f"{name}.safetensors", model)
        files.append(io.ModelFile(name, folder / f"{name}.safetensors", model))
    write_image(folder / "scan.nii.gz", SCAN)
    (folder / "broken.nii.gz").write_bytes(b"no volume")
    controls.FILES[:] = [str(folder / name) for name in ("scan.nii.gz", "broken.nii.gz", "new", "abdomen.safetensors")]
    return Scene(folder, HOSTS[host], tuple(files))


def stay_inside(patched: pytest.MonkeyPatch, scene: Scene) -> None:
    """Do nothing that leaves the program: no browser, no file manager, no other process; exports take their time."""
    patched.setattr("condseg_app.io.write_export", slow_write(scene))
    patched.setattr("webbrowser.open", lambda *_, **__: True)
    patched.setattr(QDesktopServices, "openUrl", lambda *_: True)
    patched.setattr(QProcess, "startDetached", lambda *_: True)


def use_state(scene: Scene, state: WindowState, watch: Watch, used: set[str], how: argparse.Namespace) -> None:
    """Use the controls of the window in a state."""
    order = random.Random(f"{how.seed} {state.name}")

    def wanted(names: list[str]) -> list[str]:
        if how.long:
            return order.sample(names, len(names))
        if how.sample or state.name not in NEW_CONTROLS:
            return order.sample(names, min(_AGAIN, len(names)))
        fresh = [name for name in names if name not in used]
        again = [name for name in names if name in used]
        return fresh + order.sample(again, min(_AGAIN, len(again)))

    scene.state = state
    Explorer(scene, watch, order, _MOST_INSIDE_LONG if how.long else _MOST_INSIDE, used).use_all(wanted)


def main(argv: Sequence[str]) -> int:
    """Use the controls; prints the faults and returns how many there are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("host", choices=HOSTS)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--state", choices=[state.name for state in STATES], action="append")
    parser.add_argument("--sample", action="store_true", help="only some controls of each state")
    parser.add_argument("--trace", type=argparse.FileType("w"))
    arguments = parser.parse_args(argv)
    faulthandler.enable()
    get_qapp().setQuitOnLastWindowClosed(False)
    states = [state for state in STATES if arguments.state is None or state.name in arguments.state]
    faults, used = _use(states, arguments)
    said = f"{arguments.host}: seed {arguments.seed}, {len(used)} controls used in {len(states)} states"
    sys.stdout.write("\n".join((said, *faults)) + "\n")
    return min(len(faults), 100)


def _use(states: Sequence[WindowState], how: argparse.Namespace) -> tuple[list[str], set[str]]:
    used: set[str] = set()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", folder)
        patched.chdir(folder)
        scene = make_scene(how.host, Path(folder))
        stay_inside(patched, scene)
        scene.renew()
        with Watch(trace=how.trace) as watch:
            for state in states:
                watch.state = state.name
                use_state(scene, state, watch, used, how)
        scene.close()
    return watch.faults, used


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
