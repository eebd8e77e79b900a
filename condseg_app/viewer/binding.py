"""The session on napari's screen: the only module that knows both."""

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray

from condseg_app.data import EVERYWHERE, Region
from condseg_app.session import Session, fusing
from condseg_app.viewer.adopt import image_from_layer
from condseg_app.viewer.annotation import AnnotationLayer
from condseg_app.viewer.overlay import ClassMapLayer, ConflictLayer
from condseg_app.viewer.painting import Painting
from condseg_app.viewer.placement import Placement
from condseg_app.viewer.reduced import ReducedVolume, nothing_in
from condseg_app.viewer.shown import Shown, ShownLabels, View, resolve
from condseg_app.viewer.sight import Sight, Upright, overlaps
from condseg_app.viewer.source import METADATA_KEY, SourceLayers, channel_of, image_of
from condseg_app.viewer.throttle import Throttle

_REFRESH_SECONDS = 0.08


class LayerBinding:
    """Shows a session in a viewer and brings back the painting. Used on the GUI's thread only.

    Layers: the image (or the user's own layer), a map of all classes, their conflicts if requested,
    and, during painting, the annotation of one class. The host calls `flush` from a timer, so that the last of many
    quick changes is drawn too.
    """

    def __init__(self, session: Session, viewer: ViewerModel) -> None:
        self.session = session
        self.viewer = viewer
        self.placement: Placement | None = None
        self.source = SourceLayers(viewer)
        self.class_map = ClassMapLayer(viewer)
        self.conflicts = ConflictLayer(viewer)
        self.reduced = ReducedVolume(viewer)
        self.annotation = AnnotationLayer(viewer)
        self.painting = Painting(session, self.annotation)
        self._upright = Upright(viewer)
        self._adopting: Layer | None = None
        self._adopted_placement: Placement | None = None
        self._marks_are_old = False
        self._labels = ShownLabels()
        self._redraw = Throttle(self._refresh, _REFRESH_SECONDS)
        for signal, slot in self._connections():
            signal.connect(slot)
        self._on_image()

    def _connections(self) -> tuple[tuple[Any, Callable[..., None]], ...]:
        session, viewer = self.session, self.viewer
        return (
            (session.images.changed, self._on_image),
            (session.classes.changed, self._on_classes),
            (session.classes.visibility_changed, self._show),
            (session.classes.priority_changed, self._redraw_all),
            (session.classes.current_changed, self._on_current_class),
            (session.predictions.changed, self._on_prediction),
            (session.classes.threshold_changed, self._on_threshold),
            (session.annotations.changed, self._on_annotation),
            (session.jobs.changed, self._redraw_all),
            (self.annotation.painted, self.painting.collect),
            (self.annotation.undo_asked, self.painting.undo),
            (self.annotation.redo_asked, self.painting.redo),
            (viewer.layers.events.removed, self._on_removed),
            (viewer.dims.events.ndisplay, self._on_ndisplay),
            (viewer.dims.events.order, self.tell_view),
            (viewer.dims.events.current_step, self.tell_view),
        )

    def close(self) -> None:
        """Take the own layers out of the viewer and listen no more; the user's layers stay."""
        self.painting.collect()
        for signal, slot in self._connections():
            signal.disconnect(slot)
        self._clear()
        self._upright.close()

    # the user's actions

    def use_layer(self, layer: Layer) -> None:
        """Make a layer of the user's the session's image.

        Of several channels the layer's own is taken alone, unless the model takes all.

        Raises:
            GeometryError: the layer is no image of two or three axes.
        """
        image = image_of(layer)
        if image is not None:
            placement = Placement.of(image.geometry)
            model = self.session.state.model
            if model is None or model.preprocessing.channels != len(image.channels):
                image = channel_of(layer, image)
        else:
            image, placement = image_from_layer(layer)
        self._adopting, self._adopted_placement = layer, placement
        self.session.images.show(image)

    def owns(self, layer: Layer) -> bool:
        """Whether a layer is the session's image or a result."""
        own = (self.class_map.layer, self.conflicts.layer)
        groups = (self.source, self.reduced, self.annotation)
        return any(layer in group for group in groups) or any(layer == one for one in own if one is not None)

    def get_ready(self) -> None:
        """Add the brush's layer now, which would delay taking up the brush."""
        if self.placement is not None and self.session.state.image is not None and self.annotation.layer is None:
            self.annotation.get_ready(self.placement, self.session.state.image, self.session.state.classes)

    def begin_painting(self, name: str) -> None:
        """Take up the brush for a class, from its present prediction and annotation."""
        self.painting.collect()
        self.annotation.clear()
        image = self.session.state.image
        if self.placement is None or image is None:
            return
        self._leave_reduced()  # there is nothing to paint on
        self.painting.begin(name, self.placement, image)
        self._redraw.request()

    def stop_painting(self) -> None:
        """Keep the painting and put the brush down."""
        self.painting.collect()
        self.annotation.clear()
        self.viewer.layers.selection.active = self.source.main
        self._redraw.request()

    def complete_slice(self) -> bool:
        """Declare the slice in view complete for the class that is painted; False where there is none."""
        return self.painting.complete(self.visible_slice())

    def complete_volume(self) -> bool:
        """Declare all of the image complete for the class that is painted."""
        return self.painting.complete(EVERYWHERE)

    def flush(self) -> None:
        """Draw all pending changes."""
        self._redraw.flush()
        self.painting.flush()
        if not self.annotation.stroking:  # a stroke ends in 2D
            self.reduced.advance()

    # the view

    @property
    def sight(self) -> Sight | None:
        """The viewer's view of the image; None without an image."""
        layer = self.source.main
        return None if layer is None or self.placement is None else Sight(self.viewer, layer, self.placement)

    def near(self) -> tuple[int, int, int] | None:
        """The voxel in the middle of the view, to predict from; None without an image."""
        return None if self.sight is None else self.sight.near()

    def visible_slice(self) -> Region | None:
        """The slice on screen in the image's own axes; None in a 3D view or without an image."""
        return None if self.sight is None else self.sight.visible_slice()

    def tell_view(self) -> None:
        """Report the view to the session."""
        near = self.near()
        if near is not None:
            self.session.look_at(near, self.visible_slice())

    # the session's signals

    def _on_image(self) -> None:
        layer, placement = self._adopting, self._adopted_placement
        self._adopting = self._adopted_placement = None
        self._clear()
        image = self.session.state.image
        if image is None:
            self._upright.set_on(False)
            return
        self.placement = placement if placement is not None else Placement.of(image.geometry)
        if layer is not None:
            self.source.adopt(layer)
        else:
            self.viewer.dims.ndisplay = 2
            self.source.show(image)
            self.viewer.reset_view()
            if self.sight is not None:
                self.sight.go_to_first_slice(image)
        self._upright.set_on(self.placement.anatomical)
        self._on_classes()
        self.tell_view()

    def _on_classes(self) -> None:
        self.painting.follow_table()
        self.annotation.color(self.session.state.classes)
        self._show()

    def _on_current_class(self) -> None:
        painted = self.annotation.class_name
        if painted is not None and painted != self.session.state.current_class:
            self.stop_painting()
        self._redraw.request()

    def _on_prediction(self, name: str, region: Region | None) -> None:
        if self.class_map.layer is None:
            self._show()
        self._labels.forget()
        in_3d = self.viewer.dims.ndisplay == 3  # where all of the volume is drawn anew each time
        if region is None or (not in_3d and overlaps(region, self.visible_slice())):
            self._marks_are_old |= name == self.annotation.class_name
            self._redraw.request()

    def _on_threshold(self, name: str) -> None:
        self._marks_are_old |= name == self.annotation.class_name
        if name == self.session.state.current_class:
            self._redraw.request()
        else:
            self._redraw_all()

    def _on_annotation(self, name: str) -> None:
        is_painted = name == self.annotation.class_name
        if is_painted:
            self.painting.follow_annotation()
        if not is_painted or self.class_map.layer is None:
            self._show()
        elif self.session.state.shows_conflicts:  # the map shows no painting
            self._redraw.request()

    def _on_ndisplay(self) -> None:
        self.tell_view()
        self.conflicts.draw_in_2d_only()
        if not self.reduced.is_due(self.placement):
            self.reduced.clear()
        elif not self.reduced.is_on:  # not by `turn`
            self._prepare_reduced()
            self.reduced.hide(self.source.layers)
        if self.reduced.is_on:
            self.session.notice.emit("3D shows every few voxels of this large volume; slices show all of them.")
        self._redraw.request()

    def turn(self) -> None:
        """Switch between slices and the whole volume; a large volume is reduced before napari reads the data."""
        dims = self.viewer.dims
        into_3d = dims.ndisplay == 2 and dims.ndim >= 3
        if self.reduced.is_on and into_3d:  # being prepared: asked twice
            self.reduced.clear()
            self.session.notice.emit("")
            return
        if into_3d and self.reduced.is_needed(self.placement):
            self.session.notice.emit("Preparing the 3D view…")
            self._prepare_reduced()
            return
        if not into_3d:
            self.reduced.end()  # or napari would look at it in 2D first
        dims.ndisplay = 3 if into_3d else 2
        self.viewer.reset_view()

    def _prepare_reduced(self) -> None:
        if self.placement is None:
            return
        hidden = (self.class_map.layer, self.annotation.layer)
        self.reduced.prepare(self.source.layers, hidden, self._fused, self.placement)

    def _on_removed(self, event: object) -> None:
        """The user took a layer away in napari's list."""
        layer = getattr(event, "value", None)
        if self.annotation.layer is not None and layer == self.annotation.layer:
            self.stop_painting()
        elif self.conflicts.layer is not None and layer == self.conflicts.layer:
            self.session.classes.show_conflicts(False)
        elif layer in self.source:
            self.session.images.close()

    # drawing

    def _shown(self) -> Shown:
        """Content of the layers at present."""
        in_3d, is_reduced = self.viewer.dims.ndisplay == 3, self.reduced.is_due(self.placement)
        return resolve(self.session.state, View(in_3d, is_reduced, self.annotation.class_name))

    def _show(self) -> None:
        """Add the layers that are due, remove others, and draw the present state."""
        self._labels.forget()  # a new layer, or new colours, look at the data at once
        shown = self._shown()
        if self.placement is None or not len(shown.classes):
            self.class_map.clear()
        else:
            if self.class_map.layer is None and shown.has_results:
                self._add_map(shown, self.placement)
            self.class_map.color(shown.classes, shown.hidden)
        if self.placement is None or not shown.conflicts:
            self.conflicts.clear()
        else:
            self.conflicts.show(lambda region: fusing.conflicts(self.session.state, region), self.placement)
        self._redraw.request()

    def _add_map(self, shown: Shown, placement: Placement) -> None:
        small = max(entry.value for entry in shown.classes) <= 255
        dtype, carried = np.uint8 if small else np.uint16, {METADATA_KEY: self.session.state.image}
        self.class_map.show(self._drawn, self._fused, placement, dtype, carried)
        self.annotation.come_to_top()
        if self.reduced.is_due(placement) and self.class_map.layer is not None:
            self.reduced.hide([self.class_map.layer])

    def _fused(self, region: Region) -> NDArray[np.unsignedinteger]:
        """All classes in a single map."""
        return fusing.labels(self.session.state, None, region).values

    def _drawn(self, region: Region) -> NDArray[np.unsignedinteger]:
        """The map as it is to be seen."""
        shown, state = self._shown(), self.session.state
        if state.image is not None and self.reduced.is_due(self.placement):
            return nothing_in(region, state.image.geometry.shape)  # the reduced volume is seen
        return self._labels.draw(state, shown, region)

    def _redraw_all(self) -> None:
        """Draw all possible changes in any class."""
        self._labels.forget()
        self._redraw.request()

    def _refresh(self) -> None:
        if self.reduced.is_on:
            self.reduced.draw(None if self.class_map.layer is None else self.class_map.layer.colormap)
        if self.reduced.is_due(self.placement):
            return
        self.class_map.refresh(
            thumbnail=not self._labels.is_kept
        )  # a millisecond that a switch of classes does without
        self.conflicts.refresh()
        if self._marks_are_old:
            self._marks_are_old = False
            self.annotation.refresh()

    def _clear(self) -> None:
        self.placement = None  # first, as putting the brush down passes waiting moves of the mouse on
        self.annotation.remove()
        self.conflicts.clear()
        self.class_map.clear()
        self.source.clear()
        self._labels.forget()
        self._leave_reduced()  # a layer of the user's that comes back would be drawn whole

    def _leave_reduced(self) -> None:
        if self.reduced.is_on:
            self.viewer.dims.ndisplay = 2
            self.reduced.clear()
