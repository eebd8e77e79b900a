"""Memory plan of a prediction: an estimate before the start, and parts that fit into free memory."""

import math
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from condseg_app.data import Image, Model, Region, Shape, regions
from condseg_app.engine.networks import condition_for
from condseg_app.engine.predict.tiles import Tile
from condseg_app.engine.predict.window_network import prediction_network
from condseg_app.engine.predict.windows import WindowGrid, windows_at_once
from condseg_app.engine.preprocess import WorkingGrid
from condseg_app.errors import OutOfMemory
from condseg_models import ConditionedModule

# Part of the free memory that a plan may take: estimates err, and the user's other programs go on.
_MAY_TAKE = 0.7
_SUMS_TAKE = 32_000_000  # bytes, little beside a network's activations
_SUM_TAKES = 8  # bytes a voxel and class, of the working grid: a level and a weight in float32
# Bytes a voxel of the image: labels and best levels while classes are put together, and a class's whole level and mask.
_FUSING_TAKES = 10
_LABELS_TAKE = 2  # bytes a voxel
# Classes overlap little, but are kept in whole chunks.
_CLASSES_A_VOXEL = 3
# A slab of the image in several forms, see `prepare`, and the memory that torch keeps after computing.
_SLAB_TAKES = 90_000_000
_CACHE_TAKES = 128_000_000
_MANY = 12  # classes, beside which a second encoding of a window costs little
_LEAST_SLAB = 8  # slices, for those between two slabs may be predicted for both
# A part of less than this many windows along an axis would be predicted from windows that are mostly others'.
_LEAST_PART = 0.25


@dataclass(frozen=True)
class MemoryPlan:
    """Division of a prediction into parts that fit into some memory.

    Attributes:
        parts: of the image's own grid, in order; a single part if the image can be predicted whole.
        slabs: number of slabs of a part that are predicted in turn, so that all classes can be added up at once.
        slab_axis: axis of the image's grid along which slabs are cut.
        classes_at_once: number of classes that are added up at a time.
        windows_at_once: number of windows that are asked together.
        cache: bytes of encoded windows to keep.
        peak: largest memory in bytes, beside the program's memory before.
    """

    parts: tuple[Region, ...]
    slabs: int
    slab_axis: int
    classes_at_once: int
    windows_at_once: int
    cache: int
    peak: int

    def slabs_of(self, part: Region) -> Iterator[Region]:
        """A part's slabs."""
        counts = [self.slabs if axis == self.slab_axis else 1 for axis in range(3)]
        return cut(part, counts)


def plan_memory(model: Model, image: Image, classes: int, free: int, *, whole: bool = True) -> MemoryPlan:
    """The plan with the fewest parts that fits, and then with most windows together.

    Windows are never made smaller: networks answer worse to windows of another size than the training's.

    Args:
        model: with its weights.
        image: of the model's kind.
        classes: number of classes.
        free: bytes.
        whole: whether the levels of all slabs are kept, and not one slab's after the other's.

    Raises:
        OutOfMemory: a part as small as a window does not fit.
    """
    model.check_fits(image)
    needs = _Needs.of(model, image, classes, whole=whole)
    everything, counts = regions.whole(image.geometry.shape), [1, 1, 1]
    while True:
        parts = tuple(cut(everything, counts))
        middle = needs.tile(parts[len(parts) // 2])  # most parts have neighbours on both sides
        for at_once in dict.fromkeys((windows_at_once(needs.windows.window), 1)):
            plan = needs.plan(middle, parts, at_once)
            if plan.peak <= free * _MAY_TAKE:
                return plan
        # Length of a part per working axis, in windows, as far as the axis can be cut.
        lengths = [n / w for n, w in zip(regions.size(middle.working), needs.windows.window, strict=True)]
        cuttable = [
            length > _LEAST_PART and n > 1 for length, n in zip(lengths, regions.size(middle.working), strict=True)
        ]
        if not any(cuttable):
            raise OutOfMemory(
                f"a prediction needs {plan.peak / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free; close other "
                "programs, or use a model with smaller windows"
            )
        longest = max(range(3), key=lambda axis: cuttable[axis] * lengths[axis])
        counts[needs.grid.axes.order[longest]] *= 2


def require_one_part(model: Model, image: Image, free: int) -> None:
    """Refuse a prediction for which the app's window, which holds an image whole, has no memory.

    Args:
        model: with its weights.
        image: of the model's kind.
        free: bytes.

    Raises:
        OutOfMemory: even a single class would have to be predicted in parts.
    """
    model.check_fits(image)
    needs = _Needs.of(model, image, classes=1, whole=True)
    everything = regions.whole(image.geometry.shape)
    peak = needs.plan(needs.tile(everything), (everything,), at_once=1).peak
    if peak > free * _MAY_TAKE:
        raise OutOfMemory(
            f"'{image.name}' needs about {peak / _MAY_TAKE / 1e9:.1f} GB at once in the window, {free / 1e9:.1f} GB "
            "are free; close other programs, or use `condseg predict`, which works in parts",
            path=image.source,
        )


@dataclass(frozen=True, eq=False)
class _Needs:
    """Memory of a model's prediction of an image.

    Attributes:
        grid: the image's.
        windows: all windows.
        neighbours: of each slice in the network's input.
        channels: of the image.
        classes: number of classes.
        whole: whether the levels of all slabs are kept.
        network: bytes that the network takes for a window.
        features: bytes of an encoded window.
    """

    grid: WorkingGrid
    windows: WindowGrid
    neighbours: int
    channels: int
    classes: int
    whole: bool
    network: int
    features: int

    @classmethod
    def of(cls, model: Model, image: Image, classes: int, *, whole: bool) -> "_Needs":
        """The needs of a model on an image."""
        network = prediction_network(model, torch.device("meta"))
        grid = WorkingGrid.of_image(image, model.preprocessing)
        windows = WindowGrid.over(grid.shape, model, network.stride)
        taken, features = network_takes(model, network, windows.window)
        channels = len(image.channels)
        return cls(grid, windows, model.preprocessing.neighbours, channels, classes, whole, taken, features)

    def tile(self, part: Region) -> Tile:
        """The tile of a part of the image."""
        return Tile.of(part, self.grid, self.windows, self.neighbours)

    def plan(self, tile: Tile, parts: tuple[Region, ...], at_once: int) -> MemoryPlan:
        """The plan for parts like this tile, and so many windows together."""
        seen, working, voxels = (math.prod(regions.size(region)) for region in (tile.seen, tile.working, tile.part))
        slabs = self._slabs(tile)
        classes = min(self.classes, max(1, _SUMS_TAKE * slabs // (_SUM_TAKES * working)))
        # A window is encoded once for all classes that are added up together, and again for others.
        neighbours = 2 * self._in_a_slice(tile)  # which reach into two slabs
        windows = -(-len(tile.windows.starts) // slabs) + neighbours
        cache = self.features * windows if classes < min(self.classes, _MANY) else 0
        cache = min(cache, _CACHE_TAKES)
        peak = (
            4 * self.channels * seen // slabs
            + _SUM_TAKES * classes * working // slabs
            + (min(self.classes, _CLASSES_A_VOXEL) + _FUSING_TAKES) * (voxels if self.whole else voxels // slabs)
            + _LABELS_TAKE * voxels
            + self.network * at_once
            + cache
            + _SLAB_TAKES
        )
        return MemoryPlan(parts, slabs, self.grid.axes.order[2], classes, at_once, cache, peak)

    def _in_a_slice(self, tile: Tile) -> int:
        """Number of windows that begin in the same slice."""
        return len({start[:2] for start in tile.windows.starts})

    def _slabs(self, tile: Tile) -> int:
        """Number of slabs; windows of a single slice do not overlap across slices, so slabs cost hardly anything."""
        if self.windows.window[2] > 1:
            return 1
        wanted = math.ceil(_SUM_TAKES * self.classes * math.prod(regions.size(tile.working)) / _SUMS_TAKE)
        return max(1, min(wanted, regions.size(tile.working)[2] // _LEAST_SLAB))


@torch.no_grad()
def network_takes(model: Model, on_meta: ConditionedModule, window: Shape) -> tuple[int, int]:
    """Largest bytes of a window's tensors, and bytes of its features; nothing is computed."""
    shown = window if model.preprocessing.dimensions == "3D" else window[:2]
    with _Alive() as alive:
        features = on_meta.encode(torch.zeros(1, model.preprocessing.network_channels, *shown, device="meta"))
        with suppress(NotImplementedError):  # a decoder may pick by rows, which have no values here
            on_meta.decode(features, condition_for(model.classes, model.classes.names[:1], torch.device("meta")))
    return alive.peak, sum(f.nbytes for f in features)


class _Alive(TorchDispatchMode):
    """Counts the bytes of the tensors that are alive, and remembers the most."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known:
            return
        self._known.add(storage)
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, storage.nbytes())

    def _forget(self, nbytes: int) -> None:
        self.now -= nbytes


def cut(region: Region, counts: Sequence[int]) -> Iterator[Region]:
    """A region cut into so many parts along each axis, the last axis slowest: files are written in that order."""
    cuts = [
        [part.start + round((part.stop - part.start) * n / count) for n in range(count + 1)]
        for part, count in zip(region, counts, strict=True)
    ]
    ranges = [[slice(a, b) for a, b in pairwise(ends) if b > a] for ends in cuts]
    for k, j, i in product(*reversed(ranges)):
        yield i, j, k
