"""Reading for napari: images and label maps laid out by their true geometry."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari.layers import Layer

from condseg_app.errors import CondsegError
from condseg_app.io import is_image, read_image
from condseg_app.io.choices import EVERYTHING, ChoiceNeeded, Pick
from condseg_app.io.file_start import name_of
from condseg_app.io.labels.segmentations import is_folder_of_masks, is_segmentation, read_segmentation
from condseg_app.viewer import image_layers, label_layer

LayerData = tuple[Any, dict[str, Any], str]
Read = Callable[[str | Sequence[str]], list[LayerData]]

_NOTHING: list[Any] = [(None,)]
"""Means to napari: 'read, and nothing to show'."""


def get_reader(path: str | Sequence[str]) -> Read | None:
    """Give the reader of these files or image folders; None if a name is of no readable format."""
    paths = [path] if isinstance(path, str) else list(path)
    return read if paths and all(is_image(Path(p)) or is_folder_of_masks(Path(p)) for p in paths) else None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Layers of files; errors are sentences that napari shows.

    For a file of several images a dialog asks which to take; cancelling gives no layers.

    Raises:
        ChoiceNeeded: there is no window to ask in.
        CondsegError: a file cannot be read.
    """
    paths = [path] if isinstance(path, str) else list(path)
    return [layer.as_layer_data_tuple() for p in paths for layer in _layers(Path(p))] or _NOTHING


def _layers(path: Path) -> list[Layer]:
    """Layers of the chosen part of the file; none if cancelled."""
    pick: Pick | None = EVERYTHING
    while pick is not None:
        try:
            return _layers_of(path, pick)
        except ChoiceNeeded as needed:
            pick = _ask(needed, pick)
    return []


def _layers_of(path: Path, pick: Pick) -> list[Layer]:
    """Labels if a table of classes lies beside or in the file, else an image."""
    if is_segmentation(path):
        try:
            return _label_layers(path, pick)
        except ChoiceNeeded:
            raise
        except CondsegError:  # a table of classes beside a file without labels
            if path.is_dir():
                raise
    return list(image_layers(read_image(path, pick)))


def _label_layers(path: Path, pick: Pick) -> list[Layer]:
    """A single layer, or a layer per class where classes overlap."""
    found = read_segmentation(path, None, pick)
    if not found.overlaps:
        return [label_layer(found.label_map(), name_of(path))]
    single = (found.renamed({name: name}) for name in found.classes.names)
    return [label_layer(one.label_map(), one.classes.names[0]) for one in single]


def _ask(needed: ChoiceNeeded, before: Pick) -> Pick | None:
    """Ask for the part to read; None if cancelled."""
    if not _has_window():
        raise needed
    from condseg_app.qt.choice_dialog import ask_at_once

    value = ask_at_once(needed)
    return None if value is None else needed.picked(value, before)


def _has_window() -> bool:
    """Whether there is a Qt application, and this is its thread."""
    try:
        from qtpy.QtCore import QThread
        from qtpy.QtWidgets import QApplication
    except ImportError:
        return False
    application = QApplication.instance()
    return application is not None and application.thread() is QThread.currentThread()
