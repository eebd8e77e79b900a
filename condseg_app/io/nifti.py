"""NIfTI volumes: voxels that are read when they are asked for."""

import io
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from condseg_app.data import Image, Region
from condseg_app.errors import ReadError
from condseg_app.io.contents import name_of, reading
from condseg_app.io.nifti_header import NiftiLayout, read_layout
from condseg_app.io.nifti_unpack import UnpackedFile, unpacked_in_memory
from condseg_app.io.regions import box_of
from condseg_app.io.voxel_file import VoxelGrid, read_box
from condseg_app.memory import free_memory, require_memory

# A compressed file of up to this size is unpacked when it is opened, so that damage shows at once.
_UNPACKED_AT_ONCE = 1 << 28
# What is done with voxels takes room too: they are kept in memory where they fit this often.
_TIMES_FREE = 2


class NiftiVoxels:
    """Voxels (1, I, J, K), scaled and in native byte order.

    Of an uncompressed file no more is read than what is asked for. A compressed one has no way to a single slice:
    it is unpacked when it is first looked at, into memory if it leaves as much free as it takes, else onto the disk.
    """

    def __init__(self, layout: NiftiLayout) -> None:
        self._layout = layout
        self._kept: NDArray[np.generic] | None = None
        self._unpacked: UnpackedFile | None = None
        self.shape: tuple[int, ...] = (1, *layout.geometry.shape)
        self.ndim = 4
        self.dtype: np.dtype[np.generic] = _value_type(layout)

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """Any numpy index; ReadError if the file is damaged or has gone, OutOfMemory if so much does not fit."""
        if self._layout.compressed:
            self.unpack()
        if self._kept is not None:
            return self._kept[np.newaxis][key]  # type: ignore[no-any-return]  # scalars included
        (channel, *box), rest = box_of(key, self.shape)
        i, j, k = box
        require_memory(math.prod(part.stop - part.start for part in box) * self._bytes_a_voxel, self._layout.path)
        return self._values(self._stored((i, j, k)))[np.newaxis][channel][rest]  # type: ignore[no-any-return]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        whole = self[...]
        return whole if dtype is None else whole.astype(dtype)

    def unpack(self) -> None:
        """Make the voxels of a compressed file ready.

        Raises:
            ReadError: it is cut off or damaged.
            OutOfMemory: they fit neither into the memory nor onto the disk.
        """
        if self._kept is not None or self._unpacked is not None:
            return
        layout = self._layout
        voxels = math.prod(layout.geometry.shape)
        if voxels * self._bytes_a_voxel * _TIMES_FREE <= free_memory():
            with suppress(MemoryError):
                values = self._values(unpacked_in_memory(layout))
                values.setflags(write=False)
                self._kept = values
                return
        self._unpacked = UnpackedFile(layout)

    @property
    def _bytes_a_voxel(self) -> int:
        """What one takes on its way: as it is stored, and as a value where that is another type."""
        stored = self._layout.dtype
        return stored.itemsize if stored == self.dtype else stored.itemsize + self.dtype.itemsize

    def _stored(self, box: Region) -> NDArray[np.generic]:
        if self._unpacked is not None:
            return self._unpacked.read(box)
        layout = self._layout
        grid = VoxelGrid(layout.geometry.shape, layout.dtype, layout.offset)
        with reading(layout.voxels_path), layout.voxels_path.open("rb", buffering=0) as file:
            try:
                return read_box(file, grid, box)
            except EOFError as error:
                raise ReadError("the file has become shorter; open it again", path=layout.path) from error

    def _values(self, stored: NDArray[np.generic]) -> NDArray[np.generic]:
        values = stored.astype(self.dtype, copy=False)
        if self._layout.slope != 1.0 or self._layout.intercept != 0.0:
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
