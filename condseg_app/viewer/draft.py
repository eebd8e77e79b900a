"""What a person is painting, and what of it counts as said."""

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from condseg_app.data import ChunkedAnnotation, ClassEntry, Region
from condseg_app.data.chunked_annotation import ABSENT, PRESENT, UNDECIDED


class Predictions(Protocol):
    """Where classes are predicted by now, as a `Session` knows it."""

    def predicted_in(self, name: str, region: Region) -> NDArray[np.bool_]:
        """Where in a region a class is predicted: a new array."""

    def may_be_predicted_in(self, name: str, region: Region) -> bool:
        """Whether a class may be predicted in a region; it is nowhere in it if not."""


class Draft:
    """A class's annotation while it is painted, on the image's own axes.

    It holds what is said and nothing else: of what is undecided it shows what is predicted at that moment, so that
    nothing has to be made when painting begins. Reading and writing a box costs that box.

    What differs from the prediction has been decided by the person, and what is painted back to equal it has not;
    but what was decided when painting began, or was declared complete since, stays so.

    Attributes:
        value: the class's value, which the brush paints with.
        annotation: what is said by now; replaced with every change.
        written: emitted after something was painted.
    """

    written = Signal()

    def __init__(self, predictions: Predictions, entry: ClassEntry, annotation: ChunkedAnnotation) -> None:
        self._predictions = predictions
        self.value = entry.value
        self.annotation = self._known = annotation
        self.dtype = np.dtype(np.uint8 if entry.value <= 255 else np.uint16)

    @property
    def class_name(self) -> str:
        """The class, as it is called by now."""
        return self.annotation.class_name

    def read(self, region: Region) -> NDArray[np.unsignedinteger]:
        """What the brush finds in a region: `value` or 0, a new array."""
        return np.where(self.shown(region), self.dtype.type(self.value), self.dtype.type(0))

    def shown(self, region: Region) -> NDArray[np.bool_]:
        """Where the class is now, in a region: a new array."""
        return _shown(self._predictions.predicted_in(self.class_name, region), self.annotation.read(region))

    def write(self, region: Region, values: NDArray[np.unsignedinteger]) -> None:
        """Paint a region: the class is where its `value` is."""
        painted, said = np.asarray(values == self.value), self.annotation.read(region)
        predicted = self._predictions.predicted_in(self.class_name, region)
        changed = painted != _shown(predicted, said)
        if not changed.any():
            return
        decided = (painted != predicted) | (self._known.read(region) != UNDECIDED)
        wanted = np.where(painted, np.uint8(PRESENT), np.uint8(ABSENT)) * decided
        self.annotation = self.annotation.edited(region, np.where(changed, wanted, said))
        self.written.emit()

    def complete(self, region: Region) -> None:
        """Declare a region complete: where nothing is marked, the class is absent."""
        name, predicted = self.class_name, self._predictions.may_be_predicted_in
        self.annotation = self.annotation.completed(region, self.shown, lambda part: predicted(name, part))
        known = self._known
        self._known = known.completed(region, lambda part: known.read(part) == PRESENT, lambda part: False)

    def rename(self, class_name: str) -> None:
        """Take over another name of the class."""
        if class_name != self.class_name:
            self.annotation = replace(self.annotation, class_name=class_name)

    def restart(self, annotation: ChunkedAnnotation) -> None:
        """Take up from another annotation, all of which is decided."""
        self.annotation = self._known = annotation


def _shown(predicted: NDArray[np.bool_], said: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a class is: as predicted, but where something else is said."""
    return np.asarray((predicted & (said != ABSENT)) | (said == PRESENT))
