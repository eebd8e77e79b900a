"""Sliding windows: positions, contents, and weights of their voxels."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import torch
from torch import Tensor

from condseg_app.data import Model, Preprocessing, Region, Shape
from condseg_app.errors import OutOfMemory

_VOXELS_AT_ONCE = 1 << 16
_MOST_WINDOWS = 1 << 20
_MOST_AT_ONCE = 8
_LEAST_SHARE = 0.01
# Largest weight of a window's voxel. Sums of this times 255 stay exact in float32 for 65 windows.
_PEAK_WEIGHT = 1000


@dataclass(frozen=True)
class WindowGrid:
    """Windows that cover a working grid.

    Attributes:
        shape: the working grid (I, J, K).
        window: voxels of a window; may reach beyond the grid.
        starts: each window's first voxel; negative where the window is larger than the grid.
    """

    shape: Shape
    window: Shape
    starts: tuple[Shape, ...]

    @classmethod
    def over(cls, shape: Shape, model: Model, stride: int) -> "WindowGrid":
        """Windows that overlap by at least the model's overlap, evenly spread along each axis.

        Raises:
            OutOfMemory: there would be more than can be listed, let alone predicted.
        """
        window = network_window(model.preprocessing, stride)
        axes = [_starts(n, w, model.inference.overlap) for n, w in zip(shape, window, strict=True)]
        if math.prod(map(len, axes)) > _MOST_WINDOWS:
            grid = " x ".join(f"{n:,}" for n in shape)
            raise OutOfMemory(f"it has {grid} voxels at the model's voxel size, far too many; check its voxel sizes")
        return cls(shape, window, tuple((i, j, k) for i, j, k in product(*axes)))

    def inside(self, start: Shape) -> tuple[slice, slice, slice]:
        """The part of the working grid that a window covers."""
        i, j, k = (slice(max(a, 0), min(a + w, n)) for a, w, n in zip(start, self.window, self.shape, strict=True))
        return i, j, k

    def decided(self, start: Shape) -> Region:
        """The box of the working grid outside of which a window's bell is less than a hundredth of all windows'."""
        i, j, k = (parts[first] for parts, first in zip(self._decided, start, strict=True))
        return i, j, k

    @cached_property
    def _decided(self) -> tuple[Mapping[int, slice], ...]:
        """Along each axis, start -> the range in which the window's share of the weights is no less."""
        return tuple(
            _decided({start[axis] for start in self.starts}, self.window[axis], self.shape[axis]) for axis in range(3)
        )

    def seen(self, neighbours: int) -> Region:
        """The part of the grid that the windows see, with so many neighbours of each slice."""
        parts = [self.inside(start) for start in self.starts]
        i, j, k = (slice(min(p[a].start for p in parts), max(p[a].stop for p in parts)) for a in range(3))
        return i, j, slice(max(k.start - neighbours, 0), min(k.stop + neighbours, self.shape[2]))

    def sparse(self, gap: Shape) -> list[int]:
        """Fewest windows with gaps of at most `gap` voxels along an axis."""
        chosen = [
            _sparse({start[axis] for start in self.starts}, self.window[axis], self.shape[axis], gap[axis])
            for axis in range(3)
        ]
        return [n for n, start in enumerate(self.starts) if all(s in c for s, c in zip(start, chosen, strict=True))]


def network_window(preprocessing: Preprocessing, stride: int) -> Shape:
    """The model's window, rounded up to the network's stride.

    The size is the same in training and prediction and for images of any size: instance norms see all of a window,
    and answer worse to another size (hippocampus, classes hidden in training: Dice 0.891 instead of 0.894).
    """
    strides = (stride, stride, stride if preprocessing.dimensions == "3D" else 1)
    i, j, k = (math.ceil(w / s) * s for w, s in zip(preprocessing.window, strides, strict=True))
    return i, j, k


def windows_at_once(window: Shape) -> int:
    """Number of windows in a batch: enough to keep a CPU busy, and few enough for its caches.

    In 3D a single window is enough, and batches would differ in the last bits.
    """
    return min(max(1, _VOXELS_AT_ONCE // math.prod(window)), _MOST_AT_ONCE) if window[2] == 1 else 1


def first_voxel(n: int, window: int) -> int:
    """Start of a window that is larger than the grid, which reaches equally far beyond both sides."""
    return -((window - n) // 2)


def cut(voxels: Tensor, start: Shape, window: Shape) -> Tensor:
    """A window of (C, I, J, K) voxels; voxels outside repeat the nearest inside."""
    for axis, (first, size) in enumerate(zip(start, window, strict=True), start=1):
        n = voxels.shape[axis]
        if first >= 0 and first + size <= n:
            voxels = voxels.narrow(axis, first, size)
        else:
            index = torch.arange(first, first + size, device=voxels.device).clamp(0, n - 1)
            voxels = voxels.index_select(axis, index)
    return voxels


def show(voxels: Tensor, start: Shape, window: Shape, preprocessing: Preprocessing) -> Tensor:
    """A window as the network's input: (C, I, J, K) for '3D', else (C * slices, I, J)."""
    if preprocessing.dimensions == "3D":
        return cut(voxels, start, window)
    n = preprocessing.neighbours
    slab = cut(voxels, (start[0], start[1], start[2] - n), (window[0], window[1], 1 + 2 * n))  # (C, I, J, slices)
    return slab.permute(0, 3, 1, 2).flatten(0, 1)


def gaussian(window: Shape) -> Tensor:
    """Gaussian weights of a window's voxels, (I, J, K), largest at the centre, where the network sees most.

    The deviation is an eighth of the window, as in nnU-Net. The weights are whole numbers from 1 to 1000, so that
    sums of products with whole numbers are exact, and the same in any order.
    """
    weights = torch.einsum("i,j,k->ijk", *map(_bell, window))
    return (weights / weights.max() * _PEAK_WEIGHT).round().clamp(min=1)


def _bell(window: int) -> Tensor:
    return torch.exp(-0.5 * ((torch.arange(window) - (window - 1) / 2) / max(window / 8, 0.5)) ** 2)


def _decided(starts: set[int], window: int, n: int) -> dict[int, slice]:
    first, bell = min(starts), _bell(window)
    total = torch.zeros(max(starts) - first + window)
    for start in starts:
        total[start - first :][:window] += bell
    parts = {}
    for start in starts:
        counts = (bell >= _LEAST_SHARE * total[start - first :][:window]).nonzero()
        parts[start] = slice(max(start + int(counts[0]), 0), min(start + int(counts[-1]) + 1, n))
    return parts


def _sparse(starts: set[int], window: int, n: int, gap: int) -> set[int]:
    """The fewest starts along an axis that leave no larger gap between their windows, nor at the grid's ends."""
    left = sorted(starts)
    covered, end = max(0, left[0]), min(n, left[-1] + window)
    chosen: set[int] = set()
    while left and (covered + gap < end or not chosen):
        furthest = max((start for start in left if start <= covered + gap), default=left[0])
        chosen.add(furthest)
        covered = furthest + window
        left = [start for start in left if start > furthest]
    return chosen


def _starts(n: int, window: int, overlap: float) -> list[int]:
    if n <= window:
        return [first_voxel(n, window)]
    step = max(1, int(window * (1 - overlap)))
    count = math.ceil((n - window) / step) + 1
    return [round(index * (n - window) / (count - 1)) for index in range(count)]
