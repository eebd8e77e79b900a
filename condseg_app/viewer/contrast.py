"""Grey levels that show an image well without reading all of it."""

import numpy as np

from condseg_app.data import Image

# A CT's air and bone give it away; between these Hounsfield units soft tissue is told apart.
_AIR, _SOFT_TISSUE = -900.0, (-160.0, 240.0)
_SAMPLE = 512


def contrast_limits(image: Image, channel: int = 0) -> tuple[float, float]:
    """Lower and upper grey level: of a CT the soft tissue's, else those between which nearly all of a slice is."""
    if image.is_rgb and np.dtype(image.array.dtype) == np.uint8:
        return 0.0, 255.0
    stride = tuple(slice(None, None, max(1, n // _SAMPLE)) for n in image.geometry.shape[:2])
    middle = np.asarray(image.array[(channel, slice(None), slice(None), image.geometry.shape[2] // 2)])[stride]
    values = middle[np.isfinite(middle)] if middle.dtype.kind == "f" else middle.ravel()
    if values.size == 0:
        return 0.0, 1.0
    if image.geometry.unit != "pixel" and float(values.min()) <= _AIR and float(values.max()) > _SOFT_TISSUE[1]:
        return _SOFT_TISSUE
    low, high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
    return (low, high) if high > low else (low, low + 1.0)
