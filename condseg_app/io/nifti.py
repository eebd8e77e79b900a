"""NIfTI volumes: voxels that are read when they are asked for."""

import gzip
import io
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import DTypeLike, NDArray

from condseg_app.data import Geometry, Image
from condseg_app.errors import GeometryError, OutOfMemory, ReadError
from condseg_app.io.contents import name_of, reading
from condseg_app.io.nifti_header import NiftiLayout, read_layout

_UNITS = {"mm": "mm", "µm": "micron", "pixel": "unknown"}
_LONGEST_NIFTI1_AXIS = 32767
# A gzipped file has no way to a single slice: its voxels are unpacked once, up to this size when it is opened.
_UNPACKED_AT_ONCE = 1 << 28
_CHUNK = 1 << 22


class NiftiVoxels:
    """Voxels (1, I, J, K), scaled and in native byte order.

    An uncompressed file is read slice by slice, as asked for. A compressed one is unpacked when it is first
    looked at, and kept.
    """

    def __init__(self, layout: NiftiLayout) -> None:
        self._layout = layout
        self._kept: NDArray[np.generic] | None = None
        self.shape: tuple[int, ...] = (1, *layout.geometry.shape)
        self.ndim = 4
        self.dtype: np.dtype[np.generic] = _value_type(layout)

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """Any numpy index; ReadError if the file is damaged or has gone."""
        layout = self._layout
        if layout.compressed:
            return self.unpack()[np.newaxis][key]  # type: ignore[no-any-return]  # scalars included
        with reading(layout.voxels_path):
            try:
                stored = np.memmap(
                    layout.voxels_path, layout.dtype, "r", layout.offset, layout.geometry.shape, order="F"
                )
            except ValueError as error:
                raise ReadError("the file has become shorter; open it again", path=layout.path) from error
            return self._values(np.array(stored[np.newaxis][key]))  # a copy, so that the file is let go

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        whole = self[...]
        return whole if dtype is None else whole.astype(dtype)

    def unpack(self) -> NDArray[np.generic]:
        """All voxels (I, J, K) of a compressed file, read only.

        Raises:
            ReadError: it is cut off or damaged.
            OutOfMemory: they do not fit into the memory.
        """
        if self._kept is None:
            values = self._values(_unpacked(self._layout))
            values.setflags(write=False)
            self._kept = values
        return self._kept

    def _values(self, stored: NDArray[np.generic]) -> NDArray[np.generic]:
        if self._layout.slope == 1.0 and self._layout.intercept == 0.0:
            return stored.astype(self.dtype, copy=False)
        values = np.asarray(stored).astype(self.dtype)
        values *= self.dtype.type(self._layout.slope)
        values += self.dtype.type(self._layout.intercept)
        return values


def read_nifti(path: Path) -> Image:
    """Read a volume's header; its voxels follow when they are asked for.

    Raises:
        ReadError: not a NIfTI file, damaged, or not one volume of numbers.
        GeometryError: the affine cannot be used.
    """
    layout = read_layout(path)
    voxels = NiftiVoxels(layout)
    if layout.compressed and (layout.stored_bytes <= _UNPACKED_AT_ONCE or not _has_claimed_length(layout)):
        voxels.unpack()
    return Image(voxels, layout.geometry, name_of(path), source=path, warnings=layout.warnings)


def nifti_bytes(array: NDArray[np.generic], geometry: Geometry, *, packed: bool) -> bytes:
    """A file's content (gzipped if `packed`) that holds an array (I, J, K) with its exact affine.

    The sform holds any affine; a qform is added where rotation and zoom alone say the same. Equal arrays give
    equal bytes.
    """
    long = max(array.shape) > _LONGEST_NIFTI1_AXIS
    kind: Any = nibabel.Nifti2Image if long else nibabel.Nifti1Image
    volume = kind(array, geometry.affine)
    volume.set_sform(geometry.affine, code="aligned")
    volume.set_qform(geometry.affine, code="aligned")
    if not _same_place(volume.get_qform(), geometry):
        volume.set_qform(None, code="unknown")
    volume.header.set_xyzt_units(_UNITS[geometry.unit])
    content = bytes(volume.to_bytes())
    return gzip.compress(content, 6, mtime=0) if packed else content


def _same_place(affine: NDArray[np.float64], geometry: Geometry) -> bool:
    try:
        return Geometry(geometry.shape, affine, geometry.unit).fits(geometry)
    except GeometryError:
        return False


def _value_type(layout: NiftiLayout) -> np.dtype[np.generic]:
    """float32 holds scaled 16-bit numbers; wider ones need float64."""
    if layout.slope == 1.0 and layout.intercept == 0.0:
        return layout.dtype.newbyteorder("=")
    narrow = layout.dtype.itemsize <= 2 or layout.dtype == np.float32
    return np.dtype(np.float32 if narrow else np.float64)


def _has_claimed_length(layout: NiftiLayout) -> bool:
    """Whether the file's end says that as many bytes are packed as its header claims (modulo 4 GiB)."""
    with reading(layout.voxels_path), layout.voxels_path.open("rb") as file:
        file.seek(-4, io.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
    return (layout.offset + layout.stored_bytes) % (1 << 32) == length


def _unpacked(layout: NiftiLayout) -> NDArray[np.generic]:
    try:
        flat = np.empty(layout.stored_bytes, np.uint8)
    except MemoryError as error:
        raise OutOfMemory(
            f"its voxels need {layout.stored_bytes / 2**30:.1f} GiB, more than is free; close other programs",
            path=layout.path,
        ) from error
    with reading(layout.path), gzip.open(layout.voxels_path, "rb") as file:
        file.seek(layout.offset)
        _fill(file, flat.data, layout.path)
        file.read(1)  # the end of the stream is where its checksum is compared
    return flat.view(layout.dtype).reshape(layout.geometry.shape, order="F")


def _fill(file: gzip.GzipFile, room: memoryview, path: Path) -> None:
    filled = 0
    while filled < len(room):
        count = file.readinto(room[filled : filled + _CHUNK])
        if not count:
            raise ReadError(
                f"the file is cut off: {filled:,} of {len(room):,} bytes of voxels are there; copy it again", path=path
            )
        filled += count
