"""Reading for napari: images and label maps laid out by their true geometry."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari.layers import Layer

from condseg_app.errors import CondsegError
from condseg_app.io import is_image, read_image, read_label_map
from condseg_app.io.class_files import classes_beside
from condseg_app.io.contents import name_of
from condseg_app.viewer import image_layers, label_layer

LayerData = tuple[Any, dict[str, Any], str]
Read = Callable[[str | Sequence[str]], list[LayerData]]


def get_reader(path: str | Sequence[str]) -> Read | None:
    """What reads these files or zarr folders, None where their names say that it cannot."""
    paths = [path] if isinstance(path, str) else list(path)
    return read if paths and all(is_image(Path(p)) for p in paths) else None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Layers of one or more files; errors are sentences that napari shows."""
    paths = [path] if isinstance(path, str) else list(path)
    return [layer.as_layer_data_tuple() for p in paths for layer in _layers(Path(p))]


def _layers(path: Path) -> list[Layer]:
    """A label map where a class table lies beside the file or is in it, else an image."""
    if classes_beside(path)[0] is not None:
        with contextlib.suppress(CondsegError):  # names for what is no label map
            return [label_layer(read_label_map(path), name_of(path))]
    return list(image_layers(read_image(path)))
