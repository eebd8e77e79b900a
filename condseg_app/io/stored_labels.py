"""What passes between label maps and the formats that they are stored in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Geometry


@dataclass(frozen=True, eq=False)
class StoredLabels:
    """What a file holds that is read as labels.

    Attributes:
        voxels: (I, J, K) numbers, or (3, I, J, 1) colours.
        geometry: the grid; in pixels where the file does not say where it lies.
        warnings: what was odd, a sentence each.
    """

    voxels: NDArray[np.generic]
    geometry: Geometry
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LabelGrid:
    """What has to be known of a label map before it is written.

    Attributes:
        geometry: the grid.
        dtype: of the values.
        classes: what they mean; None for a mask.
    """

    geometry: Geometry
    dtype: np.dtype[np.generic]
    classes: ClassTable | None
