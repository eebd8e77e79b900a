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
        mask = self._predictions.predicted_in(self.class_name, region)
        if self.annotation.may_be_in(region):
            said = self.annotation.read(region)
            mask[said == PRESENT] = True
            mask[said == ABSENT] = False
        return mask

    def write(self, region: Region, values: NDArray[np.unsignedinteger]) -> None:
        """Paint a region: the class is where its `value` is."""
        painted = values == self.value
        changed = painted != self.shown(region)
        if not changed.any():
            return
        decided = painted != self._predictions.predicted_in(self.class_name, region)
        decided |= self._known.read(region) != UNDECIDED
        said = np.where(painted, np.uint8(PRESENT), np.uint8(ABSENT)) * decided
        self.annotation = self.annotation.edited(region, np.where(changed, said, self.annotation.read(region)))
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
