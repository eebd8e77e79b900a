"""Results as layers: a map of the classes, and their conflicts."""

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import DTypeLike, NDArray

from condseg_app.data import ClassEntry, ClassId, ClassTable, Color, Region
from condseg_app.viewer.layer_list import add_quietly, remove
from condseg_app.viewer.lazy import LazyView
from condseg_app.viewer.placement import Placement
from condseg_app.viewer.source import CLASSES_KEY

ALL_CLASSES = "all classes"
CONFLICTS = "conflicts"
_OPACITY = 0.55
_CONFLICT_COLOR: Color = (255, 0, 255)
_CONFLICT_OPACITY = 0.85
ReadLabels = Callable[[Region], NDArray[np.unsignedinteger]]
ReadMask = Callable[[Region], NDArray[np.bool_]]


class ClassMapLayer:
    """The map of classes: a Labels layer, computed for the slice in view.

    The drawing may differ from the fused map of all classes, which is the array made of the layer's data: looking at a
    slice again costs little, while another colormap costs a shader, which takes as long as drawing the slice.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.layer: Labels | None = None
        self._colored: tuple[ClassTable, frozenset[ClassId]] | None = None

    def show(
        self,
        drawn: ReadLabels,
        fused: ReadLabels,
        placement: Placement,
        dtype: DTypeLike,
        metadata: dict[str, Any],
    ) -> None:
        """Add the layer, or set another source."""
        self.clear()
        data = LazyView(drawn, placement, dtype, whole=fused)
        self.layer = Labels(
            data, name=ALL_CLASSES, opacity=_OPACITY, iso_gradient_mode="smooth", metadata=metadata, **placement.layer
        )
        forbid_drawing(self.layer)
        add_quietly(self._viewer, self.layer)

    def color(self, classes: ClassTable, hidden: frozenset[ClassId]) -> None:
        """Give every class its colour; a hidden class is transparent and stays in the data."""
        wanted = (classes, hidden)
        if self.layer is None or self._colored == wanted:  # setting a colormap draws the layer anew
            return
        self._colored = wanted
        self.layer.metadata[CLASSES_KEY] = classes
        self.layer.colormap = colormap_of(classes, hidden)

    def refresh(self, thumbnail: bool) -> None:
        """Look at the data again, on the slice that is shown; in napari's list of layers, too, if that is asked for."""
        if self.layer is not None:
            self.layer.refresh(extent=False, highlight=False, thumbnail=thumbnail)

    def clear(self) -> None:
        """Take the layer away."""
        layer, self.layer, self._colored = self.layer, None, None
        remove(self._viewer, layer)


class ConflictLayer:
    """The voxels that several classes claim, found for the slice in view; not drawn in 3D."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.layer: Labels | None = None

    def show(self, read: ReadMask, placement: Placement) -> None:
        """Add the layer, unless present."""
        if self.layer is not None:
            return
        data = LazyView(lambda region: read(region).astype(np.uint8), placement, np.uint8)
        self.layer = Labels(
            data,
            name=CONFLICTS,
            opacity=_CONFLICT_OPACITY,
            colormap=colormap_of(ClassTable((ClassEntry(1, CONFLICTS, _CONFLICT_COLOR),))),
            blending="translucent_no_depth",  # or the map of all classes, at the same depth, would hide this layer
            visible=self._viewer.dims.ndisplay == 2,
            **placement.layer,
        )
        forbid_drawing(self.layer)
        add_quietly(self._viewer, self.layer)

    def draw_in_2d_only(self) -> None:
        """Hide the layer in 3D, where the whole volume would have to be searched."""
        if self.layer is not None:
            self.layer.visible = self._viewer.dims.ndisplay == 2

    def refresh(self) -> None:
        """Look at the data again, on the slice that is shown."""
        if self.layer is not None and self.layer.visible:
            self.layer.refresh(extent=False, highlight=False)

    def clear(self) -> None:
        """Take the layer away."""
        layer, self.layer = self.layer, None
        remove(self._viewer, layer)


def colormap_of(classes: ClassTable, hidden: frozenset[ClassId] = frozenset()) -> DirectLabelColormap:
    """The classes' colours by their values; all other values, and hidden classes, are transparent."""
    clear = np.zeros(4, np.float32)
    colors: dict[int | None, NDArray[np.float32]] = {None: clear, 0: clear}
    colors.update((entry.value, _rgba(entry.color, 0.0 if entry.id in hidden else 1.0)) for entry in classes)
    return DirectLabelColormap(color_dict=colors)


def _rgba(color: Color, alpha: float) -> NDArray[np.float32]:
    """A colour of 0 to 255 in napari's form."""
    return np.array([*(c / 255 for c in color), alpha], np.float32)


def forbid_drawing(layer: Labels) -> None:
    """Let nobody draw on a layer, and napari not prepare for strokes, half of the time of adding the layer."""
    layer.editable = False
    for overlay in layer._overlays.values():  # napari makes those that are visible, with shaders of their own
        overlay.visible = False
