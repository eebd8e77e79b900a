"""OME-Zarr 0.5, written box by box: images, and label images with names and colours."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Geometry, Image
from condseg_app.errors import WriteError
from condseg_app.io.file_start import name_of
from condseg_app.io.ome_zarr.metadata import attributes_of, image_label, omero
from condseg_app.io.voxels.regions import Put, slabs

_CHUNK = {"c": 1, "z": 64, "y": 128, "x": 128}


@contextmanager
def labels_to_zarr(
    folder: Path, geometry: Geometry, dtype: np.dtype[np.generic], classes: ClassTable | None
) -> Iterator[Put]:
    """Yield a writer of boxes of a label image into an empty folder; unwritten voxels are 0."""
    attributes = attributes_of(geometry, "labels", more=image_label(classes or ClassTable()))
    array = _create(folder, _stored_shape(geometry), dtype, attributes)

    def put(box: tuple[slice, ...], values: NDArray[np.generic]) -> None:
        i, j, k = box
        array[k, j, i] = values.transpose()

    yield put


def image_to_zarr(path: Path, folder: Path, image: Image) -> None:
    """Write an image into an empty folder, a few slices at a time.

    Raises:
        WriteError: OME-Zarr holds no such numbers.
    """
    dtype = image.array.dtype
    if dtype.kind not in "uif":
        raise WriteError(f"OME-Zarr holds no numbers of the type {dtype}; convert them first", path=path)
    channels = image.channels if len(image.channels) > 1 else ()
    more = _window(channels, dtype) if channels else {}
    shape = (len(image.channels),) * bool(channels) + _stored_shape(image.geometry)
    array = _create(folder, shape, dtype, attributes_of(image.geometry, name_of(path), channels, more))
    for where, part in slabs(image.array):
        array[..., where, :, :] = part.transpose(0, 3, 2, 1) if channels else part[0].transpose()


def _window(channels: Sequence[str], dtype: np.dtype[Any]) -> dict[str, Any]:
    """Channels with the range of their type: OME-Zarr requires a range, and the image's own is not known yet."""
    if dtype.kind == "f":
        return omero(channels, 0.0, 1.0)
    limits = np.iinfo(dtype)
    return omero(channels, float(limits.min), float(limits.max))


def _stored_shape(geometry: Geometry) -> tuple[int, ...]:
    return geometry.shape[::-1]


def _create(folder: Path, shape: tuple[int, ...], dtype: np.dtype[np.generic], attributes: Mapping[str, Any]) -> Any:
    names = ("c", "z", "y", "x")[-len(shape) :]
    group = zarr.create_group(folder, zarr_format=3, attributes=dict(attributes))
    chunks = tuple(min(_CHUNK[name], n) for name, n in zip(names, shape, strict=True))
    native = dtype.newbyteorder("=")
    return group.create_array("0", shape=shape, dtype=native, chunks=chunks, dimension_names=names, fill_value=0)
