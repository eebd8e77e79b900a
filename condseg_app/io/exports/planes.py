"""A volume as a row of pictures, for formats that know only these."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Image

_Voxel = TypeVar("_Voxel", bound=np.generic)


def plane_of(array: NDArray[_Voxel], k: int) -> NDArray[_Voxel]:
    """A slice of (I, J, K) as a picture (rows, columns): I runs along a row, J down."""
    return array[:, :, k].T


def picture_name(image: Image, k: int) -> str:
    """File name of a slice's picture; a 2D image's picture is named as the image's file."""
    if image.geometry.is_2d:
        return image.name if image.source is None else image.source.name
    return f"{image.name}_{k:04d}.png"
