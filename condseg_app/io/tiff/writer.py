"""OME-TIFF: images and label maps, written page by page."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from condseg_app.data import Geometry, Image
from condseg_app.errors import WriteError
from condseg_app.io.labels.stored import LabelGrid
from condseg_app.io.tiff.metadata import ome_description
from condseg_app.io.voxels.boxes import VoxelGrid, read_box, write_box
from condseg_app.io.voxels.regions import Put

_TYPES = ("u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8")  # OME's pixel types


def image_to_tiff(path: Path, temporary: Path, image: Image) -> None:
    """Write an image with any channels, a slice at a time.

    Raises:
        WriteError: the axes are sheared, or OME-TIFF lacks the type of numbers.
    """
    colours = image.is_rgb and image.array.dtype == np.uint8
    i, j, k = image.geometry.shape
    shape = (k, j, i, 3) if colours else (len(image.channels), k, j, i)
    described = {"axes": "ZYXS" if colours else "CZYX", **ome_description(image.geometry, image.channels)}
    if colours:
        described.pop("Channel")
    _write(path, temporary, image.geometry, _Pages(_pages(image, colours=colours), shape, image.array.dtype, described))


@contextmanager
def labels_to_tiff(path: Path, temporary: Path, grid: LabelGrid) -> Iterator[Put]:
    """Yield the function that writes a box of a label map; voxels outside all boxes are 0.

    Pages are packed in order: boxes go to an unnamed temporary file first.

    Raises:
        WriteError: the axes are sheared, or OME-TIFF lacks the type of numbers.
    """
    _check(path, grid.geometry, grid.dtype)
    i, j, k = grid.geometry.shape
    boxes = VoxelGrid(grid.geometry.shape, grid.dtype.newbyteorder("="), 0)
    with tempfile.TemporaryFile(dir=temporary.parent) as file:
        file.truncate(boxes.end)
        yield partial(write_box, file, boxes)
        slices = (read_box(file, boxes, (slice(0, i), slice(0, j), slice(n, n + 1))) for n in range(k))
        pages = (np.ascontiguousarray(part[..., 0].T) for part in slices)
        described = {"axes": "ZYX", **ome_description(grid.geometry, ())}
        _write(path, temporary, grid.geometry, _Pages(pages, (k, j, i), boxes.dtype, described))


class _Pages:
    """Pages in order, with shape, type and description."""

    def __init__(
        self,
        pages: Iterator[NDArray[np.generic]],
        shape: tuple[int, ...],
        dtype: np.dtype[np.generic],
        described: Mapping[str, Any],
    ) -> None:
        self.pages, self.shape, self.dtype = pages, shape, dtype.newbyteorder("=")
        self.described = described


def _pages(image: Image, *, colours: bool) -> Iterator[NDArray[np.generic]]:
    channels = (slice(None),) if colours else tuple(slice(c, c + 1) for c in range(len(image.channels)))
    for channel in channels:
        for k in range(image.geometry.shape[2]):
            page = np.asarray(image.array[channel, :, :, k]).transpose(2, 1, 0)
            yield np.ascontiguousarray(page if colours else page[..., 0])


def _write(path: Path, temporary: Path, geometry: Geometry, what: _Pages) -> None:
    _check(path, geometry, what.dtype)
    name = hashlib.md5(repr((what.shape, what.described)).encode(), usedforsecurity=False).hexdigest()
    identity = {"UUID": f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"}  # equal images, equal bytes
    photometric = "rgb" if what.described["axes"].endswith("S") else "minisblack"
    with tifffile.TiffWriter(temporary, ome=True, bigtiff=_is_big(what)) as writer:
        writer.write(
            what.pages,
            shape=what.shape,
            dtype=what.dtype,
            photometric=photometric,
            compression="zlib",
            metadata={**what.described, **identity},
        )


def _is_big(what: _Pages) -> bool:
    """Whether file offsets need 64 bits; packing enlarges data by a little at most."""
    return int(np.prod(what.shape, dtype=np.int64)) * what.dtype.itemsize > 3 << 30


def _check(path: Path, geometry: Geometry, dtype: np.dtype[Any]) -> None:
    if geometry.is_sheared:
        raise WriteError("TIFF holds no axes that are not at right angles; choose .nii.gz or .nrrd", path=path)
    if dtype.newbyteorder("=").str[1:] not in _TYPES:
        raise WriteError(f"OME-TIFF holds no numbers of the type {dtype}; convert them first", path=path)
