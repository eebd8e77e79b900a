"""The brush's layer: a Labels layer bound to one class."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from psygnal import Signal

from condseg_app.data import ClassEntry, Region
from condseg_app.viewer.draft import Draft
from condseg_app.viewer.overlay import rgba
from condseg_app.viewer.placement import Placement


class AnnotationLayer:
    """Shows one class's draft and lets the brush write into it, with 0 and the class's value only."""

    painted = Signal()  # a stroke has ended

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.layer: Labels | None = None
        self.draft: Draft | None = None
        self.class_name: str | None = None

    def begin(self, entry: ClassEntry, draft: Draft, placement: Placement) -> None:
        """Put a draft up and take up the brush."""
        self.clear()
        self.class_name, self.draft = entry.name, draft
        # At the depth of the map of all classes, one that is tested for depth would be hidden behind it.
        layer = Labels(
            placement.to_display(draft.work), opacity=0.7, blending="translucent_no_depth", **placement.layer
        )
        layer.brush_size = max(3, round(min(placement.display_shape[-2:]) / 25))
        layer.events.paint.connect(self._on_paint)
        layer.events.selected_label.connect(self._keep_to_class)
        self.layer = layer
        self.paint_as(entry)
        self._viewer.layers.append(layer)
        self._viewer.layers.selection.active = layer
        layer.selected_label = entry.value
        layer.mode = "paint"

    def paint_as(self, entry: ClassEntry) -> None:
        """Take over a class's name and colour."""
        if self.layer is None:
            return
        self.class_name = entry.name
        self.layer.name = f"{entry.name}, marked"
        clear = np.zeros(4, np.float32)
        self.layer.colormap = DirectLabelColormap(color_dict={None: clear, 0: clear, entry.value: rgba(entry.color)})

    def complete(self, region: Region) -> None:
        """Declare a region of the image complete."""
        if self.draft is not None:
            self.draft.complete(region)

    def refresh(self) -> None:
        """Show the draft again after it was changed from outside."""
        if self.layer is not None:
            self.layer.refresh(extent=False)

    def clear(self) -> None:
        """Put the brush down and take the layer away."""
        layer, self.layer, self.draft, self.class_name = self.layer, None, None, None
        if layer is not None:
            layer.events.paint.disconnect(self._on_paint)
            layer.events.selected_label.disconnect(self._keep_to_class)
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def _on_paint(self) -> None:
        self.painted.emit()

    def _keep_to_class(self) -> None:
        """Another label than the class's or none would be lost at export: go back to the class."""
        if self.layer is not None and self.draft is not None and self.layer.selected_label not in (0, self.draft.value):
            self.layer.selected_label = self.draft.value
