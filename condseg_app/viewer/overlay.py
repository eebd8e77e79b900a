"""Results as layers: one map of all classes, and the class in hand on its own, cut by its threshold."""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Labels, Layer
from napari.utils.colormaps import Colormap, DirectLabelColormap
from numpy.typing import DTypeLike, NDArray

from condseg_app.data import ClassEntry, ClassTable, Color, Region, as_level
from condseg_app.viewer.lazy import LazyView
from condseg_app.viewer.placement import Placement

ALL_CLASSES = "all classes"
CONFLICTS = "conflicts"
_OPACITY = 0.55
_CONFLICT_COLOR: Color = (255, 0, 255)
_CONFLICT_OPACITY = 0.85
ReadLabels = Callable[[Region], NDArray[np.unsignedinteger]]
ReadLevels = Callable[[Region], NDArray[np.uint8]]
ReadMask = Callable[[Region], NDArray[np.bool_]]


class ClassMapLayer:
    """The fused map of all classes: a Labels layer that is computed for the slice that is looked at.

    Classes that have a layer of their own are left out of what is drawn: that costs a slice, while another colormap
    costs a shader. An array made of the layer's data has all classes.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.layer: Labels | None = None
        self._read: ReadLabels | None = None
        self._left_out: frozenset[int] = frozenset()
        self._colored: tuple[ClassTable, frozenset[str]] | None = None

    def show(self, read: ReadLabels, placement: Placement, dtype: DTypeLike, metadata: dict[str, Any]) -> None:
        """Put the layer up, or another source under it."""
        self.clear()
        self._read = read
        data = LazyView(self._drawn, placement, dtype, whole=read)
        self.layer = Labels(
            data, name=ALL_CLASSES, opacity=_OPACITY, iso_gradient_mode="smooth", metadata=metadata, **placement.layer
        )
        self.layer.editable = False
        _add_quietly(self._viewer, self.layer)

    def color(self, classes: ClassTable, hidden: frozenset[str]) -> None:
        """Give every class its colour; a hidden one is transparent and stays in the data."""
        wanted = (classes, hidden)
        if self.layer is None or self._colored == wanted:  # setting a colormap draws the layer anew
            return
        self._colored = wanted
        colors: dict[int | None, NDArray[np.float32]] = {None: np.zeros(4, np.float32), 0: np.zeros(4, np.float32)}
        for entry in classes:
            colors[entry.value] = rgba(entry.color, 0.0 if entry.name in hidden else 1.0)
        self.layer.colormap = DirectLabelColormap(color_dict=colors)

    def leave_out(self, values: frozenset[int]) -> None:
        """Do not draw classes of these values."""
        if self._left_out != values:
            self._left_out = values
            self.refresh()

    def refresh(self) -> None:
        """Look at the data again, on the slice that is shown."""
        if self.layer is not None:
            self.layer.refresh(extent=False, highlight=False)

    def clear(self) -> None:
        """Take the layer away."""
        layer, self.layer, self._read, self._colored = self.layer, None, None, None
        _remove(self._viewer, layer)

    def _drawn(self, region: Region) -> NDArray[np.unsignedinteger]:
        if self._read is None:
            return np.zeros((0, 0, 0), np.uint8)
        labels = self._read(region)
        for value in self._left_out:
            labels[labels == value] = 0
        return labels


class ClassLayer:
    """The class in hand: its probabilities, of which the contrast limits show what reaches the threshold.

    Moving the threshold uploads nothing: it sets two numbers. Another class is read through the same data, for
    napari takes longer over new data than over the slice that is drawn.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._entry: ClassEntry | None = None
        self._read: ReadLevels | None = None
        self.layer: ImageLayer | None = None

    def show(self, entry: ClassEntry, read: ReadLevels, placement: Placement) -> None:
        """Show a class.

        Args:
            entry: the class.
            read: region of the image -> the class's uint8 probabilities there.
            placement: how the image is laid out.
        """
        before, self._entry, self._read = self._entry, entry, read
        if self.layer is None:
            self.layer = ImageLayer(
                LazyView(self._levels, placement, np.uint8),
                name=entry.name,
                colormap=_step(entry.color),
                contrast_limits=(0, 255),
                blending="translucent_no_depth",
                opacity=_OPACITY,
                **placement.layer,
            )
            _add_quietly(self._viewer, self.layer)
            return
        if before is None or before.color != entry.color:  # setting a colormap draws the layer anew
            self.layer.colormap = _step(entry.color)
        if before is None or before.name != entry.name:
            self.layer.name = entry.name
            self.refresh()
        if not self.layer.visible:  # napari looks at the data again
            self.layer.visible = True

    def cut(self, threshold: float) -> None:
        """Show what reaches a threshold of 0 to 1."""
        if self.layer is None:
            return
        level = as_level(threshold)
        if tuple(self.layer.contrast_limits) != (level - 1, level):
            self.layer.contrast_limits = (level - 1, level)

    def hide(self) -> None:
        """Show nothing, keep the layer."""
        if self.layer is not None:
            self.layer.visible = False

    def refresh(self) -> None:
        """Look at the data again, on the slice that is shown."""
        if self.layer is not None and self.layer.visible:
            self.layer.refresh(extent=False, highlight=False)

    def clear(self) -> None:
        """Take the layer away."""
        layer, self.layer, self._entry, self._read = self.layer, None, None, None
        _remove(self._viewer, layer)

    def _levels(self, region: Region) -> NDArray[np.uint8]:
        return np.zeros((0, 0, 0), np.uint8) if self._read is None else self._read(region)


class ConflictLayer:
    """The voxels that several classes claim, found for the slice that is looked at; in 3D they are not drawn."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.layer: Labels | None = None

    def show(self, read: ReadMask, placement: Placement) -> None:
        """Put the layer up, unless it is there."""
        if self.layer is not None:
            return
        data = LazyView(lambda region: read(region).astype(np.uint8), placement, np.uint8)
        colors = {None: np.zeros(4, np.float32), 0: np.zeros(4, np.float32), 1: rgba(_CONFLICT_COLOR)}
        self.layer = Labels(
            data,
            name=CONFLICTS,
            opacity=_CONFLICT_OPACITY,
            colormap=DirectLabelColormap(color_dict=colors),
            blending="translucent_no_depth",  # or the map of all classes, which lies as deep, would hide it
            visible=self._viewer.dims.ndisplay == 2,
            **placement.layer,
        )
        self.layer.editable = False
        _add_quietly(self._viewer, self.layer)

    def draw_in_2d_only(self) -> None:
        """Hide it in 3D, where all of the volume would have to be looked through."""
        if self.layer is not None:
            self.layer.visible = self._viewer.dims.ndisplay == 2

    def refresh(self) -> None:
        """Look at the data again, on the slice that is shown."""
        if self.layer is not None and self.layer.visible:
            self.layer.refresh(extent=False, highlight=False)

    def clear(self) -> None:
        """Take the layer away."""
        layer, self.layer = self.layer, None
        _remove(self._viewer, layer)


def rgba(color: Color, alpha: float = 1.0) -> NDArray[np.float32]:
    """A colour of 0 to 255 as napari wants it."""
    return np.array([*(c / 255 for c in color), alpha], np.float32)


def _step(color: Color) -> Colormap:
    return Colormap(np.stack([rgba(color, 0.0), rgba(color)]), name=f"class {color}")


def _add_quietly(viewer: ViewerModel, layer: Layer) -> None:
    """Add a layer without taking the selection away from what the user has in hand.

    Nobody is told that the selection went to the layer and came back: napari would build its controls anew each time.
    """
    selected = set(viewer.layers.selection)
    active = viewer.layers.selection.active
    with viewer.layers.selection.events.blocker_all():
        viewer.layers.append(layer)
        viewer.layers.selection = selected
        if active is not None:
            viewer.layers.selection.active = active


def _remove(viewer: ViewerModel, layer: Layer | None) -> None:
    if layer is not None:
        with contextlib.suppress(ValueError):  # the user took it away already
            viewer.layers.remove(layer)
