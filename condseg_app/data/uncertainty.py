"""Uncertainty of a class, slice by slice."""

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.levels import ClassLevels

_LEVELS = np.arange(256) / 255
# 1 at p = 0.5, 0 in certainty: the variance p (1 - p) of a yes or no, relative to the greatest.
_DOUBT = 4 * _LEVELS * (1 - _LEVELS)


def uncertainty_by_slice(levels: ClassLevels, axis: int) -> NDArray[np.float64]:
    """Uncertainty of a class on each slice along an axis, 0 to 1; 0 on slices without the class.

    The mean of 4 p (1 - p) over the voxels that may belong to the class. To each slice as many certain voxels are
    added as the class has on its mean slice: else a few uncertain specks would outdo a whole organ.
    """
    doubt, voxels = np.zeros(levels.shape[axis]), np.zeros(levels.shape[axis])
    others = tuple(a for a in range(3) if a != axis)
    for region, chunk in levels.chunks():
        doubt[region[axis]] += _DOUBT[chunk].sum(axis=others)
        voxels[region[axis]] += np.count_nonzero(chunk, axis=others)
    if not voxels.any():
        return doubt
    return np.asarray(doubt / (voxels + voxels[voxels > 0].mean()))
