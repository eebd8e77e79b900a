"""Prediction: an image's windows, encoded once each and decoded for every class that is asked for."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condseg_app.data import Block, Image, Levels, Model, Prediction, Region, Shape
from condseg_app.engine.devices import pick_device
from condseg_app.engine.feature_cache import FeatureCache, cache_budget
from condseg_app.engine.networks import build_network, condition_for, memory_format
from condseg_app.engine.preprocess import WorkingGrid, along, prepare, whole_weights
from condseg_app.engine.windows import OVERLAP, WindowGrid, gaussian, show
from condseg_app.errors import CondsegError, OutOfMemory
from condseg_models import Features

_logger = logging.getLogger(__name__)

_CLASSES_AT_ONCE = 8
_FLOAT = torch.float32.itemsize
_SUMS_TAKE = 128_000_000  # bytes, little beside what a network's activations take


@dataclass(eq=False)
class _Sum:
    """A class's window results so far, added up on the working grid: whole numbers, so that the order is of no account.

    Attributes:
        level: (I, J, K), 0 to 255 times weight.
        weight: (I, J, K).
        missing: windows that are not in it yet.
    """

    level: Tensor
    weight: Tensor
    missing: set[int]


class Predictor:
    """One image and one model; `segment` one window after another, in any order.

    Where windows overlap, their probabilities are averaged with Gaussian weights. A block that comes later
    takes the place of an earlier one where they overlap; after the last window all blocks together are the
    same whatever the order was, to the bit. Encoded windows are kept for further classes while memory allows.

    Args:
        model: with its weights.
        image: of the model's kind.
        device: 'auto', 'cpu', 'cuda', ...
        overlap: of neighbouring windows, as a part of their size.
        cache: bytes of encoded windows to keep; a quarter of the device's free memory if None.

    Raises:
        ModelError: the model does not fit the image.
    """

    def __init__(
        self, model: Model, image: Image, device: str = "auto", overlap: float = OVERLAP, cache: int | None = None
    ) -> None:
        model.check_fits(image)
        self.model = model
        self._device = pick_device(device)
        self._network = build_network(model, self._device)
        self._grid = WorkingGrid.of(image.geometry, model.preprocessing)
        self._voxels = prepare(image, model.preprocessing, self._grid)
        self._windows = WindowGrid.over(self._grid.shape, model.preprocessing, self._network.stride, overlap)
        self._weights = gaussian(self._windows.window)
        self._sums: dict[str, _Sum] = {}
        # How source voxels are made of working voxels, per working axis.
        self._back = [whole_weights(old, new) for old, new in zip(self._grid.shape, self._grid.turned, strict=True)]
        self._resampled = [axis for axis in range(3) if self._grid.shape[axis] != self._grid.turned[axis]]
        self._features = FeatureCache(cache_budget(self._device) if cache is None else cache)
        # A batch of classes pays where their many small steps are started one by one, on a GPU.
        self._at_once = _CLASSES_AT_ONCE if self._device.type == "cuda" else 1
        self._notice = ""

    @property
    def windows(self) -> int:
        """How many windows there are."""
        return len(self._windows.starts)

    @property
    def shape(self) -> Shape:
        """The image's own shape (I, J, K)."""
        return self._grid.source.shape

    def classes_within(self, memory: int) -> int:
        """How many classes, at least one, can be added up in so many bytes."""
        return max(1, memory // (2 * _FLOAT * math.prod(self._grid.shape)))

    def holding_most(self, mask: NDArray[np.bool_], count: int) -> list[int]:
        """At most `count` windows that hold voxels of a mask (I, J, K), the fullest first."""
        working = self._grid.to_working(mask)
        held = [float(working[self._windows.inside(start)].sum()) for start in self._windows.starts]
        fullest = sorted(range(self.windows), key=lambda index: -held[index])
        return [index for index in fullest if held[index] > 0][:count]

    def order(self, near: tuple[int, int, int] | None = None) -> list[int]:
        """All windows, those nearest to a voxel (I, J, K) of the image first."""
        if near is None:
            return list(range(self.windows))
        target = self._working_position(near)
        size = np.array(self._windows.window)
        centres = np.array(self._windows.starts) + (size - 1) / 2
        # Only what lies outside a window makes it far: those that show the voxel come first.
        outside = np.maximum(np.abs(centres - target) - size / 2, 0.0)
        nearness = np.linalg.norm(outside, axis=1) + 1e-3 * np.linalg.norm(centres - target, axis=1)
        return [int(index) for index in np.argsort(nearness, kind="stable")]

    def segment(self, window: int, classes: Sequence[str]) -> Block:
        """Ask for classes in one window: it is encoded once and decoded for each class.

        Raises:
            ClassTableError: a class is not in the model's table.
            OutOfMemory: the device has too little memory for one window.
        """
        start = self._windows.starts[window]
        inside, within = self._windows.inside(start), self._windows.within(start)
        weights = self._weights[within]
        for name, level in self._levels(window, classes).items():
            total = self._sums.get(name) or self._sums.setdefault(name, self._nothing())
            if window in total.missing:
                total.level[inside] += level[within] * weights
                total.weight[inside] += weights
                total.missing.remove(window)
        block = self._block(inside, classes)
        for name in [name for name in classes if not self._sums[name].missing]:
            del self._sums[name]
        return block

    def _levels(self, window: int, classes: Sequence[str]) -> dict[str, Tensor]:
        """Probabilities of a window in whole 255ths (I, J, K), by class; with less speed where memory is short."""
        while True:
            try:
                return self._ask(window, classes)
            except torch.OutOfMemoryError as error:
                self._make_room(error)

    @torch.inference_mode()
    def _ask(self, window: int, classes: Sequence[str]) -> dict[str, Tensor]:
        features = self._encoded(window)
        found: dict[str, Tensor] = {}
        for first in range(0, len(classes), self._at_once):
            names = classes[first : first + self._at_once]
            logits = self._network.decode(features, condition_for(self.model.classes, names, self._device))
            levels = (logits.sigmoid().float() * 255).round().cpu()
            found.update(zip(names, levels.reshape(-1, *self._windows.window), strict=True))
        return found

    def _encoded(self, window: int) -> Features:
        features = self._features.get(window)
        if features is None:
            start = self._windows.starts[window]
            shown = show(self._voxels, start, self._windows.window, self.model.preprocessing)[None]
            features = self._network.encode(shown.to(self._device, memory_format=memory_format(shown.dim() - 2)))
            self._features.put(window, features)
        return features

    def _make_room(self, error: torch.OutOfMemoryError) -> None:
        """Ask less of the device's memory than when it ran out: no cache, then class by class, then the CPU."""
        if len(self._features):
            self._features.close()
        elif self._at_once > 1:
            self._at_once = 1
        elif self._device.type != "cpu":
            self._device = torch.device("cpu")
            self._network.to(self._device)
            self._notice = "The GPU's memory is too small for one window, so the CPU goes on; it takes longer."
        else:
            raise OutOfMemory("the memory is too small for one window; close other programs") from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _nothing(self) -> _Sum:
        return _Sum(torch.zeros(self._grid.shape), torch.zeros(self._grid.shape), set(range(self.windows)))

    def _block(self, inside: Region, classes: Sequence[str]) -> Block:
        """What the image's own voxels get from a part of the working grid."""
        rows, columns = zip(*(_support(w, part) for w, part in zip(self._back, inside, strict=True)), strict=True)
        found = {}
        for name in classes:
            total = self._sums[name]
            # In whole 256ths of a level, so that every sum stays exact.
            part = (total.level[columns] / total.weight[columns].clamp(min=1)).round() * 256
            for axis in self._resampled:
                part = (along(part, axis, self._back[axis][rows[axis], columns[axis]]) / 256).round()
            level = (part / 256).round().to(torch.uint8).numpy()
            found[name] = np.ascontiguousarray(_unturn(level, self._grid))
        notice, self._notice = self._notice, ""
        return Block(_source_region(rows, self._grid), found, notice)

    def _working_position(self, voxel: tuple[int, int, int]) -> NDArray[np.float64]:
        turned = [voxel[axis] for axis in self._grid.axes.order]
        position = [
            n - 1 - v if flip else v
            for v, n, flip in zip(turned, self._grid.turned, self._grid.axes.flipped, strict=True)
        ]
        return np.array(
            [(p + 0.5) * w / n - 0.5 for p, w, n in zip(position, self._grid.shape, self._grid.turned, strict=True)]
        )


def predict(
    model: Model, image: Image, classes: Sequence[str], device: str = "auto", overlap: float = OVERLAP
) -> Iterator[tuple[float, Prediction]]:
    """Predict window by window; yields the part done (0 to 1) and the prediction so far, complete at last.

    The prediction is filled in place from one yield to the next. Of many classes only some are added up at a time, so
    that their number makes little difference to the memory that is needed.

    Args:
        model: with its weights.
        image: of the model's kind.
        classes: names.
        device: 'auto', 'cpu', 'cuda', ...
        overlap: of neighbouring windows, as a part of their size.

    Raises:
        CondsegError: no class is asked for, or as `Predictor`.
    """
    if not classes:
        raise CondsegError("no class is asked for; name at least one of the model's table")
    predictor = Predictor(model, image, device, overlap)
    levels, complete = Levels(image.geometry.shape), 0
    at_once = predictor.classes_within(_SUMS_TAKE)
    for first in range(0, len(classes), at_once):
        group = classes[first : first + at_once]
        for count, window in enumerate(predictor.order(), start=1):
            block = predictor.segment(window, group)
            if block.notice:
                _logger.warning(block.notice)
            for name, found in block.probabilities.items():
                levels.paste(name, block.region, found)
            complete = first + len(group) if count == predictor.windows else first
            done = (first + len(group) * count / predictor.windows) / len(classes)
            yield done, Prediction(image.geometry, levels, frozenset(classes[:complete]))


def predict_whole(model: Model, image: Image, classes: Sequence[str], device: str = "auto") -> Prediction:
    """Predict without a look at what is done so far."""
    *_, (_done, prediction) = predict(model, image, classes, device)
    return prediction


def _support(weights: Tensor, part: slice) -> tuple[slice, slice]:
    """The rows that a range of columns touches, and all columns that those rows are made of."""
    rows = weights[:, part].sum(dim=1).nonzero()[:, 0]
    row_range = slice(int(rows[0]), int(rows[-1]) + 1)
    columns = weights[row_range].sum(dim=0).nonzero()[:, 0]
    return row_range, slice(int(columns[0]), int(columns[-1]) + 1)


def _source_region(rows: Sequence[slice], grid: WorkingGrid) -> Region:
    found = [slice(0)] * 3
    for new, (old, flip) in enumerate(zip(grid.axes.order, grid.axes.flipped, strict=True)):
        n, part = grid.turned[new], rows[new]
        found[old] = slice(n - part.stop, n - part.start) if flip else part
    return found[0], found[1], found[2]


def _unturn(level: NDArray[np.uint8], grid: WorkingGrid) -> NDArray[np.uint8]:
    return grid.axes.undo(level).astype(np.uint8, copy=False)
