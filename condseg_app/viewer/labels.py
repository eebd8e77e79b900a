"""Label maps as layers, and layers as label maps."""

from pathlib import Path

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Color, Image, LabelMap, values_present
from condseg_app.errors import GeometryError
from condseg_app.io.labels.placing import onto_grid
from condseg_app.io.labels.reader import whole_numbers
from condseg_app.io.labels.segmentations import Segmentation, of_label_map
from condseg_app.viewer.adopt import geometry_of
from condseg_app.viewer.overlay import colormap_of
from condseg_app.viewer.placement import Placement
from condseg_app.viewer.source import CLASSES_KEY, METADATA_KEY


def label_layer(labels: LabelMap, name: str) -> Labels:
    """A layer in the classes' colours, which carries the label map."""
    placement = Placement.of(labels.geometry)
    return Labels(
        placement.to_display(labels.values),
        name=name,
        colormap=colormap_of(labels.classes),
        metadata={METADATA_KEY: labels},
        **placement.layer,
    )


def label_map_of(layer: Labels) -> LabelMap:
    """A layer as a label map: by its exact geometry and class table if present, else by its place.

    Raises:
        GeometryError: the layer has not two or three axes.
        ReadError: a value that no class can have.
    """
    if layer.ndim not in (2, 3):
        raise GeometryError(f"layer '{layer.name}' has {layer.ndim} axes; a label map has 2 or 3")
    values, _ = whole_numbers(np.asarray(layer.data), 0.0, Path(layer.name))
    carried, known = layer.metadata.get(METADATA_KEY), classes_of(layer) or ClassTable()
    if isinstance(carried, LabelMap | Image):
        placement = Placement.of(carried.geometry)
        if placement.display_shape == values.shape:
            return LabelMap(placement.to_source(values), carried.geometry, _named(values, layer, known))
    turned = (values[None] if layer.ndim == 2 else values).transpose(2, 1, 0)
    return LabelMap(turned, geometry_of(layer), _named(values, layer, known))


def segmentation_of(layer: Labels, image: Image) -> Segmentation:
    """A layer as a segmentation of an image.

    Raises:
        GeometryError: the layer does not lie on the image's voxels.
        ReadError: a value that no class can have.
    """
    labels, path = label_map_of(layer), Path(layer.name)
    values, notes = onto_grid(labels.values, labels.geometry, image.geometry, path)
    placed = LabelMap(values, image.geometry, labels.classes, notes)
    return of_label_map(path, placed, named=classes_of(layer) is not None)


def classes_of(layer: Labels) -> ClassTable | None:
    """The names of a layer's labels; None where the layer has none."""
    carried = layer.metadata.get(METADATA_KEY)
    classes = carried.classes if isinstance(carried, LabelMap) else layer.metadata.get(CLASSES_KEY)
    return classes if isinstance(classes, ClassTable) else None


def _named(values: NDArray[np.unsignedinteger], layer: Labels, known: ClassTable) -> ClassTable:
    """The table with a row for each value that occurs; unknown values in the layer's colour."""
    table = known
    for value in sorted({*values_present(values)} - {entry.value for entry in known}):
        table = table.adding(table.propose(f"class {value}", _color(layer, value), value))
    return table


def _color(layer: Labels, value: int) -> Color:
    red, green, blue = (round(float(c) * 255) for c in layer.get_color(value)[:3])
    return red, green, blue
