"""NIfTI files, written box by box."""

import gzip
import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from condseg_app.data import Geometry
from condseg_app.errors import GeometryError, WriteError
from condseg_app.io.voxels.boxes import VoxelGrid, write_box
from condseg_app.io.voxels.regions import Put

_UNITS = {"mm": "mm", "µm": "micron", "pixel": "unknown"}
_LONGEST_NIFTI1_AXIS = 32767


@contextmanager
def nifti_by_parts(path: Path, geometry: Geometry, dtype: np.dtype[np.generic], *, packed: bool) -> Iterator[Put]:
    """Yield the function that writes a box of a volume; boxes come in any order, voxels outside all boxes are 0.

    The sform holds any affine; a qform is added where rotation and zoom suffice. Equal voxels give equal bytes.
    A packed file is first written unpacked to an unnamed file in the same folder, as gzip needs voxels in order.

    Raises:
        WriteError: NIfTI lacks the type of numbers.
        OSError: the disk refuses.
    """
    native = dtype.newbyteorder("=")
    header = _header(path, geometry, native)
    grid = VoxelGrid(geometry.shape, native, len(header))
    with tempfile.TemporaryFile(dir=path.parent) if packed else path.open("wb") as file:
        file.write(header)
        file.truncate(grid.end)
        yield partial(write_box, file, grid)
        if packed:
            file.seek(0)
            _pack(file, path)


def _pack(file: BinaryIO, path: Path) -> None:
    with path.open("wb") as target, gzip.GzipFile("", "wb", 6, target, mtime=0) as packer:
        shutil.copyfileobj(file, packer, 1 << 20)


def _header(path: Path, geometry: Geometry, dtype: np.dtype[np.generic]) -> bytes:
    """The bytes in front of the voxels."""
    long = max(geometry.shape) > _LONGEST_NIFTI1_AXIS
    kind: Any = nibabel.Nifti2Image if long else nibabel.Nifti1Image
    try:
        volume = kind(np.broadcast_to(dtype.type(0), geometry.shape), geometry.affine, dtype=dtype)
    except HeaderDataError as error:
        raise WriteError(f"NIfTI holds no numbers of the type {dtype}; convert them first", path=path) from error
    volume.set_sform(geometry.affine, code="aligned")
    volume.set_qform(geometry.affine, code="aligned")
    if not _same_place(volume.get_qform(), geometry):
        volume.set_qform(None, code="unknown")
    header = volume.header
    header.set_xyzt_units(_UNITS[geometry.unit])
    header.set_slope_inter(1.0, 0.0)
    stream = io.BytesIO()
    header.write_to(stream)
    return stream.getvalue().ljust(int(header["vox_offset"]), b"\0")


def _same_place(affine: NDArray[np.float64], geometry: Geometry) -> bool:
    try:
        return Geometry(geometry.shape, affine, geometry.unit).fits(geometry)
    except GeometryError:
        return False
