"""Prediction: an image's windows, encoded once each and decoded for every class that is asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condseg_app.data import Block, Image, Model, Prediction, Region, Shape, empty_probability
from condseg_app.engine.devices import pick_device
from condseg_app.engine.networks import build_network, condition_for, memory_format
from condseg_app.engine.preprocess import WorkingGrid, along, axis_weights, prepare
from condseg_app.engine.windows import WindowGrid, gaussian, show
from condseg_app.errors import CondsegError, OutOfMemory


@dataclass(eq=False)
class _Sum:
    """A class's window results so far, added up on the working grid."""

    probability: Tensor  # (I, J, K), times weight
    weight: Tensor  # (I, J, K)


class Predictor:
    """One image and one model; `segment` one window after another, in any order.

    Where windows overlap, their probabilities are averaged with Gaussian weights. A block that comes later
    takes the place of an earlier one where they overlap; after the last window all blocks together are the
    same whatever the order was, up to rounding.

    Raises:
        ModelError: the model does not fit the image.
    """

    def __init__(self, model: Model, image: Image, device: str = "auto") -> None:
        model.check_fits(image)
        self.model = model
        self._device = pick_device(device)
        self._network = build_network(model, self._device)
        self._grid = WorkingGrid.of(image.geometry, model.preprocessing)
        self._voxels = prepare(image, model.preprocessing, self._grid)
        self._windows = WindowGrid.over(self._grid.shape, model.preprocessing, self._network.stride)
        self._weights = gaussian(self._windows.window)
        self._sums: dict[str, _Sum] = {}
        # How source voxels are made of working voxels, per working axis.
        self._back = [axis_weights(old, new) for old, new in zip(self._grid.shape, self._grid.turned, strict=True)]

    @property
    def windows(self) -> int:
        """How many windows there are."""
        return len(self._windows.starts)

    @property
    def shape(self) -> Shape:
        """The image's own shape (I, J, K)."""
        return self._grid.source.shape

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
        inside = self._windows.inside(start)
        shown = show(self._voxels, start, self._windows.window, self.model.preprocessing)[None]
        shown = shown.to(self._device, memory_format=memory_format(shown.dim() - 2))
        try:
            probabilities = self._ask(shown, classes)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory("the GPU's memory is too small for one window; choose the CPU in the settings") from error
        within = self._windows.within(start)
        for name, probability in probabilities.items():
            total = self._sum(name)
            total.probability[inside] += (probability * self._weights)[within]
            total.weight[inside] += self._weights[within]
        return self._block(inside, classes)

    @torch.inference_mode()
    def _ask(self, shown: Tensor, classes: Sequence[str]) -> dict[str, Tensor]:
        """Probabilities (I, J, K) of a window, by class."""
        features = self._network.encode(shown)
        found = {}
        for name in classes:
            logits = self._network.decode(features, condition_for(self.model.classes, [name], self._device))
            found[name] = logits.sigmoid().float().cpu().reshape(self._windows.window)
        return found

    def _sum(self, name: str) -> _Sum:
        if name not in self._sums:
            self._sums[name] = _Sum(torch.zeros(self._grid.shape), torch.zeros(self._grid.shape))
        return self._sums[name]

    def _block(self, inside: Region, classes: Sequence[str]) -> Block:
        """What the image's own voxels get from a part of the working grid."""
        rows, columns = zip(*(_support(w, part) for w, part in zip(self._back, inside, strict=True)), strict=True)
        found = {}
        for name in classes:
            total = self._sums[name]
            part = total.probability[columns] / total.weight[columns].clamp(min=1e-6)
            for axis in range(3):
                part = along(part, axis, self._back[axis][rows[axis], columns[axis]])
            level = (part * 255).round().clamp(0, 255).to(torch.uint8).numpy()
            found[name] = np.ascontiguousarray(_unturn(level, self._grid))
        return Block(_source_region(rows, self._grid), found)

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
    model: Model, image: Image, classes: Sequence[str], device: str = "auto"
) -> Iterator[tuple[float, Prediction]]:
    """Predict window by window; yields the part done (0 to 1) and the prediction so far, complete at last.

    The arrays of the prediction are filled in place from one yield to the next.
    """
    if not classes:
        raise CondsegError("no class is asked for; name at least one of the model's table")
    predictor = Predictor(model, image, device)
    arrays = {name: empty_probability(image.geometry.shape) for name in classes}
    for count, window in enumerate(predictor.order(), start=1):
        block = predictor.segment(window, classes)
        for name, levels in block.probabilities.items():
            arrays[name][block.region] = levels
        done = count / predictor.windows
        yield done, Prediction(image.geometry, arrays, frozenset(classes) if done == 1 else frozenset())


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
