"""Lazily read voxels of a file: NIfTI's, NRRD's, MetaImage's, NumPy's."""

import io
import math
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Region
from condseg_app.data.regions import lengths, size
from condseg_app.errors import ReadError
from condseg_app.io.file_start import reading
from condseg_app.io.voxels.boxes import Readable, VoxelGrid, read_box
from condseg_app.io.voxels.layout import VoxelLayout
from condseg_app.io.voxels.lazy import LazyVoxels
from condseg_app.io.voxels.regions import box_of
from condseg_app.io.voxels.unpack import UnpackedFile, unpacked_in_memory
from condseg_app.memory import has_room, require_memory

# A compressed file of up to this size is unpacked at opening, so that damage shows at once.
_UNPACKED_AT_ONCE = 1 << 28


class FileVoxels(LazyVoxels):
    """Voxels (C, I, J, K), scaled and in native byte order.

    Of an uncompressed file only the requested part is read. A compressed file gives no access to a single slice: the
    whole is unpacked at the first request, into memory if at least as much memory stays free, else onto the disk.
    """

    def __init__(self, layout: VoxelLayout) -> None:
        self._layout = layout
        self._kept: NDArray[np.generic] | None = None
        self._unpacked: UnpackedFile | None = None
        self.shape: tuple[int, ...] = (layout.channels, *layout.shape)
        self.dtype: np.dtype[np.generic] = layout.value_type

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """Any numpy index; ReadError if the file is damaged or has gone, OutOfMemory if so much does not fit."""
        if self._layout.packing is not None:
            self.unpack()
        if self._kept is not None:
            return self._kept[key]  # type: ignore[no-any-return]  # scalars included
        box, rest = box_of(key, self.shape)
        require_memory(math.prod(lengths(box)) * self._bytes_a_voxel, self._layout.path)
        channels, i, j, k = box
        return self._values(self._stored(channels, (i, j, k)))[rest]  # type: ignore[no-any-return]

    def unpack(self) -> None:
        """Make the voxels of a compressed file ready.

        Raises:
            ReadError: a file that is cut off or damaged.
            OutOfMemory: neither the memory nor the disk has room.
        """
        if self._kept is not None or self._unpacked is not None:
            return
        layout = self._layout
        if has_room(layout.voxels * self._bytes_a_voxel):
            with suppress(MemoryError):
                values = self._values(_in_order(unpacked_in_memory(layout), layout))
                values.setflags(write=False)
                self._kept = values
                return
        self._unpacked = UnpackedFile(layout)

    @property
    def _bytes_a_voxel(self) -> int:
        """Bytes that a voxel needs during reading: as stored, and as a value where the type differs."""
        stored = self._layout.dtype
        return stored.itemsize if stored == self.dtype else stored.itemsize + self.dtype.itemsize

    def _stored(self, channels: slice, box: Region) -> NDArray[np.generic]:
        layout = self._layout
        if self._unpacked is not None:
            with self._unpacked.opened() as packed:
                return _read(packed, layout, 0, channels, box)
        with reading(layout.voxels_path), layout.voxels_path.open("rb", buffering=0) as file:
            try:
                return _read(file, layout, layout.offset, channels, box)
            except EOFError as error:
                raise ReadError("the file has become shorter; open it again", path=layout.path) from error

    def _values(self, stored: NDArray[np.generic]) -> NDArray[np.generic]:
        values = stored.astype(self.dtype, copy=False)
        if self._layout.slope != 1.0 or self._layout.intercept != 0.0:
            with np.errstate(all="ignore"):  # values that become infinite are reported with the image's other warnings
                values *= self.dtype.type(self._layout.slope)
                values += self.dtype.type(self._layout.intercept)
        return values


def voxels_of(layout: VoxelLayout) -> FileVoxels:
    """The voxels that a header describes; small or doubtful packed voxels are unpacked at once.

    Raises:
        ReadError: a file that cannot hold as much as the header claims, or is cut off or damaged.
        OutOfMemory: neither the memory nor the disk has room.
    """
    layout.check()
    voxels = FileVoxels(layout)
    if layout.packing is not None and (layout.stored_bytes <= _UNPACKED_AT_ONCE or not _has_claimed_length(layout)):
        voxels.unpack()
    return voxels


def _read(file: Readable, layout: VoxelLayout, offset: int, channels: slice, box: Region) -> NDArray[np.generic]:
    """A box (C, I, J, K) of the voxels that start at an offset in a file."""
    i, j, k = layout.shape
    if layout.interleaved:
        together = np.dtype((np.void, layout.dtype.itemsize * layout.channels))
        found = read_box(file, VoxelGrid(layout.shape, together, offset), box)
        split = np.ascontiguousarray(found.T)[..., np.newaxis].view(layout.dtype)
        return split.transpose()[channels]
    grid = VoxelGrid((i, j, k * layout.channels), layout.dtype, offset)
    at = [slice(box[2].start + c * k, box[2].stop + c * k) for c in range(channels.start, channels.stop)]
    parts = [read_box(file, grid, (box[0], box[1], slices)) for slices in at]
    return parts[0][np.newaxis] if len(parts) == 1 else np.array(parts, layout.dtype).reshape(len(parts), *size(box))


def _in_order(flat: NDArray[np.uint8], layout: VoxelLayout) -> NDArray[np.generic]:
    """Bytes as voxels (C, I, J, K)."""
    if layout.interleaved:
        return flat.view(layout.dtype).reshape((layout.channels, *layout.shape), order="F")
    return np.moveaxis(flat.view(layout.dtype).reshape((*layout.shape, layout.channels), order="F"), -1, 0)


def _has_claimed_length(layout: VoxelLayout) -> bool:
    """Whether a gzip file's end states as many bytes as the header claims (modulo 4 GiB)."""
    if layout.packing != "gzip":
        return False
    with reading(layout.voxels_path), layout.voxels_path.open("rb") as file:
        file.seek(-4, io.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
    return (layout.offset + layout.stored_bytes) % (1 << 32) == length
