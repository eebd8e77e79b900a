"""The annotation being painted, and its supervised mask."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from condseg_app.data import EVERYWHERE, ChunkedAnnotation, ClassEntry, ClassId, Region
from condseg_app.data.chunked_annotation import ABSENT, PRESENT, UNDECIDED, overridden


class Predictions(Protocol):
    """Predicted masks of classes at present, as `Session.predictions` gives them."""

    def predicted_in(self, class_id: ClassId, region: Region) -> NDArray[np.bool_]:
        """Voxels of a region where a class is predicted: a new array."""

    def may_be_predicted_in(self, class_id: ClassId, region: Region) -> bool:
        """Whether a region may hold a predicted class; False is certain."""


AllowedIn = Callable[[ClassId, Region], NDArray[np.bool_]]
"""Voxels of a region that may be drawn for a class, as `Session.drawing` gives them."""


class Draft:
    """A class's annotation during painting, on the image's own axes.

    Only the annotation is stored: undecided voxels show the present prediction, so that
    painting begins without building an array. Reading and writing a box costs that box.

    A voxel that differs from the prediction becomes supervised, and a voxel painted back to equal is not;
    but voxels that were supervised when painting began, or were declared complete since, stay so.

    Attributes:
        class_id: of the class.
        value: the class's value, which the brush paints with.
        annotation: the present annotation; replaced with every change.
        has_refused: whether voxels were painted that may not be drawn, and were left alone.
        written: emitted after a stroke or other change of voxels, also if they were left alone.
    """

    written = Signal()

    def __init__(
        self, predictions: Predictions, entry: ClassEntry, annotation: ChunkedAnnotation, allowed_in: AllowedIn
    ) -> None:
        self._predictions, self._allowed_in = predictions, allowed_in
        self.class_id, self.value = entry.id, entry.value
        self.annotation = self._known = annotation
        self.has_refused = False
        self.dtype = np.dtype(np.uint8 if entry.value <= 255 else np.uint16)

    def read(self, region: Region) -> NDArray[np.unsignedinteger]:
        """The brush's voxels in a region: `value` or 0, a new array."""
        return np.where(self.shown(region), self.dtype.type(self.value), self.dtype.type(0))

    def shown(self, region: Region) -> NDArray[np.bool_]:
        """Present mask of the class in a region: a new array."""
        predicted = self._predictions.predicted_in(self.class_id, region)
        return overridden(predicted, self.annotation.read(region)) if self.annotation.may_be_in(region) else predicted

    def write(self, region: Region, values: NDArray[np.unsignedinteger]) -> None:
        """Paint a region: the class is present where its `value` is, and unchanged where nothing may be drawn."""
        painted, said = np.asarray(values == self.value), self.annotation.read(region)
        predicted = self._predictions.predicted_in(self.class_id, region)
        wanted = painted != overridden(predicted, said)
        if not wanted.any():
            return
        changed = wanted & self._allowed_in(self.class_id, region)
        self.has_refused |= not np.array_equal(changed, wanted)
        decided = (painted != predicted) | (self._known.read(region) != UNDECIDED)
        says = np.where(painted, np.uint8(PRESENT), np.uint8(ABSENT)) * decided
        self.annotation = self.annotation.edited(region, np.where(changed, says, said))
        self.written.emit()

    def complete(self, region: Region) -> None:
        """Declare a region complete: voxels without annotation become absent."""
        class_id, predicted = self.class_id, self._predictions.may_be_predicted_in
        self.annotation = self.annotation.completed(region, self.shown, lambda part: predicted(class_id, part))
        if region == EVERYWHERE:
            self._known = self.annotation
            return
        known = self._known
        self._known = known.completed(region, lambda part: known.read(part) == PRESENT, lambda part: False)

    def restart(self, annotation: ChunkedAnnotation) -> None:
        """Restart from another annotation, all of which is supervised."""
        self.annotation = self._known = annotation
