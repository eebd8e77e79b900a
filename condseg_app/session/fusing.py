"""Prediction combined with the user's corrections: for display, measurement and export."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import (
    EVERYWHERE,
    ChunkedAnnotation,
    ClassLevels,
    LabelMap,
    OnDemand,
    Prediction,
    Region,
    as_level,
    fuse,
    in_order,
)
from condseg_app.data.chunked_annotation import ABSENT, PRESENT
from condseg_app.session.state import State


def labels(state: State, names: Sequence[str] | None = None, region: Region | None = None) -> LabelMap:
    """A label map of all classes or some, of the whole image or a region.

    Where classes overlap, the most probable class has priority, or the first in the state's order; annotations take
    precedence over both.
    """
    grid = state.opened_image().geometry
    part = EVERYWHERE if region is None else region
    known = [name for name in (state.classes.names if names is None else names) if _may_be_in(state, name, part)]
    levels = OnDemand(tuple(known), partial(corrected, state, region=part))
    thresholds = {name: state.threshold(name) for name in known}
    fused = fuse(Prediction(grid.part(part), levels), state.classes, thresholds, priority=state.in_priority)
    return replace(fused, array=_marked_on_top(state, fused.values, known, part))


def mask(state: State, name: str) -> NDArray[np.bool_]:
    """Mask of a class by itself, regardless of other classes: a new (I, J, K) array."""
    state.classes.row(name)
    return corrected(state, name, EVERYWHERE) >= as_level(state.threshold(name))


def masks(state: State, names: Sequence[str]) -> Mapping[str, NDArray[np.bool_]]:
    """Class name -> `mask`, made when looked up."""
    return OnDemand(tuple(names), partial(mask, state))


def probabilities(state: State, names: Sequence[str]) -> Mapping[str, NDArray[np.uint8]]:
    """Class name -> `corrected` of the whole image, made when looked up; of the requested classes."""
    asked = tuple(name for name in names if state.levels_of(name) is not None)
    return OnDemand(asked, lambda name: corrected(state, name, EVERYWHERE))


def conflicts(state: State, region: Region) -> NDArray[np.bool_]:
    """Voxels of a region where several classes reach their thresholds, a new array.

    A whole and a part do not conflict; nor do classes where any is annotated.
    """
    known = [name for name in in_order(state.classes.names, state.classes) if _may_be_in(state, name, region)]
    contested = np.zeros(state.opened_image().geometry.part(region).shape, np.bool_)
    claimed = contested.copy()
    in_parts: dict[str, NDArray[np.bool_]] = {}
    for name in reversed(known):  # parts before their wholes
        own = corrected(state, name, region) >= as_level(state.threshold(name))
        for whole in state.classes.wholes_of(name):
            in_parts[whole] = in_parts.get(whole, False) | own
        own &= ~in_parts.get(name, np.False_)
        contested |= claimed & own
        claimed |= own
    for name, annotation in state.annotations.items():
        if name in known:
            contested &= ~_marked(annotation, region)
    return contested


def predicted(state: State, name: str, region: Region) -> NDArray[np.bool_]:
    """Voxels of a region where a class reaches its threshold, without corrections: a new array."""
    return np.asarray(_levels(state, name, region) >= as_level(state.threshold(name)))


def corrected(state: State, name: str, region: Region) -> NDArray[np.uint8]:
    """A class's probabilities in a region, certain in the supervised mask; 0 where unknown."""
    found, annotation = _levels(state, name, region), state.annotations.get(name)
    if annotation is not None and annotation.may_be_in(region):
        said = annotation.read(region)
        found[said == ABSENT] = 0
        found[said == PRESENT] = 255
    return found


def _levels(state: State, name: str, region: Region) -> NDArray[np.uint8]:
    level = state.levels_of(name)
    return (ClassLevels(state.opened_image().geometry.shape) if level is None else level).read(region)


def _may_be_in(state: State, name: str, region: Region) -> bool:
    level, annotation = state.levels_of(name), state.annotations.get(name)
    marked = annotation is not None and annotation.may_be_in(region)
    return marked or (level is not None and level.may_be_in(region))


def _marked_on_top(
    state: State, array: NDArray[np.unsignedinteger], known: Sequence[str], region: Region
) -> NDArray[np.unsignedinteger]:
    for name, annotation in state.annotations.items():
        if name in known:
            array[_marked(annotation, region)] = state.classes[name].value
    return array


def _marked(annotation: ChunkedAnnotation, region: Region) -> NDArray[np.bool_]:
    return np.asarray(annotation.read(region) == PRESENT)
