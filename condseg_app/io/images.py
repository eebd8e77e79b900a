"""Any image file, by the format that its content tells."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from condseg_app.data import Image
from condseg_app.io.contents import Format, format_of
from condseg_app.io.nifti import read_nifti
from condseg_app.io.ome_zarr import read_zarr
from condseg_app.io.pictures import read_picture
from condseg_app.io.regions import slabs

# A larger image is not read through just to find out whether something is odd about its voxels.
_MOST_BYTES_CHECKED = 1 << 28

_READERS: Mapping[Format, Callable[[Path], Image]] = {"NIfTI": read_nifti, "OME-Zarr": read_zarr}


def read_image(path: Path) -> Image:
    """Open an image or a volume; the voxels of large ones are read when they are asked for.

    What is odd about it (no orientation, voxels that are not finite, ...) is in its `warnings`.

    Raises:
        ReadError: it does not exist, is of another format, or is damaged.
        GeometryError: its affine cannot be used.
    """
    path = path.expanduser()
    image = _READERS.get(format_of(path), read_picture)(path)
    if math.prod(image.array.shape) * image.array.dtype.itemsize > _MOST_BYTES_CHECKED:
        return image
    return replace(image, warnings=(*image.warnings, *_voxel_warnings(image)))


def _voxel_warnings(image: Image) -> tuple[str, ...]:
    odd = 0
    ends: list[np.generic] = []
    for _, part in slabs(image.array):
        if part.dtype.kind == "f":
            odd += part.size - int(np.count_nonzero(np.isfinite(part)))
        ends += [part.min(), part.max()]
    notes: tuple[str, ...] = ()
    if odd:
        notes += (f"{odd:,} of its voxels are not finite numbers; the lowest intensity is taken for them",)
    if np.min(ends) == np.max(ends):  # never where one of them is not a number
        notes += ("all its voxels have the same intensity; there is nothing to see on it",)
    return notes
