"""From an image's grid to the network's working grid, and back."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condseg_app.data import AxisMap, Geometry, Image, Preprocessing, Region, Shape
from condseg_app.engine.intensity import IntensityMap
from condseg_app.engine.resample import InterpolationWeights, holding_any
from condseg_app.memory import require_memory

_AT_ONCE = 1 << 20
# Steps of a prepared intensity in resampling, a power of two; intensities stay below 8. Training keeps intensities
# with 11 bits (float16), so nothing is lost.
_STEPS = 4096
_BYTES = 4  # a voxel, in float32


@dataclass(frozen=True)
class WorkingGrid:
    """The working grid of a network, and its place in an image's own grid.

    Attributes:
        source: the image's own grid.
        axes: from the image's axes to the working axes.
        turned: the shape after turning, before resampling.
        shape: the working shape (I, J, K).
    """

    source: Geometry
    axes: AxisMap
    turned: Shape
    shape: Shape

    @classmethod
    def of(cls, source: Geometry, preprocessing: Preprocessing) -> "WorkingGrid":
        """The working grid of an image, which covers the same space as the image."""
        axes = AxisMap.between(source, preprocessing.orientation or source.orientation)
        turned = axes.geometry(source)
        if preprocessing.spacing is None:
            return cls(source, axes, turned.shape, turned.shape)
        i, j, k = (
            max(1, round(n * own / wanted))
            for n, own, wanted in zip(turned.shape, turned.spacing_mm, preprocessing.spacing, strict=True)
        )
        return cls(source, axes, turned.shape, (i, j, k))

    @property
    def resampled(self) -> tuple[int, ...]:
        """The working axes on which the grids differ."""
        return tuple(axis for axis in range(3) if self.shape[axis] != self.turned[axis])

    @property
    def everywhere(self) -> Region:
        """All of the working grid."""
        return _whole(self.shape)

    @cached_property
    def forth(self) -> tuple[InterpolationWeights, ...]:
        """Per working axis, the interpolation weights of working voxels."""
        return tuple(InterpolationWeights.between(n, w) for n, w in zip(self.turned, self.shape, strict=True))

    @cached_property
    def back(self) -> tuple[InterpolationWeights, ...]:
        """Per working axis, the interpolation weights of the image's turned voxels."""
        return tuple(InterpolationWeights.between(w, n) for n, w in zip(self.turned, self.shape, strict=True))

    def turn(self, region: Region) -> Region:
        """A region of the image's grid on the turned axes."""
        i, j, k = (
            _mirrored(region[old], n) if flip else region[old]
            for old, flip, n in zip(self.axes.order, self.axes.flipped, self.turned, strict=True)
        )
        return i, j, k

    def unturn(self, region: Region) -> Region:
        """A region on the turned axes in the image's grid."""
        found = [slice(0)] * 3
        for new, (old, flip) in enumerate(zip(self.axes.order, self.axes.flipped, strict=True)):
            found[old] = _mirrored(region[new], self.turned[new]) if flip else region[new]
        return found[0], found[1], found[2]

    def made_of(self, region: Region) -> Region:
        """The part of the image's grid that a working region is made of."""
        i, j, k = (taps.needed_by(part) for taps, part in zip(self.forth, region, strict=True))
        return self.unturn((i, j, k))

    def needed_by(self, region: Region) -> Region:
        """The working region that a part of the image's grid is made of on the way back."""
        return self.needed_by_turned(self.turn(region))

    def needed_by_turned(self, rows: Region) -> Region:
        """`needed_by` of a region on the turned axes."""
        i, j, k = (taps.needed_by(part) for taps, part in zip(self.back, rows, strict=True))
        return i, j, k

    def to_working(self, array: NDArray[np.generic], region: Region | None = None) -> Tensor:
        """Turn and resample the last three axes of an array of values from -8 to 8; float32.

        Args:
            array: on the image's grid, or on its part `made_of(region)`.
            region: the working region to make, all of it if None.
        """
        x = torch.from_numpy(np.array(self.axes.apply(array), dtype=np.float32, order="C"))
        if not self.resampled:
            return x
        x = (x * _STEPS).round()
        for axis in self.resampled:
            x = self.forth[axis].apply(x, x.dim() - 3 + axis, (region or self.everywhere)[axis])
        return x / _STEPS

    def holding_any(self, marked: NDArray[np.bool_]) -> Tensor:
        """The working voxels that contain, or lie in, a true voxel of a mask on the image's grid; bool."""
        held = self.axes.apply(marked).astype(bool, copy=False)
        for axis in self.resampled:
            held = holding_any(held, axis, self.shape[axis])
        return torch.from_numpy(np.array(held, order="C"))


def prepare(image: Image, intensity: IntensityMap, grid: WorkingGrid, region: Region | None = None) -> Tensor:
    """The network's input from an image, (C, I, J, K) float32, in a working region (everywhere if None).

    The result is the same to the bit in any division into parts; only a slab of the image is read at a time.

    Raises:
        OutOfMemory: so much is not free.
    """
    wanted = region or grid.everywhere
    shape = [part.stop - part.start for part in wanted]
    require_memory(_BYTES * len(image.channels) * math.prod(shape), image.source)
    prepared = torch.empty(len(image.channels), *shape)
    source = [part.stop - part.start for part in grid.made_of(wanted)]
    count = -(-len(image.channels) * int(np.prod(source)) // _AT_ONCE)
    # Files hold the image's last axis slowest: cut along it, a slab is read in few pieces.
    enough = [axis for axis in range(3) if shape[axis] >= count]
    axis = max(enough, key=lambda a: grid.axes.order[a]) if enough else int(np.argmax(shape))
    step = max(1, shape[axis] // count)
    for first in range(0, shape[axis], step):
        slab, place = list(wanted), [slice(None)] * 4
        begin = wanted[axis].start + first
        slab[axis] = slice(begin, min(begin + step, wanted[axis].stop))
        place[1 + axis] = slice(first, first + step)
        part = (slab[0], slab[1], slab[2])
        voxels = np.asarray(image.array[(slice(None), *grid.made_of(part))])
        prepared[tuple(place)] = grid.to_working(intensity.apply(voxels), part)
    return prepared


def _mirrored(part: slice, n: int) -> slice:
    return slice(n - part.stop, n - part.start)


def _whole(shape: Shape) -> Region:
    i, j, k = (slice(0, n) for n in shape)
    return i, j, k
