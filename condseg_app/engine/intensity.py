"""Intensity normalisation; statistics of a whole image are found in a single pass over its parts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Image, Preprocessing

# Z-scores beyond this are artefacts (a bright implant); left in, they would rule the first convolution.
_CLIP = 5.0
# Voxels of a channel from which percentiles are taken; more voxels hardly change the percentiles.
_SAMPLES = 1 << 24
_AT_ONCE = 1 << 20


@dataclass(frozen=True, eq=False)
class IntensityMap:
    """Map of an image's values to clip((value - shift) / width, low, high).

    Attributes:
        shift: per channel, (C, 1, 1, 1) float32.
        width: per channel, (C, 1, 1, 1) float32, above 0.
        low: least result.
        high: greatest result.
        missing: replacement of values that are not finite, per channel, (C, 1, 1, 1) float32.
    """

    shift: NDArray[np.float32]
    width: NDArray[np.float32]
    low: float
    high: float
    missing: NDArray[np.float32]

    @classmethod
    def of(cls, image: Image, preprocessing: Preprocessing) -> "IntensityMap":
        """The map for an image; values that are not finite become the image's lowest."""
        one, low, high = np.ones(len(image.channels)), preprocessing.low, preprocessing.high
        match preprocessing.intensity:
            case "window":
                return cls._per_channel(one * low, one * (high - low), one * low, 0.0, 1.0)
            case "unit" if np.issubdtype(image.array.dtype, np.integer):
                top = float(np.iinfo(str(image.array.dtype)).max)
                return cls._per_channel(one * 0, one * top, one * 0, 0.0, 1.0)
            case "unit":
                seen = _Seen.of(image)
                top = max(1.0, float(seen.greatest.max()))
                return cls._per_channel(one * 0, one * top, seen.least, -1.0, 1.0)
            case "zscore":
                seen = _Seen.of(image)
                return cls._per_channel(seen.mean, seen.deviation, seen.least, -_CLIP, _CLIP)
            case "percentile":
                seen = _Seen.of(image)
                first, last = np.percentile(seen.samples, (low, high), axis=1)
                return cls._per_channel(first, last - first, seen.least, 0.0, 1.0)

    @classmethod
    def _per_channel(
        cls, shift: NDArray[Any], width: NDArray[Any], missing: NDArray[Any], low: float, high: float
    ) -> "IntensityMap":
        moved, scale, filled = (np.asarray(a, np.float32).reshape(-1, 1, 1, 1) for a in (shift, width, missing))
        return cls(moved, np.where(scale > 0, scale, np.float32(1)), low, high, filled)

    def apply(self, voxels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Map values (C, I, J, K), each by itself."""
        values = _single(voxels)
        finite = np.isfinite(values)
        if not finite.all():
            values = np.where(finite, values, self.missing)
        scaled = (values - self.shift) / self.width
        return np.clip(scaled, np.float32(self.low), np.float32(self.high), out=scaled)


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
    def of(cls, image: Image) -> "_Seen":
        """Statistics of an image; the same to the bit with any memory, for the parts follow from the shape."""
        every = -(-int(np.prod(image.geometry.shape)) // _SAMPLES)
        parts = [cls._of_part(part, every) for part in _parts(image)]
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

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviation."""
        found: NDArray[np.float64] = np.sqrt(self.squares / np.maximum(self.count, 1))
        return found

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


def _parts(image: Image) -> Iterator[NDArray[np.generic]]:
    """The voxels (C, i, j, k) slab by slab, along the slowest axis of files if a slice is small enough."""
    shape = image.geometry.shape
    little = [axis for axis in range(3) if np.prod(shape) // shape[axis] <= _AT_ONCE and shape[axis] > 1]
    axis = max(little) if little else int(np.argmax(shape))
    slab = len(image.channels) * int(np.prod(shape)) // shape[axis]
    step = max(1, _AT_ONCE // slab)
    for first in range(0, shape[axis], step):
        region = [slice(None)] * 4
        region[1 + axis] = slice(first, min(first + step, shape[axis]))
        yield np.asarray(image.array[tuple(region)])


def _single(voxels: NDArray[np.generic]) -> NDArray[np.float32]:
    """In single precision; what is too large for it becomes infinite, and is treated so."""
    with np.errstate(over="ignore"):
        return np.asarray(voxels, dtype=np.float32)
