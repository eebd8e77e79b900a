"""Sliding windows: where they lie, what they show, and how much each voxel of one counts."""

import math
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from condseg_app.data import Preprocessing, Shape

OVERLAP = 0.5


@dataclass(frozen=True)
class WindowGrid:
    """Windows that cover a working grid.

    Attributes:
        shape: the working grid (I, J, K).
        window: one window's voxels; never more than the grid needs.
        starts: each window's first voxel.
    """

    shape: Shape
    window: Shape
    starts: tuple[Shape, ...]

    @classmethod
    def over(cls, shape: Shape, preprocessing: Preprocessing, stride: int, overlap: float = OVERLAP) -> "WindowGrid":
        """Windows that overlap by at least `overlap` of their size, evenly spread along each axis."""
        window = fitting_window(shape, preprocessing, stride)
        axes = [_starts(n, w, overlap) for n, w in zip(shape, window, strict=True)]
        return cls(shape, window, tuple((i, j, k) for i, j, k in product(*axes)))

    def inside(self, start: Shape) -> tuple[slice, slice, slice]:
        """The part of the working grid that a window covers."""
        i, j, k = (slice(a, min(a + w, n)) for a, w, n in zip(start, self.window, self.shape, strict=True))
        return i, j, k


def fitting_window(shape: Shape, preprocessing: Preprocessing, stride: int) -> Shape:
    """The model's window, cut to what a grid needs; sizes stay multiples of the network's stride."""
    volumetric = preprocessing.dimensions == "3D"
    strides = (stride, stride, stride if volumetric else 1)
    i, j, k = (
        min(math.ceil(w / s) * s, math.ceil(n / s) * s)
        for w, n, s in zip(preprocessing.window, shape, strides, strict=True)
    )
    return i, j, k


def cut(voxels: Tensor, start: Shape, window: Shape) -> Tensor:
    """A window of (C, I, J, K) voxels; what lies outside repeats the nearest voxel."""
    for axis, (first, size) in enumerate(zip(start, window, strict=True), start=1):
        n = voxels.shape[axis]
        if first >= 0 and first + size <= n:
            voxels = voxels.narrow(axis, first, size)
        else:
            index = torch.arange(first, first + size, device=voxels.device).clamp(0, n - 1)
            voxels = voxels.index_select(axis, index)
    return voxels


def show(voxels: Tensor, start: Shape, window: Shape, preprocessing: Preprocessing) -> Tensor:
    """What the network is shown of a window: (C, I, J, K) for '3D', else (C * slices, I, J)."""
    if preprocessing.dimensions == "3D":
        return cut(voxels, start, window)
    n = preprocessing.neighbours
    slab = cut(voxels, (start[0], start[1], start[2] - n), (window[0], window[1], 1 + 2 * n))  # (C, I, J, slices)
    return slab.permute(0, 3, 1, 2).flatten(0, 1)


def gaussian(window: Shape) -> Tensor:
    """How much each voxel of a window counts, (I, J, K): most at its centre, where the network sees most.

    The deviation is an eighth of the window, as in nnU-Net; nowhere less than a thousandth of the peak.
    """
    bells = [torch.exp(-0.5 * ((torch.arange(w) - (w - 1) / 2) / max(w / 8, 0.5)) ** 2) for w in window]
    weights = torch.einsum("i,j,k->ijk", *bells)
    return (weights / weights.max()).clamp(min=1e-3)


def _starts(n: int, window: int, overlap: float) -> list[int]:
    if n <= window:
        return [0]
    step = max(1, int(window * (1 - overlap)))
    count = math.ceil((n - window) / step) + 1
    return [round(index * (n - window) / (count - 1)) for index in range(count)]
