"""The brush's layer: a Labels layer bound to a class."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from psygnal import Signal

from condseg_app.data import ClassEntry, ClassTable, Image
from condseg_app.viewer.draft import Draft
from condseg_app.viewer.lazy import PaintedView
from condseg_app.viewer.overlay import rgba
from condseg_app.viewer.placement import Placement
from condseg_app.viewer.source import CLASSES_KEY, METADATA_KEY


class AnnotationLayer:
    """Shows a class's draft and lets the brush write into the draft, with 0 and the class's value only.

    Attributes:
        stroking: whether a mouse button is held down on the layer.
    """

    painted = Signal()  # a stroke has ended
    in_hand = Signal(bool)  # whether the brush is
    undo_asked = Signal()
    redo_asked = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.layer: Labels | None = None
        self.draft: Draft | None = None
        self.stroking = False

    @property
    def class_name(self) -> str | None:
        """The class that is painted; None where the brush is down."""
        return None if self.draft is None else self.draft.class_name

    def begin(self, entry: ClassEntry, draft: Draft, placement: Placement, image: Image) -> None:
        """Put a draft up and take up the brush."""
        self.clear()
        self.draft = draft
        # With a depth test, the map of all classes, at the same depth, would hide this layer.
        data = PaintedView(draft.read, draft.write, placement, draft.dtype)
        layer = Labels(
            data, opacity=0.7, blending="translucent_no_depth", metadata={METADATA_KEY: image}, **placement.layer
        )
        layer.brush_size = max(3, round(min(placement.display_shape[-2:]) / 25))
        layer.events.paint.connect(self._on_paint)
        layer.events.selected_label.connect(self._keep_to_class)
        layer.mouse_drag_callbacks.append(self._follow_stroke)
        # The session's history knows the supervised mask; napari's own knows only the drawing.
        layer.bind_key("Control-Z", lambda _: self.undo_asked.emit(), overwrite=True)
        layer.bind_key("Control-Shift-Z", lambda _: self.redo_asked.emit(), overwrite=True)
        self.layer = layer
        self.paint_as(entry)
        self._viewer.layers.append(layer)
        self._viewer.layers.selection.active = layer
        layer.selected_label = entry.value
        layer.mode = "paint"
        self.in_hand.emit(True)

    def paint_as(self, entry: ClassEntry) -> None:
        """Take over a class's name and colour."""
        if self.layer is None or self.draft is None:
            return
        self.draft.rename(entry.name)
        self.layer.name = f"{entry.name}, annotation"
        self.layer.metadata[CLASSES_KEY] = ClassTable((replace(entry, part_of=None),))
        clear = np.zeros(4, np.float32)
        self.layer.colormap = DirectLabelColormap(color_dict={None: clear, 0: clear, entry.value: rgba(entry.color)})

    def come_to_top(self) -> None:
        """Lie above the layers that came since the brush was taken up."""
        layers = self._viewer.layers
        if self.layer is not None and self.layer in layers and layers[-1] is not self.layer:
            layers.move(layers.index(self.layer), len(layers))

    def refresh(self) -> None:
        """Show the draft again after a change from outside."""
        if self.layer is not None:
            self.layer.refresh(extent=False)

    def clear(self) -> None:
        """Put the brush down and take the layer away."""
        layer, self.layer, self.draft, self.stroking = self.layer, None, None, False
        if layer is not None:
            layer.events.paint.disconnect(self._on_paint)
            layer.events.selected_label.disconnect(self._keep_to_class)
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
            self.in_hand.emit(False)

    def _follow_stroke(self, layer: Labels, event: Any) -> Iterator[None]:
        del layer
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
