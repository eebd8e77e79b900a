"""Label maps as layers, and layers as label maps."""

from pathlib import Path

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Color, Image, LabelMap
from condseg_app.errors import GeometryError
from condseg_app.io.labels.placing import onto_grid
from condseg_app.io.labels.segmentations import Segmentation
from condseg_app.viewer.adopt import geometry_of
from condseg_app.viewer.overlay import rgba
from condseg_app.viewer.placement import Placement
from condseg_app.viewer.source import METADATA_KEY


def label_layer(labels: LabelMap, name: str) -> Labels:
    """A layer in the classes' colours, which carries the label map."""
    placement = Placement.of(labels.geometry)
    clear = np.zeros(4, np.float32)
    colors: dict[int | None, NDArray[np.float32]] = {None: clear, 0: clear}
    colors.update((entry.value, rgba(entry.color)) for entry in labels.classes)
    return Labels(
        placement.to_display(labels.values),
        name=name,
        colormap=DirectLabelColormap(color_dict=colors),
        metadata={METADATA_KEY: labels},
        **placement.layer,
    )


def label_map_of(layer: Labels) -> LabelMap:
    """A layer as a label map: by its exact geometry and class table if present, else by its place.

    Raises:
        GeometryError: the layer has not two or three axes.
    """
    if layer.ndim not in (2, 3):
        raise GeometryError(f"layer '{layer.name}' has {layer.ndim} axes; a label map has 2 or 3")
    values = np.asarray(layer.data)
    values = values.astype(np.uint8 if values.max(initial=0) <= 255 else np.uint16)
    carried = layer.metadata.get(METADATA_KEY)
    known = carried.classes if isinstance(carried, LabelMap) else ClassTable()
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
    """
    labels, path = label_map_of(layer), Path(layer.name)
    values, notes = onto_grid(labels.values, labels.geometry, image.geometry, path)
    present = {int(value) for value in np.unique(values)}
    table = ClassTable(tuple(entry for entry in labels.classes if entry.value in present))
    masks = {entry.name: np.ascontiguousarray(values == entry.value) for entry in table}
    return Segmentation(path, image.geometry, table, masks, named=True, warnings=notes)


def _named(values: np.ndarray, layer: Labels, known: ClassTable) -> ClassTable:
    """The table with a row for each value that occurs; unknown values in the layer's colour."""
    table = known
    for value in np.unique(values[values > 0]):
        if all(entry.value != value for entry in table):
            table = table.adding(table.propose(f"class {value}", _color(layer, int(value)), int(value)))
    return table


def _color(layer: Labels, value: int) -> Color:
    red, green, blue = (round(float(c) * 255) for c in layer.get_color(value)[:3])
    return red, green, blue
