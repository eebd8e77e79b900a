"""PNG pictures: images of 8 bits, and label maps with a palette in their classes' colours."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from condseg_app.data import Color, Image
from condseg_app.errors import WriteError
from condseg_app.io.labels.stored import LabelGrid
from condseg_app.io.voxels.regions import Put

_LARGEST_PNG_VALUE = 255


def image_to_png(path: Path, temporary: Path, image: Image) -> None:
    """Write a 2D image of uint8 with one channel or red, green, blue.

    Raises:
        WriteError: any other image.
    """
    voxels: NDArray[np.generic] = image.voxels()
    if not image.geometry.is_2d or voxels.dtype != np.uint8 or len(voxels) not in (1, 3):
        raise WriteError(
            f"a PNG holds a 2D image of uint8 in one or three channels, not {voxels.dtype} of shape {voxels.shape}; "
            "write it as .nii.gz",
            path=path,
        )
    rows = np.ascontiguousarray(voxels[..., 0].transpose(2, 1, 0))  # (C, I, J, 1) -> (row, column, channel)
    PIL.Image.fromarray(rows[..., 0] if len(voxels) == 1 else rows).save(temporary, "PNG", optimize=True)


@contextmanager
def labels_to_png(path: Path, temporary: Path, grid: LabelGrid) -> Iterator[Put]:
    """Yield a writer of boxes of a label picture; the picture is packed as a whole at the end, so kept until then.

    Raises:
        WriteError: a volume, or values above 255.
    """
    shape = grid.geometry.shape
    if not grid.geometry.is_2d:
        raise WriteError(f"a PNG holds one slice, this volume has {shape[2]}; choose .nii.gz", path=path)
    array = np.zeros(shape, grid.dtype)
    yield array.__setitem__
    if array.max() > _LARGEST_PNG_VALUE:
        raise WriteError(f"a PNG holds class values up to 255, here is {array.max()}; choose .nii.gz", path=path)
    picture = PIL.Image.fromarray(np.ascontiguousarray(array[..., 0].T.astype(np.uint8)))
    if grid.classes is not None:
        picture.putpalette(_palette({entry.value: entry.color for entry in grid.classes}))
    picture.save(temporary, "PNG")


def _palette(colors: Mapping[int, Color]) -> bytes:
    """Background black, classes in their colours, values without a class grey."""
    palette = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    for value, color in colors.items():
        if value <= _LARGEST_PNG_VALUE:
            palette[value] = color
    return palette.tobytes()
