"""The prediction together with the person's corrections: what is shown, measured and exported."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Annotation, ClassLevels, Geometry, LabelMap, Prediction, Region, as_level, fuse
from condseg_app.session.state import State

MERGE_RULE = (
    "of the classes whose probability reaches their threshold, the most probable; the earlier row where equal; a part "
    "before the whole that contains it; what a person has marked takes precedence, the latest mark over earlier ones"
)
_EVERYWHERE: Region = (slice(None), slice(None), slice(None))
_Voxel = TypeVar("_Voxel", np.uint8, np.bool_)


def labels(state: State, names: Sequence[str] | None = None, region: Region | None = None) -> LabelMap:
    """One label map of all classes, or of some; of the whole image, or of a region of it."""
    grid = state.opened_image().geometry
    part = _EVERYWHERE if region is None else region
    known = [name for name in (state.classes.names if names is None else names) if _may_be_in(state, name, part)]
    levels = _OnDemand(tuple(known), partial(corrected, state, region=part))
    thresholds = {name: state.threshold(name) for name in known}
    fused = fuse(Prediction(_sub_grid(grid, part), levels), state.classes, thresholds)
    return replace(fused, array=_marked_on_top(state, fused.values, known, part))


def mask(state: State, name: str) -> NDArray[np.bool_]:
    """Where a class is by itself, whatever other classes are there: a new (I, J, K) array."""
    state.classes.row(name)
    return corrected(state, name, _EVERYWHERE) >= as_level(state.threshold(name))


def masks(state: State, names: Sequence[str]) -> Mapping[str, NDArray[np.bool_]]:
    """Class name -> `mask`, made when it is looked up."""
    return _OnDemand(tuple(names), partial(mask, state))


def voxels(state: State, name: str) -> int:
    """How many voxels `mask` has, at the cost of the places where the class is."""
    level, annotation = state.levels_of(name), state.annotations.get(name)
    reaches = as_level(state.threshold(name))
    count = 0 if annotation is None else np.count_nonzero(_marked(annotation, _EVERYWHERE))
    for region, chunk in () if level is None else level.chunks():
        there = chunk >= reaches
        if annotation is not None:
            there &= ~annotation.supervised[region]
        count += np.count_nonzero(there)
    return int(count)


def corrected(state: State, name: str, region: Region) -> NDArray[np.uint8]:
    """A class's probabilities in a region, certain where a person has decided; 0 where nothing is known."""
    level, annotation = state.levels_of(name), state.annotations.get(name)
    shape = state.opened_image().geometry.shape
    found = (ClassLevels(shape) if level is None else level).read(region)
    if annotation is not None:
        decided = annotation.supervised[region]
        found[decided] = np.where(annotation.mask[region][decided], np.uint8(255), np.uint8(0))
    return found


@dataclass(frozen=True, eq=False)
class _OnDemand(Mapping[str, NDArray[_Voxel]]):
    """Arrays of some classes, each made when it is looked up: of many classes one is in memory at a time."""

    names: tuple[str, ...]
    make: Callable[[str], NDArray[_Voxel]]

    def __getitem__(self, name: str) -> NDArray[_Voxel]:
        return self.make(name)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def _may_be_in(state: State, name: str, region: Region) -> bool:
    level = state.levels_of(name)
    return name in state.annotations or (level is not None and level.may_be_in(region))


def _marked_on_top(
    state: State, array: NDArray[np.unsignedinteger], known: Sequence[str], region: Region
) -> NDArray[np.unsignedinteger]:
    for name, annotation in state.annotations.items():
        if name in known:
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
