"""Grey levels and a first slice for an image, without reading all of the image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Image

# A CT's air and bone identify a CT; between these Hounsfield units soft tissue is told apart.
_AIR, _SOFT_TISSUE = -900.0, (-160.0, 240.0)
_SAMPLE, _COARSE_SAMPLE = 512, 128  # values along an axis
_SLICES_LOOKED_AT = 16


def contrast_limits(image: Image, channel: int = 0) -> tuple[float, float]:
    """Lower and upper grey level: of a CT the soft tissue's, else those between which nearly all of a slice is."""
    if image.is_rgb and np.dtype(image.array.dtype) == np.uint8:
        return 0.0, 255.0
    values = _sample(image, channel, 2, telling_slice(image, 2, channel), _SAMPLE)
    if values.size == 0:
        return 0.0, 1.0
    if image.geometry.unit != "pixel" and float(values.min()) <= _AIR and float(values.max()) > _SOFT_TISSUE[1]:
        return _SOFT_TISSUE
    low, high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
    return (low, high) if high > low else (low, low + 1.0)


def telling_slice(image: Image, axis: int, channel: int = 0) -> int:
    """The first slice to show across an axis of the image: the middle one, unless others show far more.

    The measure is the spread of a slice's values, in 16 slices at most. Of an image that is read from its
    file, slices other than the middle are read only where the middle slice has a single value.
    """
    count = image.geometry.shape[axis]
    middle = count // 2
    spread = _spread(image, channel, axis, middle)
    if spread > 0 and not isinstance(image.array, np.ndarray):
        return middle
    others = np.unique(np.linspace(0, count - 1, min(count, _SLICES_LOOKED_AT)).round().astype(int))
    found = {int(n): _spread(image, channel, axis, int(n)) for n in others}
    most = max(found, key=lambda n: (found[n], -abs(n - middle)))
    return most if found[most] > 2 * spread else middle


def _spread(image: Image, channel: int, axis: int, index: int) -> float:
    values = _sample(image, channel, axis, index, _COARSE_SAMPLE)
    return float(values.std(dtype=np.float64)) if values.size else 0.0


def _sample(image: Image, channel: int, axis: int, index: int, most: int) -> NDArray[Any]:
    """Finite values of a slice, of a large slice those on a coarser grid."""
    key, stride = [slice(None)] * 3, [slice(None, None, max(1, n // most)) for n in image.geometry.shape]
    key[axis], stride[axis] = slice(index, index + 1), slice(None)
    values = np.asarray(image.array[(channel, *key)])[tuple(stride)]
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
