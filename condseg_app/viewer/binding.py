"""The session on napari's screen: the only module that knows both."""

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils.events import Event

from condseg_app.data import EVERYWHERE, ClassId, Region
from condseg_app.session import Session
from condseg_app.viewer.adopt import adopted
from condseg_app.viewer.annotation import AnnotationLayer
from condseg_app.viewer.layer_list import is_gone
from condseg_app.viewer.painting import Painting
from condseg_app.viewer.placement import Placement
from condseg_app.viewer.reduced import ReducedVolume
from condseg_app.viewer.results import Results
from condseg_app.viewer.sight import Sight, Upright, overlaps
from condseg_app.viewer.source import SourceLayers
from condseg_app.viewer.throttle import Throttle
from condseg_app.viewer.volume_view import VolumeView

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
        self.source = SourceLayers(viewer)
        self.reduced = ReducedVolume(viewer, self.source)
        self.annotation = AnnotationLayer(viewer)
        self.results = Results(session, viewer, self.source, self.annotation, self.reduced)
        self.volume_view = VolumeView(viewer, self.reduced, self.results, session.notice)
        self.painting = Painting(session, self.annotation)
        self._upright = Upright(viewer)
        self._adopting: tuple[Layer, Placement] | None = None
        self._marks_are_old = self._in_batch = False
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
            (session.drawing.collecting, self.painting.collect),
            (session.drawing.rule_changed, self._on_drawing_rule),
            (session.jobs.changed, self._redraw_all),
            (self.annotation.painted, self.painting.collect),
            (self.annotation.undo_asked, self.painting.undo),
            (self.annotation.redo_asked, self.painting.redo),
            (viewer.layers.events.removed, self._on_removed),
            (viewer.layers.events.begin_batch, self._on_removed),
            (viewer.layers.events.end_batch, self._on_removed),
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
        """Make a layer of the user's the session's image. Raises as `adopted`."""
        image, placement = adopted(layer, self.session.state.model)
        self._adopting = layer, placement
        self.session.images.show(image)

    def owns(self, layer: Layer) -> bool:
        """Whether a layer is the session's image or a result."""
        return any(layer in group for group in (self.source, self.results, self.reduced, self.annotation))

    def get_ready(self) -> None:
        """Add the brush's layer now, which would delay taking up the brush."""
        if self.placement is not None and self.session.state.image is not None and self.annotation.layer is None:
            self.annotation.get_ready(self.placement, self.session.state.image, self.session.state.classes)

    def begin_painting(self, class_id: ClassId) -> None:
        """Take up the brush for a class, from its present prediction and annotation."""
        self.painting.collect()
        self.annotation.clear()
        image = self.session.state.image
        if self.placement is None or image is None:
            return
        self.volume_view.leave_reduced()  # there is nothing to paint on
        self.painting.begin(class_id, self.placement, image)
        self._redraw.later()

    def stop_painting(self) -> None:
        """Keep the painting and put the brush down."""
        self.painting.collect()
        self.annotation.clear()
        if not is_gone(self.viewer, self.source.main):
            self.viewer.layers.selection.active = self.source.main
        self._redraw.request()

    def complete_slice(self) -> bool:
        """Declare the slice in view complete for the class that is painted; False where there is none."""
        return self.painting.complete(self.visible_slice())

    def complete_volume(self) -> bool:
        """Declare all of the image complete for the class that is painted."""
        return self.painting.complete(EVERYWHERE)

    def flush(self) -> None:
        """Draw all pending changes, unless a stroke is being drawn, which is not to wait for them."""
        self.painting.flush()
        if not self.annotation.stroking:  # a stroke ends in 2D, too
            self._redraw.flush()
            self.reduced.advance()

    # the view

    @property
    def placement(self) -> Placement | None:
        """Layout of the image in the viewer; None without an image."""
        return self.source.placement

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
        adopting, self._adopting = self._adopting, None
        image = self.session.state.image
        with self.viewer.layers.batched_update():  # napari collects garbage and rebuilds its scene once
            self._clear_results()
            if image is None:
                self.source.clear()
            elif adopting is not None:
                self.source.adopt(*adopting)
            else:
                self.viewer.dims.ndisplay = 2
                self.source.show(image)
        self.volume_view.leave_reduced()  # a layer of the user's that comes back would be drawn whole
        if image is None:
            self._upright.set_on(False)
            return
        if adopting is None:
            self.viewer.reset_view()
            if self.sight is not None:
                self.sight.go_to_first_slice(image)
        self._upright.set_on(self.placement is not None and self.placement.anatomical)
        self._on_classes()
        self.tell_view()

    def _on_classes(self) -> None:
        self.painting.follow_table()
        self.annotation.color(self.session.state.classes)
        self._show()

    def _on_current_class(self) -> None:
        painted = self.annotation.class_id
        if painted is not None and painted != self.session.state.current_class:
            self.stop_painting()
        self._redraw.request()

    def _on_drawing_rule(self) -> None:
        if self.annotation.class_id in self.session.state.locked:
            self.stop_painting()

    def _on_prediction(self, class_id: ClassId, region: Region | None) -> None:
        if self.results.class_map.layer is None:
            self._show()
        self.results.forget()
        in_3d = self.viewer.dims.ndisplay == 3  # where all of the volume is drawn anew each time
        if region is None or (not in_3d and overlaps(region, self.visible_slice())):
            self._marks_are_old |= class_id == self.annotation.class_id
            self._redraw.later()
            if not self.annotation.stroking:
                self._redraw.flush()

    def _on_threshold(self, class_id: ClassId) -> None:
        self._marks_are_old |= class_id == self.annotation.class_id
        if class_id == self.session.state.current_class:
            self._redraw.request()
        else:
            self._redraw_all()

    def _on_annotation(self, class_id: ClassId) -> None:
        is_painted = class_id == self.annotation.class_id
        if is_painted:
            self.painting.follow_annotation()
        if not is_painted or self.results.class_map.layer is None:
            self._show()
        elif self.session.state.shows_conflicts:  # the map shows no painting
            self._redraw.request()

    def _on_ndisplay(self) -> None:
        self.annotation.rest()  # just added, the layer may still be shown, and 3D would draw a whole empty volume
        self.tell_view()
        self.volume_view.follow()
        self._redraw.request()

    def _on_removed(self, event: Event) -> None:
        """Follow the user who takes layers away in napari's list; of several none may be gone before its turn."""
        self._in_batch = event.type == "begin_batch" or (self._in_batch and event.type == "removed")
        if self._in_batch:
            return
        if is_gone(self.viewer, self.annotation.layer):
            self.stop_painting()
        if is_gone(self.viewer, self.results.conflicts.layer):
            self.session.classes.show_conflicts(False)
        if any(is_gone(self.viewer, layer) for layer in self.source.layers):
            self.session.images.close()

    # drawing

    def _show(self) -> None:
        """Add the layers that are due, remove others, and draw the present state."""
        self.results.show()
        self._redraw.request()

    def _redraw_all(self) -> None:
        """Draw all possible changes in any class."""
        self.results.forget()
        self._redraw.request()

    def _refresh(self) -> None:
        self.results.refresh()
        if self._marks_are_old and not self.reduced.is_due:
            self._marks_are_old = False
            self.annotation.refresh()

    def _clear_results(self) -> None:
        self.source.placement = None  # first, as putting the brush down passes waiting moves of the mouse on
        self.annotation.remove()
        self.results.clear()

    def _clear(self) -> None:
        with self.viewer.layers.batched_update():
            self._clear_results()
            self.source.clear()
        self.volume_view.leave_reduced()  # a layer of the user's that comes back would be drawn whole
