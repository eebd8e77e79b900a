"""About the program: purpose, versions, and credits."""

from collections.abc import Iterable
from html import escape
from importlib.metadata import PackageNotFoundError, metadata

from condseg_app import __version__
from condseg_app.data import DeviceInfo
from condseg_app.log import log_path
from condseg_app.qt.text import device_text
from condseg_app.remote import Endpoint
from condseg_app.viewer.keys import COMMAND_KEYS, KEYS, NAPARI_KEYS, PANEL_KEYS

_LIBRARIES = (
    "napari", "vispy", "PySide6_Essentials", "torch", "monai", "lightning-fabric", "distributed", "numpy", "scipy",
    "nibabel", "pillow", "tifffile", "safetensors", "pydantic", "psygnal", "superqt", "pyqtgraph", "typer",
)  # fmt: skip


def about_html(device: DeviceInfo | None, place: Endpoint | None) -> str:
    """Version, device, where the log is, libraries and their licences."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(version)}</td><td>{escape(licence)}</td></tr>"
        for name, version, licence in map(_library, _LIBRARIES)
    )
    return (
        f"<h2>CondSeg {__version__}</h2><p>Class-conditioned segmentation of images and volumes: "
        "one network, told which class to look for. Licence: Apache-2.0.</p>"
        f"<p>Runs on {escape(device_text(device, place))}.<br>Log: {escape(str(log_path()))}</p>"
        f"<h3>Libraries</h3><table cellspacing='5'>{rows}</table>"
    )


def keys_html(menus: Iterable[tuple[str, str]]) -> str:
    """All keys that matter here.

    Args:
        menus: key and text of each entry of the menus that has a key.
    """
    parts = (
        ("Of CondSeg, in the viewer and the panel", [(key.shown, key.text) for key in KEYS]),
        ("Of the panel", [*PANEL_KEYS, *((key.key, key.text) for key in COMMAND_KEYS)]),
        ("Of the menus", menus),
        ("Of the viewer", NAPARI_KEYS),
    )
    return "".join(f"<h3>{title}</h3>{_table(rows)}" for title, rows in parts)


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td><b>{escape(key)}</b></td><td>{escape(text)}</td></tr>" for key, text in rows)
    return f"<table cellspacing='6'>{cells}</table>"


def _library(name: str) -> tuple[str, str, str]:
    try:
        found = metadata(name)
    except PackageNotFoundError:
        return name, "", ""
    classified = [line for line in found.get_all("Classifier", []) if line.startswith("License ::")]
    said = [*found.get_all("License-Expression", []), *(line.rsplit("::", 1)[-1].strip() for line in classified)]
    free_text = [text.splitlines()[0][:60] for text in found.get_all("License", []) if text.strip()]
    return name, found["Version"], next(iter(said + free_text), "")
