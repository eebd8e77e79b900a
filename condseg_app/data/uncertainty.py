"""Where a class is least certain."""

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.levels import ClassLevels

_LEVELS = np.arange(256) / 255
# 1 where it may be as well as not, 0 where it is certain: the variance of a yes or no, p (1 - p), of its greatest.
_DOUBT = 4 * _LEVELS * (1 - _LEVELS)


def uncertainty_by_slice(levels: ClassLevels, axis: int) -> NDArray[np.float64]:
    """How uncertain a class is on each slice along an axis, 0 to 1; 0 where it is not found at all.

    It is the mean doubt 4 p (1 - p) over the voxels where the class may be. To each slice as many voxels without
    doubt are added as the class has on its mean slice: else a few doubtful specks would outdo a whole organ.
    """
    doubt, voxels = np.zeros(levels.shape[axis]), np.zeros(levels.shape[axis])
    others = tuple(a for a in range(3) if a != axis)
    for region, chunk in levels.chunks():
        doubt[region[axis]] += _DOUBT[chunk].sum(axis=others)
        voxels[region[axis]] += np.count_nonzero(chunk, axis=others)
    if not voxels.any():
        return doubt
    return np.asarray(doubt / (voxels + voxels[voxels > 0].mean()))
