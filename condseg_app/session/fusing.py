"""Prediction combined with the user's corrections: for display, measurement and export."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import (
    EVERYWHERE,
    ChunkedAnnotation,
    ClassId,
    ClassLevels,
    ClassTable,
    LabelMap,
    OnDemand,
    Prediction,
    Region,
    as_level,
    fuse,
    in_order,
)
from condseg_app.data.chunked_annotation import ABSENT, PRESENT, overridden
from condseg_app.session.state import State


def labels(state: State, classes: Sequence[ClassId] | None = None, region: Region | None = None) -> LabelMap:
    """A label map of all classes or some, of the whole image or a region.

    Where classes overlap, the most probable class has priority, or the first in the state's order; annotations take
    precedence over both.
    """
    grid = state.opened_image().geometry
    part = EVERYWHERE if region is None else region
    known = _seen(state, state.classes.ids if classes is None else classes, part)
    levels = OnDemand(known.names, lambda name: corrected(state, known[name].id, part))
    thresholds = {entry.name: state.threshold(entry.id) for entry in known}
    priority = None if state.in_priority is None else [state.entry(class_id).name for class_id in state.in_priority]
    fused = fuse(Prediction(grid.part(part), levels), state.classes, thresholds, priority=priority)
    return replace(fused, array=_marked_on_top(state, fused.values, known, part))


def mask(state: State, class_id: ClassId) -> NDArray[np.bool_]:
    """Mask of a class by itself, regardless of other classes: a new (I, J, K) array."""
    state.entry(class_id)
    return shown(state, class_id, EVERYWHERE)


def masks(state: State, classes: ClassTable) -> Mapping[str, NDArray[np.bool_]]:
    """Class name -> `mask`, made when looked up."""
    return OnDemand(classes.names, lambda name: mask(state, classes[name].id))


def probabilities(state: State, classes: ClassTable) -> Mapping[str, NDArray[np.uint8]]:
    """Class name -> `corrected` of the whole image, made when looked up; of the requested classes."""
    asked = tuple(entry.name for entry in classes if state.levels_of(entry.id) is not None)
    return OnDemand(asked, lambda name: corrected(state, classes[name].id, EVERYWHERE))


def conflicts(state: State, region: Region) -> NDArray[np.bool_]:
    """Voxels of a region where several classes reach their thresholds, a new array.

    A whole and a part do not conflict; nor do classes where any is annotated.
    """
    known = _seen(state, state.classes.ids, region)
    contested = np.zeros(state.opened_image().geometry.part(region).shape, np.bool_)
    claimed = contested.copy()
    in_parts: dict[str, NDArray[np.bool_]] = {}
    for name in reversed(in_order(known.names, state.classes)):  # parts before their wholes
        own = shown(state, known[name].id, region)
        for whole in state.classes.wholes_of(name):
            in_parts[whole] = in_parts.get(whole, False) | own
        own &= ~in_parts.get(name, np.False_)
        contested |= claimed & own
        claimed |= own
    for class_id, annotation in state.annotations.items():
        if known.by_id(class_id):
            contested &= ~_marked(annotation, region)
    return contested


def predicted(state: State, class_id: ClassId, region: Region) -> NDArray[np.bool_]:
    """Voxels of a region where a class reaches its threshold, without corrections: a new array."""
    return np.asarray(_levels(state, class_id, region) >= as_level(state.threshold(class_id)))


def shown(state: State, class_id: ClassId, region: Region) -> NDArray[np.bool_]:
    """Voxels of a region where a class is shown, regardless of other classes: a new array."""
    found, annotation = predicted(state, class_id, region), state.annotations.get(class_id)
    if annotation is None or not annotation.may_be_in(region):
        return found
    return overridden(found, annotation.read(region))


def corrected(state: State, class_id: ClassId, region: Region) -> NDArray[np.uint8]:
    """A class's probabilities in a region, certain in the supervised mask; 0 where unknown."""
    found, annotation = _levels(state, class_id, region), state.annotations.get(class_id)
    if annotation is not None and annotation.may_be_in(region):
        said = annotation.read(region)
        found[said == ABSENT] = 0
        found[said == PRESENT] = 255
    return found


def _levels(state: State, class_id: ClassId, region: Region) -> NDArray[np.uint8]:
    level = state.levels_of(class_id)
    return (ClassLevels(state.opened_image().geometry.shape) if level is None else level).read(region)


def _seen(state: State, classes: Sequence[ClassId], region: Region) -> ClassTable:
    """The rows of those classes that may be in a region."""
    return ClassTable(tuple(state.entry(class_id) for class_id in classes if _may_be_in(state, class_id, region)))


def _may_be_in(state: State, class_id: ClassId, region: Region) -> bool:
    level, annotation = state.levels_of(class_id), state.annotations.get(class_id)
    marked = annotation is not None and annotation.may_be_in(region)
    return marked or (level is not None and level.may_be_in(region))


def _marked_on_top(
    state: State, array: NDArray[np.unsignedinteger], known: ClassTable, region: Region
) -> NDArray[np.unsignedinteger]:
    for class_id, annotation in state.annotations.items():
        entry = known.by_id(class_id)
        if entry is not None:
            array[_marked(annotation, region)] = entry.value
    return array


def _marked(annotation: ChunkedAnnotation, region: Region) -> NDArray[np.bool_]:
    return np.asarray(annotation.read(region) == PRESENT)
