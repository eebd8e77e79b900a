"""Versions, devices and folders, for reports of faults: `doctor`."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from condseg_app import __version__
from condseg_app.cli.console import print_json, say

_LIBRARIES = ("torch", "napari", "vispy", "PySide6_Essentials", "qtpy", "numpy", "scipy", "zarr", "nibabel", "pydicom")
_WIDTH = 20
_SECONDS = 60.0  # of the child that asks OpenGL, at most


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    opengl: Annotated[bool, typer.Option("--opengl", hidden=True)] = False,
) -> None:
    """Print versions, devices and folders, for a report of a fault."""
    if opengl:
        say(_asked_renderer())
        return
    facts = dict(_facts())
    if as_json:
        print_json(facts)
        return
    for name, text in facts.items():
        say(f"{name:{_WIDTH}} {text}")


def _facts() -> Iterator[tuple[str, str]]:
    yield "condseg", __version__
    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "system", f"{platform.platform()}, {platform.machine()}"
    yield from _hardware()
    for name in _LIBRARIES:
        yield name, _version(name)
    yield from _devices()
    yield "opengl", _renderer()
    yield from _folders()


def _hardware() -> Iterator[tuple[str, str]]:
    import psutil

    from condseg_app.memory import free_memory

    yield "cpu cores", f"{psutil.cpu_count(logical=False) or '?'} ({os.cpu_count()} threads)"
    yield "memory", f"{psutil.virtual_memory().total / 2**30:.1f} GiB, {free_memory() / 2**30:.1f} GiB free"


def _devices() -> Iterator[tuple[str, str]]:
    from condseg_app.engine.devices import cuda_devices, describe_device, why_no_cuda  # torch

    device = describe_device()
    threads = f" ({device.threads} threads)" if device.kind == "cpu" else ""
    yield "computes on", f"{device.name}{threads}"
    for number, name in enumerate(cuda_devices()):
        yield f"cuda:{number}", name
    reason = why_no_cuda()
    if reason is not None:
        yield "no cuda device", reason


def _folders() -> Iterator[tuple[str, str]]:
    from condseg_app.io import user_models_folder
    from condseg_app.log import engine_log_path, log_path

    yield "log", str(log_path())
    yield "engine's log", str(engine_log_path())
    yield "models", str(user_models_folder())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _renderer() -> str:
    """OpenGL's renderer, asked in a child, for without a screen Qt ends the process."""
    from condseg_app.remote.own_command import own_command

    command = own_command("doctor", "--opengl")
    try:
        child = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return "does not answer"
    return child.stdout.strip() or "no screen to draw on"


def _asked_renderer() -> str:
    try:
        from qtpy.QtGui import QGuiApplication

        from condseg_app.qt.graphics import renderer
    except ImportError:
        return "not asked, for the window's packages are not installed"
    application = QGuiApplication([])
    found = renderer()
    del application
    return found
