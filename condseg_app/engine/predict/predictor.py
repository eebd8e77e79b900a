"""Prediction: an image's windows, encoded once each and decoded for every class that is asked for."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condseg_app.data import Block, Geometry, Image, Model, Region, Shape, as_level, extent_of
from condseg_app.engine.devices import pick_device
from condseg_app.engine.intensity import IntensityMap
from condseg_app.engine.networks import build_network, condition_for
from condseg_app.engine.predict.feature_cache import FeatureCache, cache_budget
from condseg_app.engine.predict.kernels import Kernels, kernels_for
from condseg_app.engine.predict.tiles import Tile, common, first_of, meet, placed, seen_from, size
from condseg_app.engine.predict.windows import OVERLAP, WindowGrid, gaussian, show, windows_at_once
from condseg_app.engine.preprocess import WorkingGrid, prepare
from condseg_app.errors import OutOfMemory
from condseg_models import Features

_logger = logging.getLogger(__name__)
_CLASSES_AT_ONCE = 8
_VOXELS_AT_ONCE = 1 << 20
# Levels are resampled in whole 256ths.
_STEPS = 256


# A class, windows, and the class's probabilities in the windows in whole 255ths, (windows, I, J, K).
_Answer = tuple[str, Sequence[int], Tensor]


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


class Predictor:
    """Prediction of an image with a model, window by window in any order (`segment`).

    Where windows overlap, their probabilities are averaged with Gaussian weights. Where blocks overlap, a later block
    replaces an earlier block; after the last window all blocks together are the same to the bit in any order of
    windows. Encoded windows are kept for further classes while memory allows.

    A part of an image too large for the memory can be predicted alone: with those windows of the whole image that reach
    the part, and to the same bits.

    Args:
        model: with its weights.
        image: of the model's kind.
        device: 'auto', 'cpu', 'cuda', ...
        overlap: of neighbouring windows, as a part of their size.
        cache: bytes of encoded windows to keep; a quarter of the device's free memory if None.
        part: of the image's grid; all of it if None.

    Raises:
        ModelError: the model does not fit the image.
    """

    def __init__(
        self,
        model: Model,
        image: Image,
        device: str = "auto",
        overlap: float = OVERLAP,
        cache: int | None = None,
        part: Region | None = None,
    ) -> None:
        model.check_fits(image)
        self.model = model
        self._image = image
        self._intensity = IntensityMap.of(image, model.preprocessing)
        self._grid = WorkingGrid.of(image.geometry, model.preprocessing)
        self._device = pick_device(device)
        self._network = build_network(model, self._device)
        self._all = WindowGrid.over(self._grid.shape, model.preprocessing, self._network.stride, overlap)
        self._weights = gaussian(self._all.window)
        self._budget = cache
        # A batch of classes pays on a GPU, where each of many small steps must be started.
        self._classes_at_once = _CLASSES_AT_ONCE if self._device.type == "cuda" else 1
        self._notice = ""
        self._part: Region | None = None
        i, j, k = (slice(0, n) for n in image.geometry.shape)
        self.move_to(part or (i, j, k))

    def move_to(self, part: Region) -> None:
        """Go on with another part of the image; the sums of the part before are forgotten."""
        if part == self._part:
            return
        self._part = part
        self._tile = Tile.of(part, self._grid, self._all, self.model.preprocessing.neighbours)
        self._sums: dict[str, _Sum] = {}
        self._features = FeatureCache(cache_budget(self._device) if self._budget is None else self._budget)
        self._voxels = torch.empty(0)  # the part before goes first, for both may be too much
        self._voxels = prepare(self._image, self._intensity, self._grid, self._tile.seen)

    def use(self, model: Model) -> None:
        """Go on with a model that differs only in its classes: encoded windows are kept, sums are not."""
        self.model = model
        self._network = build_network(model, self._device)
        self._sums.clear()

    @property
    def _windows(self) -> WindowGrid:
        return self._tile.windows

    @property
    def windows(self) -> int:
        """Number of windows."""
        return len(self._windows.starts)

    @property
    def at_once(self) -> int:
        """Best number of windows to ask together; the answers are the same to the bit as for single windows."""
        alike = self._device.type == "cpu" and self._kernels.alike
        return windows_at_once(self._windows.window) if alike else 1

    @property
    def shape(self) -> Shape:
        """The part's shape (I, J, K)."""
        return self.geometry.shape

    @property
    def geometry(self) -> Geometry:
        """The part's own grid."""
        return self._grid.source.part(self._tile.part)

    def holding_most(self, mask: NDArray[np.bool_], count: int) -> list[int]:
        """At most `count` windows that hold voxels of a mask of the whole image (I, J, K), the fullest first."""
        working = self._grid.to_working(mask)
        held = [float(working[self._windows.inside(start)].sum()) for start in self._windows.starts]
        fullest = sorted(range(self.windows), key=lambda index: -held[index])
        return [index for index in fullest if held[index] > 0][:count]

    def order(self, near: tuple[int, int, int] | None = None) -> list[int]:
        """All windows, those nearest to a voxel (I, J, K) of the whole image first."""
        if near is None:
            return list(range(self.windows))
        target = self._working_position(near)
        size = np.array(self._windows.window)
        centres = np.array(self._windows.starts) + (size - 1) / 2
        # Distance from the voxel to the window's border: windows that hold the voxel come first.
        outside = np.maximum(np.abs(centres - target) - size / 2, 0.0)
        nearness = np.linalg.norm(outside, axis=1) + 1e-3 * np.linalg.norm(centres - target, axis=1)
        return [int(index) for index in np.argsort(nearness, kind="stable")]

    def coarse_order(self, gap: float) -> list[int]:
        """Fewest windows with gaps of at most `gap` between them.

        Args:
            gap: in the image's unit.
        """
        spacing = self._grid.axes.geometry(self._grid.source).spacing
        i, j, k = (int(gap * w / n / s) for w, n, s in zip(self._grid.shape, self._grid.turned, spacing, strict=True))
        return self._windows.sparse((i, j, k))

    def region(self, window: int) -> Region:
        """Region of a window's block in the part."""
        return self._of_part(self._tile.inside(window))

    def decided(self, window: int) -> Region | None:
        """Region of the part that a window decides; elsewhere its weight is below a hundredth of the whole weight."""
        box = self._all.decided(self._windows.starts[window])
        if not meet(box, self._tile.working):
            return None
        i, j, k = map(common, box, self._tile.working)
        return self._of_part((i, j, k))

    def _of_part(self, working: Region) -> Region:
        """The region of the part that depends on a region of the working grid."""
        return seen_from(self._grid.unturn(self._tile.turned(working)), first_of(self._tile.part))

    def segment(self, window: int, classes: Sequence[str]) -> Block:
        """Predict classes in a window: encode the window once, and decode each class.

        Returns:
            Probabilities in the window's region of the part, averaged with those of earlier windows.

        Raises:
            ClassTableError: a class is not in the model's table.
            OutOfMemory: the device has too little memory for a single window.
        """
        self.add({window: classes})
        block = self.block(window, classes)
        self.finish([name for name in classes if not self._sums[name].missing])
        return block

    def add(self, wanted: Mapping[int, Sequence[str]]) -> None:
        """Predict classes in some windows and add the results up; raises as `segment`."""
        for name, windows, levels in self._levels(wanted):
            total = self._sums.get(name) or self._sums.setdefault(name, self._nothing())
            for window, level in zip(windows, levels, strict=True):
                self._add_up(total, window, level)

    def _add_up(self, total: _Sum, window: int, level: Tensor) -> None:
        if window not in total.missing:
            return
        inside = self._tile.inside(window)
        here = self._of_sums(inside)
        within = seen_from(inside, self._windows.starts[window])
        weights = self._weights[within]
        total.level[here] += level[within] * weights
        total.weight[here] += weights
        total.missing.remove(window)

    def block(self, window: int, classes: Sequence[str]) -> Block:
        """Probabilities of some classes in a window's region of the part."""
        rows = self._tile.turned(self._tile.inside(window))
        found = {name: self._found(name, rows) for name in classes}
        notice, self._notice = self._notice, ""
        return Block(self.region(window), found, notice)

    def extent(self, window: int, name: str, threshold: float) -> Region | None:
        """The region of the part in which a class reaches a threshold within a window, so far.

        The search is on the working grid: on the image's grid, results would fade beside windows that were not asked.
        """
        inside = self._tile.inside(window)
        here = self._of_sums(inside)
        level, weight = self._sums[name].level[here], self._sums[name].weight[here]
        found = extent_of((level >= as_level(threshold) * weight.clamp(min=1)).numpy())
        if found is None:
            return None
        return self._of_part(placed(found, first_of(inside)))

    def all_of(self, name: str) -> Iterator[tuple[Region, NDArray[np.uint8]]]:
        """Probabilities of a class in all of the part, a few slices at a time, each with its region."""
        rows = list(self._grid.turn(self._tile.part))
        shape = size((rows[0], rows[1], rows[2]))
        axis = max(range(3), key=lambda n: shape[n])
        step = max(1, _VOXELS_AT_ONCE * shape[axis] // math.prod(shape))
        first, stop = rows[axis].start, rows[axis].stop
        for start in range(first, stop, step):
            rows[axis] = slice(start, min(start + step, stop))
            here = (rows[0], rows[1], rows[2])
            yield seen_from(self._grid.unturn(here), first_of(self._tile.part)), self._found(name, here)

    def finish(self, classes: Sequence[str]) -> None:
        """Forget the sums of some classes; a later request begins anew."""
        for name in classes:
            self._sums.pop(name, None)

    def _levels(self, wanted: Mapping[int, Sequence[str]]) -> list[_Answer]:
        """Results of `_ask`; slower where memory is short."""
        while True:
            try:
                return list(self._ask(wanted))
            except torch.OutOfMemoryError as error:
                self._make_room(error)

    @property
    def _kernels(self) -> Kernels:
        return kernels_for(self._device, 3 if self.model.preprocessing.dimensions == "3D" else 2)

    @torch.inference_mode()
    def _ask(self, wanted: Mapping[int, Sequence[str]]) -> Iterator[_Answer]:
        """Predict several classes of a window at a time, or several windows of a class."""
        windows = list(wanted)
        with self._kernels.autocast(self._device):
            features = self._encoded(windows)
        if len(windows) == 1:
            names = wanted[windows[0]]
            for first in range(0, len(names), self._classes_at_once):
                some = names[first : first + self._classes_at_once]
                for name, level in zip(some, self._decoded(features, some), strict=True):
                    yield name, windows, level[None]
            return
        for name in dict.fromkeys(name for names in wanted.values() for name in names):
            rows = [row for row, window in enumerate(windows) if name in wanted[window]]
            asked = features if len(rows) == len(windows) else tuple(f[rows] for f in features)
            yield name, [windows[row] for row in rows], self._decoded(asked, [name] * len(rows))

    def _decoded(self, features: Features, classes: Sequence[str]) -> Tensor:
        """Probabilities in whole 255ths, (classes, *window)."""
        with self._kernels.autocast(self._device):
            logits = self._network.decode(features, condition_for(self.model.classes, classes, self._device))
        return logits.float().sigmoid().mul_(255).round_().cpu().reshape(-1, *self._windows.window)

    def _encoded(self, windows: Sequence[int]) -> Features:
        kept = {window: self._features.get(window) for window in windows}
        new = [window for window, features in kept.items() if features is None]
        if new:
            shown = torch.stack([self._shown(window) for window in new])
            layout = self._kernels.memory_format(shown.dim() - 2)
            # A copy, for a single channel's memory format is anyone's guess.
            placed = torch.empty_like(shown, memory_format=layout, device=self._device).copy_(shown)
            # A class with an own encoder, alone in its model, shares nothing.
            every = condition_for(self.model.classes, self.model.classes.names, self._device)
            features = self._network.encode_for(placed, every)
            parts = zip(*(f.split(1) for f in features), strict=True)
            for window, part in zip(new, parts, strict=True):
                self._features.put(window, part)
                kept[window] = part
            if len(new) == len(windows):
                return features
        return tuple(map(torch.cat, zip(*(f for f in kept.values() if f is not None), strict=True)))

    def _shown(self, window: int) -> Tensor:
        """The network's input for a window."""
        i, j, k = (n - m for n, m in zip(self._windows.starts[window], first_of(self._tile.seen), strict=True))
        return show(self._voxels, (i, j, k), self._windows.window, self.model.preprocessing)

    def _make_room(self, error: torch.OutOfMemoryError) -> None:
        """Take less of the device's memory after a shortage: no cache, then class by class, then the CPU."""
        if len(self._features):
            self._features.close()
        elif self._classes_at_once > 1:
            self._classes_at_once = 1
        elif self._device.type != "cpu":
            self._device = torch.device("cpu")
            self._network.to(self._device)
            self._notice = "The GPU's memory is too small for one window, so the CPU goes on; it takes longer."
            _logger.warning(self._notice)
        else:
            raise OutOfMemory("the memory is too small for one window; close other programs") from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _nothing(self) -> _Sum:
        shape = size(self._tile.working)
        return _Sum(torch.zeros(shape), torch.zeros(shape), set(range(self.windows)))

    def _found(self, name: str, rows: Region) -> NDArray[np.uint8]:
        """A class's levels in a region on the turned axes."""
        found = np.zeros(size(rows), np.uint8)
        reached = self._reached(name, rows)
        if reached is not None:
            found[seen_from(reached, first_of(rows))] = self._resampled(name, reached)
        return np.ascontiguousarray(self._grid.axes.undo(found))

    def _reached(self, name: str, rows: Region) -> Region | None:
        """The part of a region on the turned axes with nonzero levels of a class; None without any."""
        working = self._grid.needed_by_turned(rows)
        extent = extent_of((self._sums[name].level[self._of_sums(working)] > 0).numpy())
        if extent is None:
            return None
        i, j, k = map(common, self._tile.turned(placed(extent, first_of(working))), rows)
        return (i, j, k) if meet((i, j, k), rows) else None

    def _resampled(self, name: str, rows: Region) -> NDArray[np.uint8]:
        """A class's levels in a region on the turned axes, from the part of the working grid that they need."""
        here = self._of_sums(self._grid.needed_by_turned(rows))
        level, weight = self._sums[name].level[here], self._sums[name].weight[here]
        part = (level / weight.clamp(min=1)).round() * _STEPS
        for axis in self._grid.resampled:
            part = self._grid.back[axis].apply(part, axis, rows[axis])
        return (part / _STEPS).round().to(torch.uint8).numpy()

    def _of_sums(self, working: Region) -> Region:
        """A part of the working grid, in voxels of the sums."""
        return seen_from(working, first_of(self._tile.working))

    def _working_position(self, voxel: tuple[int, int, int]) -> NDArray[np.float64]:
        turned = [voxel[axis] for axis in self._grid.axes.order]
        position = [
            n - 1 - v if flip else v
            for v, n, flip in zip(turned, self._grid.turned, self._grid.axes.flipped, strict=True)
        ]
        return np.array(
            [(p + 0.5) * w / n - 0.5 for p, w, n in zip(position, self._grid.shape, self._grid.turned, strict=True)]
        )
