"""The brush's layer: a Labels layer bound to a class."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from numpy.typing import DTypeLike, NDArray
from psygnal import Signal

from condseg_app.data import ClassEntry, ClassId, ClassTable, Image, Region, Shape
from condseg_app.viewer.draft import Draft
from condseg_app.viewer.layer_list import add_quietly, remove, select
from condseg_app.viewer.lazy import PaintedView
from condseg_app.viewer.overlay import colormap_of
from condseg_app.viewer.placement import Placement
from condseg_app.viewer.reduced import nothing_in
from condseg_app.viewer.source import CLASSES_KEY, METADATA_KEY

UNUSED = "brush"
"""Name of the layer while the brush is down."""


class AnnotationLayer:
    """Shows a class's draft and lets the brush write into the draft, with 0 and the class's value only.

    napari takes a quarter of a second to add a layer of labels. So the layer stays, hidden and empty, while the brush
    is down, and may be added before the brush is first taken up.

    Attributes:
        layer: the layer while the brush is in hand; None otherwise.
        draft: the painted draft; None while the brush is down.
        stroking: whether a mouse button is held down on the layer.
    """

    painted = Signal()  # a stroke has ended
    in_hand = Signal(bool)  # whether the brush is
    undo_asked = Signal()
    redo_asked = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._kept: Labels | None = None
        self._colored: ClassTable | None = None
        self._shape: Shape = (0, 0, 0)
        self.layer: Labels | None = None
        self.draft: Draft | None = None
        self.stroking = False

    def __contains__(self, layer: object) -> bool:
        return self._kept is not None and layer == self._kept

    @property
    def class_id(self) -> ClassId | None:
        """The class that is painted; None where the brush is down."""
        return None if self.draft is None else self.draft.class_id

    def get_ready(self, placement: Placement, image: Image, classes: ClassTable, dtype: DTypeLike = np.uint8) -> Labels:
        """The layer, added if need be: empty, and visible in 2D, so that it is drawn once before it is needed.

        Args:
            placement: layout of the image.
            image: the image.
            classes: the classes with their colours.
            dtype: of the classes' values.
        """
        if self._kept is None or self._kept not in self._viewer.layers or self._kept.data.dtype != dtype:
            self.remove()
            self._kept = self._made(placement, image, dtype)
            add_quietly(self._viewer, self._kept)
            self._kept.mouse_drag_callbacks.append(self._follow_stroke)  # after napari's, which may pan instead
        self.color(classes)
        return self._kept

    def begin(self, entry: ClassEntry, draft: Draft, placement: Placement, image: Image, classes: ClassTable) -> None:
        """Show a draft and take up the brush."""
        self.clear()
        layer = self.get_ready(placement, image, classes, draft.dtype)
        self.draft, self.layer = draft, layer
        self.paint_as(entry)
        self.come_to_top()
        layer.editable = True
        layer.visible = True
        select(self._viewer, layer)
        layer.selected_label = entry.value
        layer.mode = "paint"
        self.in_hand.emit(True)

    def paint_as(self, entry: ClassEntry) -> None:
        """Take over a class's name."""
        if self.layer is not None:
            self.layer.name = f"{entry.name}, annotation"
            self.layer.metadata[CLASSES_KEY] = ClassTable((replace(entry, part_of=None),))

    def color(self, classes: ClassTable) -> None:
        """Give every class its colour: another class in hand needs no other colormap, which costs a shader."""
        if self._kept is not None and self._colored != classes:
            self._colored = classes
            self._kept.colormap = colormap_of(classes)

    def come_to_top(self) -> None:
        """Lie above the layers that came since."""
        layers = self._viewer.layers
        if self._kept is not None and self._kept in layers and layers[-1] is not self._kept:
            layers.move(layers.index(self._kept), len(layers))

    def refresh(self) -> None:
        """Show the draft again after a change from outside."""
        if self.layer is not None:
            self.layer.refresh(extent=False, highlight=False)

    def clear(self) -> None:
        """Put the brush down and hide the layer."""
        layer, self.layer, self.draft, self.stroking = self.layer, None, None, False
        if layer is not None:
            layer.editable = False  # by which napari forgets its own history of the strokes
            layer.name = UNUSED
            del layer.metadata[CLASSES_KEY]
            self.rest()
            self.in_hand.emit(False)

    def rest(self) -> None:
        """Hide the layer while the brush is down."""
        if self.layer is None and self._kept is not None and self._kept.visible:
            self._kept.visible = False

    def remove(self) -> None:
        """Put the brush down and take the layer away."""
        self.clear()
        layer, self._kept, self._colored = self._kept, None, None
        remove(self._viewer, layer)

    def _made(self, placement: Placement, image: Image, dtype: DTypeLike) -> Labels:
        self._shape = placement.shape
        # With a depth test, the map of all classes, at the same depth, would hide this layer.
        layer = Labels(
            PaintedView(self._read, self._write, placement, dtype),
            name=UNUSED,
            opacity=0.7,
            blending="translucent_no_depth",
            visible=self._viewer.dims.ndisplay == 2,
            metadata={METADATA_KEY: image},
            **placement.layer,
        )
        layer.brush_size = max(3, round(min(placement.display_shape[-2:]) / 25))
        layer.editable = False
        polygon = layer._overlays["polygon"]
        polygon.visible = False  # until used: napari would prepare for a polygon while adding the layer
        polygon.events.enabled.connect(lambda: setattr(polygon, "visible", polygon.enabled))
        layer.events.paint.connect(self._on_paint)
        layer.events.selected_label.connect(self._keep_to_class)
        # The session's history knows the supervised mask; napari's own knows only the drawing.
        layer.bind_key("Control-Z", lambda _: self.undo_asked.emit(), overwrite=True)
        layer.bind_key("Control-Shift-Z", lambda _: self.redo_asked.emit(), overwrite=True)
        return layer

    def _read(self, region: Region) -> NDArray[np.unsignedinteger]:
        return nothing_in(region, self._shape).copy() if self.draft is None else self.draft.read(region)

    def _write(self, region: Region, values: NDArray[np.unsignedinteger]) -> None:
        if self.draft is not None:
            self.draft.write(region, values)

    def _follow_stroke(self, layer: Labels, event: Any) -> Iterator[None]:
        if not layer.mouse_pan:
            event.handled = True  # else vispy draws the whole scene once more, to find whose press it is
        self.stroking = True
        yield
        while event.type == "mouse_move":
            yield
        self.stroking = False

    def _on_paint(self) -> None:
        self.painted.emit()

    def _keep_to_class(self) -> None:
        """Another label than the class's or none would be lost at export: go back to the class."""
        if self.layer is not None and self.draft is not None and self.layer.selected_label not in (0, self.draft.value):
            self.layer.selected_label = self.draft.value
