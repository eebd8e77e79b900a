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

from condseg_app.data import Annotation, ClassEntry, ClassTable, Color, Region, as_level
from condseg_app.viewer.lazy import LazyView
from condseg_app.viewer.placement import Placement

ALL_CLASSES = "all classes"
_OPACITY = 0.55
MOST, NONE = np.uint8(255), np.uint8(0)
ReadLabels = Callable[[Region], NDArray[np.unsignedinteger]]
ReadLevels = Callable[[Region], NDArray[np.uint8]]


class ClassMapLayer:
    """The fused map of all classes: a Labels layer that is computed for the slice that is looked at."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.layer: Labels | None = None
        self._colored: tuple[ClassTable, frozenset[str]] | None = None

    def show(self, read: ReadLabels, placement: Placement, dtype: DTypeLike, metadata: dict[str, Any]) -> None:
        """Put the layer up, or another source under it."""
        self.clear()
        data = LazyView(read, placement, dtype)
        self.layer = Labels(
            data, name=ALL_CLASSES, opacity=_OPACITY, iso_gradient_mode="smooth", metadata=metadata, **placement.layer
        )
        self.layer.editable = False
        _add_quietly(self._viewer, self.layer)

    def color(self, classes: ClassTable, invisible: frozenset[str]) -> None:
        """Give every class its colour; an invisible one is transparent and stays in the data."""
        wanted = (classes, invisible)
        if self.layer is None or self._colored == wanted:  # setting a colormap draws the layer anew
            return
        self._colored = wanted
        colors: dict[int | None, NDArray[np.float32]] = {None: np.zeros(4, np.float32), 0: np.zeros(4, np.float32)}
        for entry in classes:
            colors[entry.value] = rgba(entry.color, 0.0 if entry.name in invisible else 1.0)
        self.layer.colormap = DirectLabelColormap(color_dict=colors)

    def refresh(self) -> None:
        """Look at the data again, on the slice that is shown."""
        if self.layer is not None:
            self.layer.refresh(extent=False, highlight=False)

    def clear(self) -> None:
        """Take the layer away."""
        layer, self.layer, self._colored = self.layer, None, None
        _remove(self._viewer, layer)


class ClassLayer:
    """The class in hand: its probabilities, of which the contrast limits show what reaches the threshold.

    Moving the threshold uploads nothing: it sets two numbers.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._shown: object = None
        self._color: Color | None = None
        self.layer: ImageLayer | None = None

    def show(self, entry: ClassEntry, read: ReadLevels, placement: Placement, what: object) -> None:
        """Show a class.

        Args:
            entry: the class.
            read: region of the image -> its uint8 probabilities there.
            placement: how the image is laid out.
            what: stands for all that `read` depends on; the layer's data is swapped when it is another.
        """
        data = LazyView(read, placement, np.uint8)
        if self.layer is None:
            self.layer = ImageLayer(
                data,
                contrast_limits=(0, 255),
                blending="translucent_no_depth",
                opacity=_OPACITY,
                **placement.layer,
            )
            _add_quietly(self._viewer, self.layer)
        elif self._shown != what:
            self.layer.data = data
        self._shown = what
        self.layer.name = entry.name
        if self._color != entry.color:  # setting a colormap draws the layer anew
            self.layer.colormap = _step(entry.color)
            self._color = entry.color
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
        layer, self.layer, self._shown, self._color = self.layer, None, None, None
        _remove(self._viewer, layer)


def corrected(level: NDArray[np.uint8] | None, annotation: Annotation | None, region: Region) -> NDArray[np.uint8]:
    """A class's probabilities in a region, certain where a person has decided; one of both is there."""
    if annotation is None:
        return np.zeros((0, 0, 0), np.uint8) if level is None else level[region]
    marked = annotation.mask[region]
    start = np.zeros(marked.shape, np.uint8) if level is None else level[region]
    certain: NDArray[np.uint8] = np.where(annotation.supervised[region], np.where(marked, MOST, NONE), start)
    return certain


def rgba(color: Color, alpha: float = 1.0) -> NDArray[np.float32]:
    """A colour of 0 to 255 as napari wants it."""
    return np.array([*(c / 255 for c in color), alpha], np.float32)


def _step(color: Color) -> Colormap:
    return Colormap(np.stack([rgba(color, 0.0), rgba(color)]), name=f"class {color}")


def _add_quietly(viewer: ViewerModel, layer: Layer) -> None:
    """Add a layer without taking the selection away from what the user has in hand."""
    selected = set(viewer.layers.selection)
    active = viewer.layers.selection.active
    viewer.layers.append(layer)
    viewer.layers.selection = selected
    if active is not None:
        viewer.layers.selection.active = active


def _remove(viewer: ViewerModel, layer: Layer | None) -> None:
    if layer is not None:
        with contextlib.suppress(ValueError):  # the user took it away already
            viewer.layers.remove(layer)
