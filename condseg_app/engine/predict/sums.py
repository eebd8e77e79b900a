"""Sums of window results, class by class, on the working grid, and back to the image's grid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condseg_app.data import Region, as_level, extent_of
from condseg_app.data.regions import common, first_of, meet, placed, seen_from, size
from condseg_app.engine.predict.tiles import Tile

# Levels are resampled in whole 256ths.
_STEPS = 256


@dataclass(eq=False)
class _Sum:
    """Sums of a class's window results on the working grid: whole numbers, exact in any order.

    Attributes:
        level: (I, J, K), 0 to 255 times weight.
        weight: (I, J, K).
        missing: windows that are not added yet.
    """

    level: Tensor
    weight: Tensor
    missing: set[int]


class Sums:
    """Sums of some classes in a tile.

    Args:
        tile: with its windows.
        weights: of a window's voxels.
    """

    def __init__(self, tile: Tile, weights: Tensor) -> None:
        self._tile, self._grid, self._weights = tile, tile.grid, weights
        self._of: dict[str, _Sum] = {}

    def add(self, name: str, window: int, level: Tensor) -> None:
        """Add a class's probabilities in a window, whole 255ths; a window that is added already changes nothing."""
        total = self._of.get(name) or self._of.setdefault(name, self._nothing())
        if window not in total.missing:
            return
        inside = self._tile.inside(window)
        here = self._of_sums(inside)
        within = seen_from(inside, self._tile.windows.starts[window])
        weights = self._weights[within]
        total.level[here] += level[within] * weights
        total.weight[here] += weights
        total.missing.remove(window)

    def is_complete(self, name: str) -> bool:
        """Whether all windows of a class are added."""
        return not self._of[name].missing

    def forget(self, classes: Sequence[str]) -> None:
        """Let the sums of some classes go."""
        for name in classes:
            self._of.pop(name, None)

    def extent(self, name: str, inside: Region, threshold: float) -> Region | None:
        """The part of a working region in which a class reaches a threshold so far."""
        here = self._of_sums(inside)
        level, weight = self._of[name].level[here], self._of[name].weight[here]
        found = extent_of((level >= as_level(threshold) * weight.clamp(min=1)).numpy())
        return None if found is None else placed(found, first_of(inside))

    def levels(self, name: str, rows: Region) -> NDArray[np.uint8]:
        """A class's levels in a region on the turned axes, turned back."""
        found = np.zeros(size(rows), np.uint8)
        reached = self._reached(name, rows)
        if reached is not None:
            found[seen_from(reached, first_of(rows))] = self._resampled(name, reached)
        return np.ascontiguousarray(self._grid.axes.undo(found))

    def _nothing(self) -> _Sum:
        shape = size(self._tile.working)
        return _Sum(torch.zeros(shape), torch.zeros(shape), set(range(len(self._tile.windows.starts))))

    def _reached(self, name: str, rows: Region) -> Region | None:
        """The part of a region on the turned axes with nonzero levels of a class; None without any."""
        working = self._grid.needed_by_turned(rows)
        extent = extent_of((self._of[name].level[self._of_sums(working)] > 0).numpy())
        if extent is None:
            return None
        i, j, k = map(common, self._tile.turned(placed(extent, first_of(working))), rows)
        return (i, j, k) if meet((i, j, k), rows) else None

    def _resampled(self, name: str, rows: Region) -> NDArray[np.uint8]:
        """A class's levels in a region on the turned axes, from the part of the working grid that they need."""
        here = self._of_sums(self._grid.needed_by_turned(rows))
        level, weight = self._of[name].level[here], self._of[name].weight[here]
        part = (level / weight.clamp(min=1)).round() * _STEPS
        for axis in self._grid.resampled:
            part = self._grid.back[axis].apply(part, axis, rows[axis])
        return (part / _STEPS).round().to(torch.uint8).numpy()

    def _of_sums(self, working: Region) -> Region:
        """A part of the working grid, in voxels of the sums."""
        return seen_from(working, first_of(self._tile.working))
