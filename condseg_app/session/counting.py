"""Voxel counts of the classes, updated with each change."""

from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ChunkedAnnotation, ClassId, ClassLevels, Region, as_level, level_counts
from condseg_app.session.state import State

Counts = NDArray[np.int64]
"""Number of voxels at each level of 0 to 255."""


class VoxelCounts:
    """Counts the voxels of classes, annotations included.

    Prediction and annotation are counted separately. The counter keeps the number of predicted voxels of each level
    inside the supervised mask, which do not count: only boxes that are predicted or painted are read.
    """

    def __init__(self) -> None:
        self._decided: WeakKeyDictionary[ClassLevels, tuple[ChunkedAnnotation | None, Counts]] = WeakKeyDictionary()

    def voxels(self, state: State, class_id: ClassId) -> int:
        """Number of voxels of a class by itself, corrections in."""
        levels, annotation = state.levels_of(class_id), state.annotations.get(class_id)
        reaches = as_level(state.threshold(class_id))
        count = 0 if annotation is None else annotation.present
        if levels is not None:
            count += levels.reaching(reaches) - int(self._counted(levels, annotation)[reaches:].sum())
        return count

    def following(
        self, state: State, classes: Sequence[ClassId], region: Region, fill: Callable[[State], State]
    ) -> State:
        """Let some classes be filled in a region, and count the changes there."""
        counts = {}
        for class_id in classes:
            levels, annotation = state.levels_of(class_id), state.annotations.get(class_id)
            before = _none() if levels is None else self._counted(levels, annotation)
            counts[class_id] = before - _decided(levels, annotation, region)
        filled = fill(state)
        for class_id in classes:
            levels, annotation = filled.levels_of(class_id), filled.annotations.get(class_id)
            if levels is not None:
                self._decided[levels] = annotation, counts[class_id] + _decided(levels, annotation, region)
        return filled

    def _counted(self, levels: ClassLevels, annotation: ChunkedAnnotation | None) -> Counts:
        """Predicted voxels inside the supervised mask, by their level."""
        if annotation is None:
            return _none()
        if annotation.is_complete:
            return levels.counts
        before, counts = self._decided.get(levels, (None, _none()))
        if before is not annotation:
            changed, all_parts = list(annotation.changes_from(before)), list(annotation.changes_from(None))
            if len(all_parts) < len(changed):  # as after undoing that all of the image is complete
                before, counts, changed = None, _none(), all_parts
            counts = sum((_more_decided(levels, before, annotation, part) for part in changed), counts)
            self._decided[levels] = annotation, counts
        return counts


def _decided(levels: ClassLevels | None, annotation: ChunkedAnnotation | None, region: Region) -> Counts:
    """Voxels of a region inside the supervised mask, by their level."""
    if levels is None or annotation is None or not levels.may_be_in(region) or not annotation.may_be_in(region):
        return _none()
    return level_counts(levels.read(region)[annotation.read(region) > 0])


def _more_decided(
    levels: ClassLevels, before: ChunkedAnnotation | None, after: ChunkedAnnotation, region: Region
) -> Counts:
    """Voxels of a region that another annotation decides in addition, less those it no longer does, by their level."""
    if not levels.may_be_in(region):
        return _none()
    found, now = levels.read(region), after.read(region) > 0
    if before is None or not before.may_be_in(region):
        return level_counts(found[now])
    then = before.read(region) > 0
    return level_counts(found[now & ~then]) - level_counts(found[then & ~now])


def _none() -> Counts:
    return np.zeros(256, np.int64)
