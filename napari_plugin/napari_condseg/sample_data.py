"""Sample data: generated, small, offline."""

from typing import Any

from condseg_app.io import read_image
from condseg_app.viewer import image_layers
from condseg_app.viewer.samples import SAMPLES

LayerData = tuple[Any, dict[str, Any], str]


def abdomen() -> list[LayerData]:
    """A CT-like abdomen."""
    return _layers("abdomen")


def street() -> list[LayerData]:
    """A drawn street scene."""
    return _layers("street")


def _layers(key: str) -> list[LayerData]:
    sample = next(sample for sample in SAMPLES if sample.key == key)
    return [layer.as_layer_data_tuple() for layer in image_layers(read_image(sample.path))]
