"""NRRD files, written box by box: volumes, label maps, and 3D Slicer's segmentations."""

import gzip
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Geometry, Region
from condseg_app.errors import WriteError
from condseg_app.io.labels.stored import LabelGrid
from condseg_app.io.nrrd.segments import segment_fields
from condseg_app.io.voxels.boxes import VoxelGrid, read_box, write_box
from condseg_app.io.voxels.regions import Put

_TYPES = {
    "u1": "uint8", "i1": "int8", "u2": "uint16", "i2": "int16", "u4": "uint32", "i4": "int32", "u8": "uint64",
    "i8": "int64", "f4": "float", "f8": "double",
}  # fmt: skip
_UNITS = {"mm": "mm", "µm": "um", "pixel": "pixel"}
_SIGNS = np.array([-1.0, -1.0, 1.0])  # RAS to LPS

Extents = Mapping[str, Sequence[int]]
"""Class name -> first and last index along I, J and K."""


@contextmanager
def labels_to_nrrd(path: Path, temporary: Path, grid: LabelGrid) -> Iterator[Put]:
    """Yield the function that writes a box of a volume; voxels outside all boxes are 0.

    A name in .seg.nrrd gives a segmentation. Voxels are packed, which needs them in order: boxes go to an unnamed
    temporary file first.

    Raises:
        WriteError: NRRD lacks the type of numbers.
    """
    header = _header(path, grid.geometry, grid.dtype)
    boxes = VoxelGrid(grid.geometry.shape, grid.dtype.newbyteorder("<"), 0)
    with tempfile.TemporaryFile(dir=temporary.parent) as file:
        file.truncate(boxes.end)
        yield partial(write_box, file, boxes)
        if grid.classes is not None and path.name.lower().endswith(".seg.nrrd"):
            header += segment_fields(grid.classes, {}, _extents(_slices(file, boxes), grid.classes))
        file.seek(0)
        _pack(temporary, header, file)


def masks_to_nrrd(
    path: Path, temporary: Path, masks: Mapping[str, NDArray[np.bool_]], geometry: Geometry, classes: ClassTable
) -> None:
    """Write masks (I, J, K) that may overlap as a segmentation, in as few layers as the first fit finds."""
    layers: list[NDArray[np.unsignedinteger]] = []
    at: dict[str, int] = {}
    extents: dict[str, Sequence[int]] = {}
    for entry in classes:
        mask = masks[entry.name]
        at[entry.name] = next((n for n, layer in enumerate(layers) if not layer[mask].any()), len(layers))
        if at[entry.name] == len(layers):
            layers.append(np.zeros(geometry.shape, classes.value_type))
        layers[at[entry.name]][mask] = entry.value
        extents.update(_extents([(0, mask * classes.value_type.type(entry.value))], ClassTable((entry,))))
    header = _header(path, geometry, classes.value_type, len(layers)) + segment_fields(classes, at, extents)
    with tempfile.TemporaryFile(dir=temporary.parent) as file:
        for k in range(geometry.shape[2]):  # a voxel's layers lie together
            slices = np.stack([layer[:, :, k] for layer in layers] or [np.zeros(geometry.shape[:2], np.uint8)])
            file.write(slices.astype(slices.dtype.newbyteorder("<")).tobytes(order="F"))
        file.seek(0)
        _pack(temporary, header, file)


def _header(path: Path, geometry: Geometry, dtype: np.dtype[np.generic], layers: int = 1) -> list[str]:
    """A header's lines, with numbers that are read back to the bit."""
    kind = _TYPES.get(dtype.newbyteorder("=").str[1:])
    if kind is None:
        raise WriteError(f"NRRD holds no numbers of the type {dtype}; convert them first", path=path)
    affine = geometry.affine[:3] * _SIGNS[:, np.newaxis] + 0.0  # no negative zeros
    directions = [_vector(affine[:, axis]) for axis in range(3)]
    sizes = [str(n) for n in geometry.shape]
    kinds = ["domain"] * 3
    if layers > 1:
        directions, sizes, kinds = ["none", *directions], [str(layers), *sizes], ["list", *kinds]
    return [
        "NRRD0005",
        "# Complete NRRD file format specification at:",
        "# http://teem.sourceforge.net/nrrd/format.html",
        f"type: {kind}",
        f"dimension: {len(sizes)}",
        "space: left-posterior-superior",
        f"sizes: {' '.join(sizes)}",
        f"space directions: {' '.join(directions)}",
        f"kinds: {' '.join(kinds)}",
        "endian: little",
        "encoding: gzip",
        "space units: " + " ".join([f'"{_UNITS[geometry.unit]}"'] * 3),
        f"space origin: {_vector(affine[:, 3])}",
    ]


def _vector(numbers: NDArray[np.float64]) -> str:
    return f"({','.join(repr(float(x)) for x in numbers)})"


def _slices(file: BinaryIO, grid: VoxelGrid) -> Iterator[tuple[int, NDArray[np.generic]]]:
    i, j, k = grid.shape
    for n in range(k):
        box: Region = (slice(0, i), slice(0, j), slice(n, n + 1))
        yield n, read_box(file, grid, box)  # type: ignore[arg-type]  # BinaryIO lacks readinto


def _extents(parts: Iterable[tuple[int, NDArray[np.generic]]], classes: ClassTable) -> Extents:
    """Extent of each class, from parts (I, J, k) with the index of the first slice."""
    found: dict[str, list[int]] = {}
    for start, values in parts:
        for entry in classes:
            where = np.nonzero(values == entry.value)
            if not len(where[0]):
                continue
            new = [end for axis in where for end in (int(axis.min()), int(axis.max()))]
            new[4:] = [new[4] + start, new[5] + start]
            ends = np.array([found.get(entry.name, new), new])
            found[entry.name] = [int(x) for x in np.where([True, False] * 3, ends.min(axis=0), ends.max(axis=0))]
    return found


def _pack(target: Path, header: Sequence[str], file: BinaryIO) -> None:
    """The header, an empty line, the packed voxels; equal content gives equal bytes."""
    with target.open("wb") as packed:
        packed.write(("\n".join(header) + "\n\n").encode("utf-8"))
        with gzip.GzipFile("", "wb", 6, packed, mtime=0) as packer:
            shutil.copyfileobj(file, packer, 1 << 20)
