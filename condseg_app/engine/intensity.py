"""Intensity normalisation; statistics of a whole image are found in a single pass over its parts."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes

from condseg_app.data import EVERYWHERE, Image, Preprocessing, Region
from condseg_app.data.preprocessing import Channel, Statistics
from condseg_app.data.regions import lengths, whole
from condseg_app.errors import ModelError

# Voxels of a channel from which percentiles are taken; more voxels hardly change the percentiles.
_SAMPLES = 1 << 24
_AT_ONCE = 1 << 20
# Resampling keeps intensities with so many bits, of which training keeps 11 (float16): nothing is lost.
_BITS, _MOST_FRACTIONS = 15, 12


@dataclass(frozen=True, eq=False)
class IntensityMap:
    """Map of an image's values to clip((value - shift) / width, low, high).

    Attributes:
        shift: per channel, (C, 1, 1, 1) float32, as are `low` and `high`.
        width: per channel, above 0.
        low: least result.
        high: greatest result.
        missing: replacement of values that are not finite, per channel.
        masked: channels in which the background becomes 0, (C, 1, 1, 1) bool.
        foreground: (I, J, K), only where a channel is masked.
    """

    shift: NDArray[np.float32]
    width: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    missing: NDArray[np.float32]
    masked: NDArray[np.bool_]
    foreground: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, image: Image, preprocessing: Preprocessing, box: Region | None = None) -> "IntensityMap":
        """The map for an image, by the statistics of a box of it; all of it if None.

        Raises:
            ModelError: other channels than the preprocessing is for.
        """
        if len(image.channels) != preprocessing.channels:
            raise ModelError(
                f"'{image.name}' has {len(image.channels)} channels, expected {preprocessing.channels}; "
                "choose images of one kind"
            )
        seen = _Image(image, box)
        found = [step.scaling(seen.channel(n)) for n, step in enumerate(preprocessing.intensity)]
        numbers = np.array([(s.shift, s.width, s.low, s.high, s.missing) for s in found], np.float32)
        shift, width, low, high, missing = numbers.T.reshape(5, -1, 1, 1, 1)
        masked = np.array([s.masked for s in found]).reshape(-1, 1, 1, 1)
        positive = np.where(width > 0, width, np.float32(1))
        return cls(shift, positive, low, high, missing, masked, seen.foreground if masked.any() else None)

    @property
    def steps(self) -> float:
        """Steps of a unit in resampling: a power of two, so that all values stay below 2**15 steps."""
        largest = float(max(np.abs(self.low).max(), np.abs(self.high).max(), 1.0))
        return 2.0 ** min(_MOST_FRACTIONS, _BITS - math.ceil(math.log2(largest)))

    def apply(self, voxels: NDArray[np.generic], region: Region = EVERYWHERE) -> NDArray[np.float32]:
        """Map the values (C, I, J, K) of a region, each by itself."""
        values = _single(voxels)
        finite = np.isfinite(values)
        if not finite.all():
            values = np.where(finite, values, self.missing)
        scaled = (values - self.shift) / self.width
        np.clip(scaled, self.low, self.high, out=scaled)
        if self.foreground is not None:
            scaled[self.masked & ~self.foreground[region]] = 0
        return scaled


_FOREGROUNDS: WeakKeyDictionary[Image, NDArray[np.uint8]] = WeakKeyDictionary()


def foreground(image: Image) -> NDArray[np.bool_]:
    """Voxels in which a channel is not 0, and holes in these, (I, J, K); found once an image, and kept as bits."""
    shape = image.geometry.shape
    kept = _FOREGROUNDS.get(image)
    if kept is not None:
        return np.unpackbits(kept, count=math.prod(shape)).reshape(shape).view(np.bool_)
    found = np.zeros(shape, bool)
    for region, part in _parts(image):
        found[region] = (part != 0).any(axis=0)
    filled: NDArray[np.bool_] = binary_fill_holes(found)
    _FOREGROUNDS[image] = np.packbits(filled)
    return filled


class _Image:
    """Statistics of an image, or of a box of it, found on first use."""

    def __init__(self, image: Image, box: Region | None) -> None:
        self._image, self._box = image, box

    @cached_property
    def foreground(self) -> NDArray[np.bool_]:
        """The foreground of the whole image."""
        return foreground(self._image)

    @cached_property
    def _everywhere(self) -> tuple[Statistics, ...]:
        return _Seen.of(self._image, self._box).by_channel()

    @cached_property
    def _inside(self) -> tuple[Statistics, ...]:
        return _Seen.of(self._image, self._box, self.foreground).by_channel()

    def channel(self, number: int) -> Channel:
        """A channel, with statistics that are computed on first use."""
        kind = self._image.array.dtype
        return Channel(kind, lambda: self._everywhere[number], lambda: self._inside[number])


@dataclass(frozen=True, eq=False)
class _Seen:
    """Statistics of an image's finite values, per channel (C,); all 0 without finite values.

    Attributes:
        count: number of finite values.
        least: smallest value.
        greatest: largest value.
        mean: of the values.
        squares: sum of squared distances from the mean.
        samples: (C, n) values; `least` in place of values that are not finite.
    """

    count: NDArray[np.int64]
    least: NDArray[np.float64]
    greatest: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    samples: NDArray[np.float32]

    @classmethod
    def of(cls, image: Image, box: Region | None, mask: NDArray[np.bool_] | None = None) -> "_Seen":
        """Statistics in a box or mask; the same to the bit with any memory, for the parts follow from the shape."""
        every = -(-int(np.prod(image.geometry.shape)) // _SAMPLES)
        parts = [
            cls._of_part(part if mask is None else np.where(mask[region], part, np.float32(np.nan)), every)
            for region, part in _parts(image, box)
        ]
        count = sum(part.count for part in parts)
        least = np.min([part.least for part in parts], axis=0)
        mean = sum(part.count * part.mean for part in parts) / np.maximum(count, 1)
        squares = sum(part.squares + part.count * (part.mean - mean) ** 2 for part in parts)
        samples = np.concatenate([part.samples for part in parts], axis=1)
        has = count > 0
        return cls(
            count=np.asarray(count),
            least=np.where(has, least, 0.0),
            greatest=np.where(has, np.max([part.greatest for part in parts], axis=0), 0.0),
            mean=mean,
            squares=np.asarray(squares),
            samples=np.where(np.isfinite(samples), samples, np.where(has, least, 0.0)[:, None]).astype(np.float32),
        )

    def by_channel(self) -> tuple[Statistics, ...]:
        """Statistics of each channel."""
        deviation, top = np.sqrt(self.squares / np.maximum(self.count, 1)), float(self.greatest.max())
        rows = zip(self.least, self.greatest, self.mean, deviation, self.samples, strict=True)
        return tuple(
            Statistics(float(low), float(high), top, float(mean), float(apart), some)
            for low, high, mean, apart, some in rows
        )

    @classmethod
    def _of_part(cls, part: NDArray[np.generic], every: int) -> "_Seen":
        values = _single(part).reshape(len(part), -1)
        known = np.isfinite(values)
        count = known.sum(axis=1)
        mean = values.sum(axis=1, where=known, dtype=np.float64) / np.maximum(count, 1)
        apart = np.subtract(values, mean[:, None], where=known, out=np.zeros(values.shape))
        return cls(
            count=count,
            least=values.min(axis=1, where=known, initial=np.inf).astype(np.float64),
            greatest=values.max(axis=1, where=known, initial=-np.inf).astype(np.float64),
            mean=mean,
            squares=np.einsum("cn,cn->c", apart, apart),
            samples=values[:, ::every],
        )


def _parts(image: Image, box: Region | None = None) -> Iterator[tuple[Region, NDArray[np.generic]]]:
    """Voxels (C, i, j, k) slab by slab with their region, along the slowest axis of files if slices are small."""
    region = list(box or whole(image.geometry.shape))
    shape = lengths(region)
    little = [axis for axis in range(3) if math.prod(shape) // shape[axis] <= _AT_ONCE and shape[axis] > 1]
    axis = max(little) if little else int(np.argmax(shape))
    slab = len(image.channels) * math.prod(shape) // shape[axis]
    step = max(1, _AT_ONCE // slab)
    first, stop = region[axis].start, region[axis].stop
    for start in range(first, stop, step):
        region[axis] = slice(start, min(start + step, stop))
        here = (region[0], region[1], region[2])
        yield here, np.asarray(image.array[(slice(None), *here)])


def _single(voxels: NDArray[np.generic]) -> NDArray[np.float32]:
    """In single precision; what is too large for it becomes infinite, and is treated so."""
    with np.errstate(over="ignore"):
        return np.asarray(voxels, dtype=np.float32)
