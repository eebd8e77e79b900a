"""Prediction of an image, window by window."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condseg_app.data import Block, Geometry, Image, Model, Region, Shape
from condseg_app.data.regions import common, first_of, meet, seen_from, size, whole
from condseg_app.engine.intensity import IntensityMap
from condseg_app.engine.predict.sums import Sums
from condseg_app.engine.predict.tiles import Tile
from condseg_app.engine.predict.window_network import WindowNetwork
from condseg_app.engine.predict.windows import WindowGrid, gaussian, show
from condseg_app.engine.preprocess import WorkingGrid, prepare

_VOXELS_AT_ONCE = 1 << 20


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
        cache: bytes of encoded windows to keep; a quarter of the device's free memory if None.
        part: of the image's grid; all of it if None.

    Raises:
        ModelError: the model does not fit the image.
    """

    def __init__(
        self, model: Model, image: Image, device: str = "auto", cache: int | None = None, part: Region | None = None
    ) -> None:
        model.check_fits(image)
        self.model = model
        self._image, self._grid = image, WorkingGrid.of_image(image, model.preprocessing)
        self._intensity = IntensityMap.of(image, model.preprocessing, self._grid.source_box)
        self._network = WindowNetwork(model, device, cache)
        self._all = WindowGrid.over(self._grid.shape, model, self._network.stride)
        self._weights = gaussian(self._all.window)
        self._part: Region | None = None
        self.move_to(part or whole(image.geometry.shape))

    def move_to(self, part: Region) -> None:
        """Go on with another part of the image; the sums of the part before are forgotten."""
        if part == self._part:
            return
        self._part = part
        self._tile = Tile.of(part, self._grid, self._all, self.model.preprocessing.neighbours)
        self._sums = Sums(self._tile, self._weights)
        self._network.forget_windows()
        self._voxels = torch.empty(0)  # the part before goes first, for both may be too much
        self._voxels = prepare(self._image, self._intensity, self._grid, self._tile.seen)

    def use(self, model: Model) -> None:
        """Go on with a model that differs only in its classes: encoded windows are kept, sums are not."""
        self.model = model
        self._network.use(model)
        self._sums = Sums(self._tile, self._weights)

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
        return self._network.at_once(self._windows.window)

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
        target = self._grid.place(near)
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
        box = size(self._grid.box)
        i, j, k = (int(gap * w / n / s) for w, n, s in zip(self._grid.shape, box, spacing, strict=True))
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
        self.finish([name for name in classes if self._sums.is_complete(name)])
        return block

    def add(self, wanted: Mapping[int, Sequence[str]]) -> None:
        """Predict classes in some windows and add the results up; raises as `segment`."""
        for name, windows, levels in self._network.ask(wanted, self._shown):
            for window, level in zip(windows, levels, strict=True):
                self._sums.add(name, window, level)

    def block(self, window: int, classes: Sequence[str]) -> Block:
        """Probabilities of some classes in a window's region of the part."""
        rows = self._tile.turned(self._tile.inside(window))
        found = {name: self._sums.levels(name, rows) for name in classes}
        return Block(self.region(window), found, self._network.take_notice())

    def extent(self, window: int, name: str, threshold: float) -> Region | None:
        """The region of the part in which a class reaches a threshold within a window, so far.

        The search is on the working grid: on the image's grid, results would fade beside windows that were not asked.
        """
        found = self._sums.extent(name, self._tile.inside(window), threshold)
        return None if found is None else self._of_part(found)

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
            yield seen_from(self._grid.unturn(here), first_of(self._tile.part)), self._sums.levels(name, here)

    def finish(self, classes: Sequence[str]) -> None:
        """Forget the sums of some classes; a later request begins anew."""
        self._sums.forget(classes)

    def _shown(self, window: int) -> Tensor:
        """The network's input for a window."""
        i, j, k = (n - m for n, m in zip(self._windows.starts[window], first_of(self._tile.seen), strict=True))
        return show(self._voxels, (i, j, k), self._windows.window, self.model.preprocessing)
