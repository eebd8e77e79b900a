"""The prediction together with the person's corrections: what is shown, measured and exported."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Annotation, Geometry, LabelMap, Prediction, Region, as_level, fuse
from condseg_app.session.state import State

MERGE_RULE = (
    "of the classes whose probability reaches their threshold, the most probable; the earlier row where equal; a part "
    "before the whole that contains it; what a person has marked takes precedence, the latest mark over earlier ones"
)


def labels(state: State, names: Sequence[str] | None = None, region: Region | None = None) -> LabelMap:
    """One label map of all classes, or of some; of the whole image, or of a region of it."""
    grid = state.opened_image().geometry
    part = (slice(None), slice(None), slice(None)) if region is None else region
    shown = [name for name in state.classes.names if names is None or name in names]
    levels = {name: level for name in shown if (level := corrected(state, name, part)) is not None}
    prediction = Prediction(_sub_grid(grid, part), levels)
    thresholds = {name: state.threshold(name) for name in shown}
    fused = fuse(prediction, state.classes, thresholds)
    return replace(fused, array=_marked_on_top(state, fused.array, levels, part))


def mask(state: State, name: str) -> NDArray[np.bool_]:
    """Where a class is by itself, whatever other classes are there: a new (I, J, K) array."""
    state.classes.row(name)
    shape = state.opened_image().geometry.shape
    level = corrected(state, name, (slice(None), slice(None), slice(None)))
    return np.zeros(shape, np.bool_) if level is None else level >= as_level(state.threshold(name))


def corrected(state: State, name: str, region: Region) -> NDArray[np.uint8] | None:
    """A class's probabilities in a region, certain where a person has decided; None if nothing is known of it."""
    level = state.levels.get(state.asked_as.get(name, ""))
    annotation = state.annotations.get(name)
    if annotation is None:
        return None if level is None else level[region]
    decided, marked = annotation.supervised[region], annotation.mask[region]
    start = np.zeros(decided.shape, np.uint8) if level is None else level[region]
    certain: NDArray[np.uint8] = np.where(decided, np.where(marked, np.uint8(255), np.uint8(0)), start)
    return certain


def _marked_on_top(
    state: State, array: NDArray[np.unsignedinteger], levels: dict[str, NDArray[np.uint8]], region: Region
) -> NDArray[np.unsignedinteger]:
    for name, annotation in state.annotations.items():
        if name in levels:
            array[_marked(annotation, region)] = state.classes[name].value
    return array


def _marked(annotation: Annotation, region: Region) -> NDArray[np.bool_]:
    return annotation.mask[region] & annotation.supervised[region]


def _sub_grid(grid: Geometry, region: Region) -> Geometry:
    bounds = [part.indices(n) for part, n in zip(region, grid.shape, strict=True)]
    i, j, k = (stop - start for start, stop, _ in bounds)
    affine = np.array(grid.affine)
    affine[:, 3] = grid.affine @ [*(start for start, _, _ in bounds), 1.0]
    return Geometry((i, j, k), affine, grid.unit)
