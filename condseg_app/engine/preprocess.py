"""From an image's grid to the network's working grid, and back."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condseg_app.data import AxisMap, Geometry, Image, Preprocessing, Region, Shape
from condseg_app.data.regions import size, whole
from condseg_app.engine.intensity import IntensityMap, foreground
from condseg_app.engine.resample import InterpolationWeights, holding_any
from condseg_app.memory import require_memory

_AT_ONCE = 1 << 20
_MASK_STEPS = 4096.0
_BYTES = 4  # a voxel, in float32


@dataclass(frozen=True)
class WorkingGrid:
    """The working grid of a network, and its place in an image's own grid.

    Attributes:
        source: the image's own grid.
        axes: from the image's axes to the working axes.
        turned: the shape after turning, before cropping and resampling.
        box: the part that is left after cropping, on the turned axes.
        shape: the working shape (I, J, K).
        is_cubic: whether images are interpolated by cubic splines; masks and probabilities never are.
    """

    source: Geometry
    axes: AxisMap
    turned: Shape
    box: Region
    shape: Shape
    is_cubic: bool = False

    @classmethod
    def of(cls, source: Geometry, preprocessing: Preprocessing, box: Region | None = None) -> "WorkingGrid":
        """The working grid of a box of an image, on the image's own axes; of the whole image if None."""
        axes = preprocessing.axes(source)
        turned = axes.geometry(source)
        part = _turned(box or whole(source.shape), axes, turned.shape)
        shape, spacing = turned.part(part).shape, preprocessing.spacing
        if spacing is None:
            return cls(source, axes, turned.shape, part, shape)
        shape = spacing.shape(shape, turned.spacing_mm)
        return cls(source, axes, turned.shape, part, shape, spacing.interpolation == "cubic")

    @classmethod
    def of_image(cls, image: Image, preprocessing: Preprocessing) -> "WorkingGrid":
        """The working grid of an image, which is read where the preprocessing crops it."""
        crop = preprocessing.crop
        return cls.of(image.geometry, preprocessing, None if crop is None else crop.box(foreground(image)))

    @property
    def source_box(self) -> Region:
        """The part that is left after cropping, on the image's own axes."""
        return self.unturn(self.box)

    @property
    def resampled(self) -> tuple[int, ...]:
        """The working axes on which the grids differ."""
        everything = whole(self.turned)
        return tuple(n for n in range(3) if self.shape[n] != self.turned[n] or self.box[n] != everything[n])

    @property
    def everywhere(self) -> Region:
        """All of the working grid."""
        return whole(self.shape)

    @cached_property
    def forth(self) -> tuple[InterpolationWeights, ...]:
        """Per working axis, the interpolation weights of an image's working voxels."""
        return self._weights(InterpolationWeights.cubic) if self.is_cubic else self._linear

    @cached_property
    def _linear(self) -> tuple[InterpolationWeights, ...]:
        return self._weights(InterpolationWeights.between)

    def _weights(self, make: Callable[[int, int], InterpolationWeights]) -> tuple[InterpolationWeights, ...]:
        parts = zip(self.box, self.shape, strict=True)
        return tuple(make(part.stop - part.start, w).cropped(part) for part, w in parts)

    @cached_property
    def back(self) -> tuple[InterpolationWeights, ...]:
        """Per working axis, the interpolation weights of the image's turned voxels."""
        return tuple(
            InterpolationWeights.between(w, part.stop - part.start).padded(part, n)
            for part, n, w in zip(self.box, self.turned, self.shape, strict=True)
        )

    def turn(self, region: Region) -> Region:
        """A region of the image's grid on the turned axes."""
        return _turned(region, self.axes, self.turned)

    def place(self, voxel: Shape) -> NDArray[np.float64]:
        """Place of a voxel of the image's grid on the working grid."""
        i, j, k = (slice(n, n + 1) for n in voxel)
        ends = zip(self.turn((i, j, k)), self.box, self.shape, strict=True)
        return np.array([(p.start - b.start + 0.5) * w / (b.stop - b.start) - 0.5 for p, b, w in ends])

    def unturn(self, region: Region) -> Region:
        """A region on the turned axes in the image's grid."""
        found = [slice(0)] * 3
        for new, (old, flip) in enumerate(zip(self.axes.order, self.axes.flipped, strict=True)):
            found[old] = _mirrored(region[new], self.turned[new]) if flip else region[new]
        return found[0], found[1], found[2]

    def made_of(self, region: Region) -> Region:
        """The part of the image's grid that an image's working region is made of."""
        i, j, k = (taps.needed_by(part) for taps, part in zip(self.forth, region, strict=True))
        return self.unturn((i, j, k))

    def needed_by(self, region: Region) -> Region:
        """The working region that a part of the image's grid is made of on the way back."""
        return self.needed_by_turned(self.turn(region))

    def needed_by_turned(self, rows: Region) -> Region:
        """`needed_by` of a region on the turned axes."""
        i, j, k = (taps.needed_by(part) for taps, part in zip(self.back, rows, strict=True))
        return i, j, k

    def to_working(self, mask: NDArray[np.generic]) -> Tensor:
        """Turn, crop and resample a mask, or the last three axes of several, on all of the image's grid; float32."""
        return self._resampled(self._linear, mask[(..., *self.source_box)], self.everywhere, _MASK_STEPS)

    def image_to_working(self, values: NDArray[np.generic], region: Region, steps: float) -> Tensor:
        """Turn, crop and resample the last three axes of an image's part; float32.

        Args:
            values: on the part `made_of(region)` of the image's grid.
            region: the working region to make.
            steps: into which a unit is rounded, a power of two; values stay below 2**15 steps.
        """
        return self._resampled(self.forth, values, region, steps)

    def _resampled(
        self, weights: Sequence[InterpolationWeights], values: NDArray[np.generic], region: Region, steps: float
    ) -> Tensor:
        x = torch.from_numpy(np.array(self.axes.apply(values), dtype=np.float32, order="C"))
        if not self.resampled:
            return x
        x = (x * steps).round()
        for axis in self.resampled:
            x = weights[axis].apply(x, x.dim() - 3 + axis, region[axis])
        return (x / steps).float()

    def holding_any(self, marked: NDArray[np.bool_]) -> Tensor:
        """The working voxels that contain, or lie in, a true voxel of a mask on the image's grid; bool."""
        held = self.axes.apply(marked).astype(bool, copy=False)
        held = held[self.box]
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
    shape = size(wanted)
    require_memory(_BYTES * len(image.channels) * math.prod(shape), image.source)
    prepared = torch.empty(len(image.channels), *shape)
    source = size(grid.made_of(wanted))
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
        here = grid.made_of(part)
        values = intensity.apply(np.asarray(image.array[(slice(None), *here)]), here)
        prepared[tuple(place)] = grid.image_to_working(values, part, intensity.steps)
    return prepared


def _turned(region: Region, axes: AxisMap, shape: Shape) -> Region:
    """A region of a grid after turning to a shape."""
    i, j, k = (
        _mirrored(region[old], n) if flip else region[old]
        for old, flip, n in zip(axes.order, axes.flipped, shape, strict=True)
    )
    return i, j, k


def _mirrored(part: slice, n: int) -> slice:
    return slice(n - part.stop, n - part.start)
