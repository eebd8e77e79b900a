"""The session on napari's ViewerModel: layers out, corrections back. No Qt."""

from condseg_app.viewer.annotation import AnnotationLayer
from condseg_app.viewer.binding import LayerBinding
from condseg_app.viewer.labels import label_layer, label_map_of, segmentation_of
from condseg_app.viewer.placement import Placement
from condseg_app.viewer.source import image_layers

__all__ = [
    "AnnotationLayer",
    "LayerBinding",
    "Placement",
    "image_layers",
    "label_layer",
    "label_map_of",
    "segmentation_of",
]
