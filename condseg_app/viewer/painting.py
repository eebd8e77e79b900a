"""The annotation under the brush, and its way into the session."""

from condseg_app.data import ChunkedAnnotation, ClassId, Image, Region, Shape
from condseg_app.session import Session
from condseg_app.viewer.annotation import AnnotationLayer
from condseg_app.viewer.draft import Draft
from condseg_app.viewer.placement import Placement
from condseg_app.viewer.throttle import Throttle

_COLLECT_SECONDS = 0.08
_LEFT_ALONE = "Voxels that are locked or out of bounds were left alone."


class Painting:
    """Hands what is painted over to the session, and takes over the session's changes.

    Args:
        session: with the annotations.
        layer: the brush's.
    """

    def __init__(self, session: Session, layer: AnnotationLayer) -> None:
        self._session, self._layer = session, layer
        self._is_writing = False
        self._later = Throttle(self.collect, _COLLECT_SECONDS)

    def begin(self, class_id: ClassId, placement: Placement, image: Image) -> None:
        """Take up the brush for a class, from its present prediction and annotation."""
        entry = self._session.state.entry(class_id)
        draft = Draft(
            self._session.predictions,
            entry,
            self._annotation(class_id, placement.shape),
            self._session.drawing.allowed_in,
        )
        draft.written.connect(self._later.later)
        self._layer.begin(entry, draft, placement, image, self._session.state.classes)

    def collect(self) -> None:
        """Hand the painting to the session."""
        draft, state = self._layer.draft, self._session.state
        if draft is None or state.classes.by_id(draft.class_id) is None:
            return
        if draft.has_refused:
            draft.has_refused = False
            self._layer.refresh()  # napari shows what was painted
            self._session.notice.emit(_LEFT_ALONE)
        if draft.annotation.says_as(state.annotations.get(draft.class_id)):
            return
        self._is_writing = True
        try:
            self._session.annotations.put(draft.class_id, draft.annotation)
        finally:
            self._is_writing = False

    def flush(self) -> None:
        """Hand over what was painted since; not within a stroke, which is a single step for undo."""
        if not self._layer.stroking:
            self._later.flush()

    def complete(self, region: Region | None) -> bool:
        """Declare a region complete for the painted class; False without a region or a class."""
        draft = self._layer.draft
        if region is None or draft is None:
            return False
        draft.complete(region)
        self.collect()
        return True

    def undo(self) -> None:
        """Undo the last stroke, or the last other change."""
        self.collect()
        self._session.undo()

    def redo(self) -> None:
        """Redo the last undone change."""
        self.collect()
        self._session.redo()

    def follow_table(self) -> None:
        """Take over the painted class's name and colour; a class that is gone is painted no more."""
        draft = self._layer.draft
        entry = None if draft is None else self._session.state.classes.by_id(draft.class_id)
        if entry is not None:
            self._layer.paint_as(entry)
        elif draft is not None:
            self._layer.clear()

    def follow_annotation(self) -> None:
        """Take over the effect of undo, redo or clear on the painted annotation."""
        draft = self._layer.draft
        if draft is not None and not self._is_writing:
            draft.restart(self._annotation(draft.class_id, draft.annotation.shape))
            self._layer.refresh()

    def _annotation(self, class_id: ClassId, shape: Shape) -> ChunkedAnnotation:
        return self._session.state.annotations.get(class_id) or ChunkedAnnotation.empty(shape)
