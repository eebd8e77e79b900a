"""Images of any file format, recognised by content."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Image, LazyArray, Pick
from condseg_app.io.choices import EVERYTHING, chosen_channel
from condseg_app.io.contents import format_of
from condseg_app.io.voxels.lazy import LazyVoxels
from condseg_app.io.voxels.regions import box_of, slabs

# A larger image is not read through for warnings about its voxels.
_MOST_BYTES_CHECKED = 1 << 28
_LARGEST = float(np.finfo(np.float32).max)  # a larger value is infinite to a network


def read_image(path: Path, pick: Pick = EVERYTHING) -> Image:
    """Open an image or a volume; the voxels of large images are read on demand.

    Oddities (no orientation, voxels that are not finite, ...) are in the image's `warnings`.

    Args:
        path: the file or folder.
        pick: which image of a file that holds several.

    Raises:
        ReadError: a missing, unsupported or damaged file.
        ChoiceNeeded: a file of several images, and none was picked.
        GeometryError: an unusable affine.
    """
    path = path.expanduser()
    image = replace(format_of(path).codec.read_image(path, pick), pick=pick)
    if pick.channel is not None and len(image.channels) > 1:
        image = one_channel(image, image.channels[chosen_channel(image.channels, pick, path)])
    if math.prod(image.array.shape) * image.array.dtype.itemsize > _MOST_BYTES_CHECKED:
        return image
    return replace(image, warnings=(*image.warnings, *_voxel_warnings(image)))


def one_channel(image: Image, name: str) -> Image:
    """The same image with a single channel, as the file gives with that channel picked."""
    array = _OneChannel(image.array, image.channels.index(name))
    return replace(image, array=array, channels=(name,), pick=replace(image.pick, channel=name))


class _OneChannel(LazyVoxels):
    """A single channel (1, I, J, K) of an array."""

    def __init__(self, array: LazyArray, channel: int) -> None:
        self._array, self._channel = array, channel
        self.shape: tuple[int, ...] = (1, *array.shape[1:])
        self.dtype = array.dtype

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """Any numpy index."""
        (channels, *space), rest = box_of(key, self.shape)
        shown = slice(channels.start + self._channel, channels.stop + self._channel)
        return np.asarray(self._array[(shown, *space)])[rest]  # type: ignore[no-any-return]  # scalars included


def _voxel_warnings(image: Image) -> tuple[str, ...]:
    odd = huge = 0
    ends: list[np.generic] = []
    for _, part in slabs(image.array):
        if part.dtype.kind == "f":
            finite = np.isfinite(part)
            odd += part.size - int(np.count_nonzero(finite))
            huge += int(np.count_nonzero(finite & (np.abs(part) > _LARGEST)))
        ends += [part.min(), part.max()]
    notes: tuple[str, ...] = ()
    if odd:
        notes += (f"{odd:,} of its voxels are not finite numbers; the lowest intensity is taken for them",)
    if huge:
        notes += (f"{huge:,} of its voxels are beyond {_LARGEST:.2g}; the lowest intensity is taken for them",)
    if np.min(ends) == np.max(ends):  # never true for NaN
        notes += ("all its voxels have the same intensity; there is nothing to see on it",)
    return notes
