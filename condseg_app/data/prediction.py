"""What a model says about an image, class by class, and how the classes become one label map."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.classes import ClassTable
from condseg_app.data.geometry import Geometry, Shape
from condseg_app.data.labels import LabelMap

Region = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Block:
    """A part of a prediction, as it comes from the engine.

    Attributes:
        region: where it belongs in the image's own grid.
        probabilities: class name -> uint8 of the region's shape; 255 is certainty.
    """

    region: Region
    probabilities: Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Probabilities of classes on an image's grid.

    Attributes:
        geometry: the image's grid.
        probabilities: class name -> (I, J, K) uint8, 255 for certainty, 0 where not computed yet.
        complete: names of the classes whose every voxel is computed.
    """

    geometry: Geometry
    probabilities: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    complete: frozenset[str] = frozenset()

    def mask(self, name: str, threshold: float = 0.5) -> NDArray[np.bool_]:
        """Where a class's probability reaches the threshold, (I, J, K)."""
        return self.probabilities[name] >= as_level(threshold)


def as_level(probability: float) -> int:
    """A probability of 0 to 1 as the uint8 level that it is stored as; never 0."""
    return max(1, round(probability * 255))


def fuse(
    prediction: Prediction, classes: ClassTable, thresholds: Mapping[str, float], shown: Iterable[str] | None = None
) -> LabelMap:
    """One label map of all classes: the most probable one of those that reach their threshold.

    Classes are asked for one by one and may overlap. Where several reach their threshold, the higher
    probability wins, and the earlier row where they are equal.

    Args:
        prediction: the classes' probabilities.
        classes: the table with their values.
        thresholds: class name -> threshold in 0 to 1; 0.5 where not named.
        shown: the classes to take part; all that are predicted if None.
    """
    names = [n for n in classes.names if n in prediction.probabilities and (shown is None or n in set(shown))]
    value_type = np.uint8 if max((e.value for e in classes), default=0) <= 255 else np.uint16
    labels = np.zeros(prediction.geometry.shape, value_type)
    best = np.zeros(prediction.geometry.shape, np.uint8)
    for name in names:
        probability = prediction.probabilities[name]
        wins = (probability >= as_level(thresholds.get(name, 0.5))) & (probability > best)
        labels[wins] = classes[name].value
        best[wins] = probability[wins]
    return LabelMap(labels, prediction.geometry, classes)


def empty_probability(shape: Shape) -> NDArray[np.uint8]:
    """A class's probabilities before anything is computed."""
    return np.zeros(shape, np.uint8)
