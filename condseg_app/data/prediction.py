"""Predictions, class by class, and their fusion into a label map."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.classes import ClassTable
from condseg_app.data.geometry import Geometry
from condseg_app.data.labels import LabelMap
from condseg_app.data.regions import Region


@dataclass(frozen=True, eq=False)
class Block:
    """A part of a prediction, as sent by the engine.

    Attributes:
        region: of the image's own grid.
        probabilities: class name -> uint8 of the region's shape; 255 is certainty.
        notice: a sentence for the user on anything other than asked.
    """

    region: Region
    probabilities: Mapping[str, NDArray[np.uint8]]
    notice: str = ""


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
        """Mask of a class by its threshold, (I, J, K)."""
        return self.probabilities[name] >= as_level(threshold)


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Dice coefficient of two masks; 1 where both are empty."""
    total = int(a.sum()) + int(b.sum())
    return 1.0 if total == 0 else 2.0 * int((a & b).sum()) / total


def as_level(probability: float) -> int:
    """A probability of 0 to 1 as a stored uint8 level; never 0."""
    return max(1, round(probability * 255))


class Fusion:
    """A label map of classes that are added in turn.

    Classes are predicted separately and may overlap. A part comes before its whole; of other classes the higher
    probability wins, and of equal probabilities the earlier row.

    Args:
        geometry: of the classes' levels.
        classes: the table with their values.
        thresholds: class name -> threshold in 0 to 1; 0.5 where not named.
        priority: classes in the order that decides instead of probabilities; classes without a place come last.
    """

    def __init__(
        self,
        geometry: Geometry,
        classes: ClassTable,
        thresholds: Mapping[str, float],
        priority: Sequence[str] | None = None,
    ) -> None:
        self.labels = LabelMap(np.zeros(geometry.shape, classes.value_type), geometry, classes)
        self._classes, self._thresholds = classes, thresholds
        self._rank = None if priority is None else _ranks(classes.names, priority)
        self._best = np.zeros(geometry.shape, np.uint16)

    def add(self, levels: Mapping[str, NDArray[np.uint8]], names: Iterable[str]) -> None:
        """Add some classes' levels (I, J, K) by name; later additions come later in the order of `in_order`."""
        for name in in_order(names, self._classes):
            self._add(name, levels[name])

    def _add(self, name: str, level: NDArray[np.uint8]) -> None:
        labels, best = self.labels.values, self._best
        strength = level if self._rank is None else np.uint16(self._rank[name])
        reached = level >= as_level(self._thresholds.get(name, 0.5))
        wins = reached & (strength > best)
        wholes = [self._classes[whole].value for whole in self._classes.wholes_of(name)]
        if wholes:
            wins |= reached & np.isin(labels, wholes)
        labels[wins] = self._classes[name].value
        np.maximum(best, strength, out=best, where=wins)


def in_order(names: Iterable[str], classes: ClassTable) -> list[str]:
    """Classes in the order of fusion: wholes before their parts, else as in the table."""
    return sorted(names, key=lambda name: (len(classes.wholes_of(name)), classes.row(name)))


def fuse(
    prediction: Prediction,
    classes: ClassTable,
    thresholds: Mapping[str, float],
    shown: Iterable[str] | None = None,
    priority: Sequence[str] | None = None,
) -> LabelMap:
    """A label map of all classes that reach their threshold, see `Fusion`.

    Args:
        prediction: the classes' probabilities.
        classes: the table with their values.
        thresholds: class name -> threshold in 0 to 1; 0.5 where not named.
        shown: the classes to take part; all that are predicted if None.
        priority: classes in order of priority.
    """
    names = [n for n in classes.names if n in prediction.probabilities and (shown is None or n in set(shown))]
    fusion = Fusion(prediction.geometry, classes, thresholds, priority)
    fusion.add(prediction.probabilities, names)
    return fusion.labels


def _ranks(names: Sequence[str], priority: Sequence[str]) -> dict[str, int]:
    """Name -> the higher, the earlier it comes."""
    order = [*(name for name in priority if name in names), *(name for name in names if name not in priority)]
    return {name: len(order) - position for position, name in enumerate(order)}
