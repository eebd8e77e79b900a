"""The results on screen: the map of all classes, and their conflicts if requested."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray

from condseg_app.data import Region
from condseg_app.session import Session, fusing
from condseg_app.viewer.annotation import AnnotationLayer
from condseg_app.viewer.overlay import ClassMapLayer, ConflictLayer
from condseg_app.viewer.placement import Placement
from condseg_app.viewer.reduced import ReducedVolume
from condseg_app.viewer.shown import Shown, ShownLabels, View, resolve
from condseg_app.viewer.source import METADATA_KEY, SourceLayers


class Results:
    """Draws the session's results over the image; in a large volume in 3D, the reduced volume is drawn instead.

    Args:
        session: with the results.
        viewer: for the layers.
        source: layers of the image.
        annotation: the brush's layer, which stays on top.
        reduced: the reduced volume.
    """

    def __init__(
        self,
        session: Session,
        viewer: ViewerModel,
        source: SourceLayers,
        annotation: AnnotationLayer,
        reduced: ReducedVolume,
    ) -> None:
        self._session, self._viewer = session, viewer
        self._source, self._annotation, self._reduced = source, annotation, reduced
        self.class_map = ClassMapLayer(viewer)
        self.conflicts = ConflictLayer(viewer)
        self._labels = ShownLabels()

    def __contains__(self, layer: object) -> bool:
        return any(layer == own for own in (self.class_map.layer, self.conflicts.layer) if own is not None)

    def show(self) -> None:
        """Add the layers that are due, and remove others."""
        self._labels.forget()  # a new layer, or new colours, look at the data at once
        shown, placement = self._shown(), self._source.placement
        if placement is None or not len(shown.classes):
            self.class_map.clear()
        else:
            if self.class_map.layer is None and shown.has_results:
                self._add_map(shown, placement)
            self.class_map.color(shown.classes, shown.hidden)
        if placement is None or not shown.conflicts:
            self.conflicts.clear()
        else:
            self.conflicts.show(lambda region: fusing.conflicts(self._session.state, region), placement)

    def forget(self) -> None:
        """Compute all labels anew at the next drawing."""
        self._labels.forget()

    def refresh(self) -> None:
        """Draw the present state."""
        layer = self.class_map.layer
        if self._reduced.is_on:
            self._reduced.draw(None if layer is None else layer.colormap)
        if not self._reduced.is_due:
            # the thumbnail is a millisecond that a switch of classes does without
            self.class_map.refresh(thumbnail=not self._labels.is_kept)
            self.conflicts.refresh()

    def clear(self) -> None:
        """Remove the layers."""
        self.conflicts.clear()
        self.class_map.clear()
        self._labels.forget()

    def fused(self, region: Region) -> NDArray[np.unsignedinteger]:
        """All classes in a single map."""
        return fusing.labels(self._session.state, None, region).values

    def covers(self) -> tuple[Layer | None, ...]:
        """The layers that hide the reduced volume."""
        return self.class_map.layer, self._annotation.layer

    def _shown(self) -> Shown:
        """Content of the layers at present."""
        in_3d = self._viewer.dims.ndisplay == 3
        return resolve(self._session.state, View(in_3d, self._reduced.is_due, self._annotation.class_id))

    def _add_map(self, shown: Shown, placement: Placement) -> None:
        carried = {METADATA_KEY: self._session.state.image}
        self.class_map.show(self._drawn, self.fused, placement, shown.classes.value_type, carried)
        self._annotation.come_to_top()
        if self._reduced.is_due and self.class_map.layer is not None:
            self._reduced.hide([self.class_map.layer])

    def _drawn(self, region: Region) -> NDArray[np.unsignedinteger]:
        """The map as it is to be seen."""
        return self._labels.draw(self._session.state, self._shown(), region)
