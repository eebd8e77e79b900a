"""Writing for napari: label maps with exact geometry, and names, values and colours in a file beside."""

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels

from condseg_app.io import write_label_map
from condseg_app.viewer import label_map_of

_PLACE = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels", "metadata", "name", "colormap")


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a Labels layer as a label map of the format that the name ends with; returns all files written."""
    layer = Labels(np.asarray(data), **{key: meta[key] for key in _PLACE if key in meta})
    return [str(file) for file in write_label_map(Path(path), label_map_of(layer))]
