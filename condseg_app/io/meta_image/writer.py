"""MetaImage files, written box by box."""

import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Geometry
from condseg_app.errors import WriteError
from condseg_app.io.meta_image.reader import TYPES
from condseg_app.io.voxels.boxes import VoxelGrid, write_box
from condseg_app.io.voxels.regions import Put

_NAMES = {code: name for name, code in reversed(list(TYPES.items()))}
_UNITS = {"mm": "mm", "µm": "um"}
_SIGNS = np.array([-1.0, -1.0, 1.0])  # RAS to LPS


@contextmanager
def meta_image_by_parts(path: Path, temporary: Path, geometry: Geometry, dtype: np.dtype[np.generic]) -> Iterator[Put]:
    """Yield the function that writes a box of a volume; voxels outside all boxes are 0.

    Voxels are packed, which needs them in order: boxes go to an unnamed temporary file first.

    Raises:
        WriteError: the axes are sheared, or MetaImage lacks the type of numbers.
    """
    if geometry.is_sheared:
        raise WriteError("MetaImage holds no axes that are not at right angles; choose .nii.gz or .nrrd", path=path)
    kind = _NAMES.get(dtype.newbyteorder("=").str[1:])
    if kind is None:
        raise WriteError(f"MetaImage holds no numbers of the type {dtype}; convert them first", path=path)
    boxes = VoxelGrid(geometry.shape, dtype.newbyteorder("<"), 0)
    with tempfile.TemporaryFile(dir=temporary.parent) as file, tempfile.TemporaryFile(dir=temporary.parent) as packed:
        file.truncate(boxes.end)
        yield partial(write_box, file, boxes)
        file.seek(0)
        _pack(file, packed)
        size = packed.tell()
        packed.seek(0)
        with temporary.open("wb") as target:
            target.write(_header(geometry, kind, size).encode("ascii"))
            shutil.copyfileobj(packed, target, 1 << 20)


def _header(geometry: Geometry, kind: str, size: int) -> str:
    """The header, with numbers that are read back to the bit."""
    affine = geometry.affine[:3] * _SIGNS[:, np.newaxis] + 0.0  # no negative zeros
    directions = affine[:, :3] / geometry.spacing
    units = [f"DistanceUnits = {_UNITS[geometry.unit]}"] if geometry.unit in _UNITS else []
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        f"CompressedDataSize = {size}",
        f"TransformMatrix = {_text(directions.T)}",
        f"Offset = {_text(affine[:, 3])}",
        "CenterOfRotation = 0 0 0",
        *units,
        f"ElementSpacing = {_text(np.array(geometry.spacing))}",
        f"DimSize = {' '.join(str(n) for n in geometry.shape)}",
        f"ElementType = {kind}",
        "ElementDataFile = LOCAL",
    ]
    return "\n".join(lines) + "\n"


def _text(numbers: NDArray[np.float64]) -> str:
    return " ".join(repr(float(x)) for x in numbers.ravel())


def _pack(file: BinaryIO, target: BinaryIO) -> None:
    packer = zlib.compressobj(6)
    while block := file.read(1 << 20):
        target.write(packer.compress(block))
    target.write(packer.flush())
