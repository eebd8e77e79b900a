"""Packed voxels, which have no way to a single slice: unpacked once, into memory or onto the disk."""

import bz2
import gzip
import io
import os
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from condseg_app.errors import OutOfMemory, ReadError
from condseg_app.io.file_start import reading
from condseg_app.io.voxels.boxes import Readable, fill
from condseg_app.io.voxels.layout import VoxelLayout

_CHUNK = 1 << 22
_ZLIB_OR_GZIP = 32 + zlib.MAX_WBITS


def unpacked_in_memory(layout: VoxelLayout) -> NDArray[np.uint8]:
    """The stored bytes of all voxels.

    Raises:
        ReadError: a file that is cut off or damaged.
        MemoryError: not enough memory.
    """
    flat = np.empty(layout.stored_bytes, np.uint8)
    with _packed(layout) as file:
        _check_length(fill(file, flat), layout)
        file.read(1)  # the checksum is compared at the end of the stream
    return flat


class UnpackedFile:
    """Voxels in a nameless temporary file, which goes with the last reference or at the end of the process."""

    def __init__(self, layout: VoxelLayout) -> None:
        """Unpack the voxels.

        Raises:
            ReadError: a file that is cut off or damaged.
            OutOfMemory: no room on the disk either.
        """
        self._lock = Lock()  # one file has one position
        folder = roomy_folder()
        with _on_disk(layout, folder):
            if shutil.disk_usage(folder).free < layout.stored_bytes:
                raise OSError
            self._file: BinaryIO = tempfile.TemporaryFile(prefix="condseg-", dir=folder)  # noqa: SIM115  (see below)
        weakref.finalize(self, self._file.close)
        written = 0
        with _packed(layout) as packed:
            while block := packed.read(min(_CHUNK, layout.stored_bytes - written)):
                with _on_disk(layout, folder):
                    self._file.write(block)
                written += len(block)
            _check_length(written, layout)
            packed.read(1)
        with _on_disk(layout, folder):
            self._file.flush()

    @contextmanager
    def opened(self) -> Iterator[Readable]:
        """The file, for a single reader at a time."""
        with self._lock:
            yield self._file  # type: ignore[misc]  # BinaryIO lacks readinto


def unpacked_length(layout: VoxelLayout, most: int) -> int:
    """Unpacked size in bytes; a little more than `most` for a larger size.

    Raises:
        ReadError: a file that is cut off or damaged.
    """
    length = 0
    with _packed(layout) as file:
        while length <= most and (block := file.read(_CHUNK)):
            length += len(block)
    return length


class _Inflated(io.RawIOBase):
    """The unpacked bytes of a file with zlib's bytes from the current position."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file, self._unpacker = file, zlib.decompressobj(_ZLIB_OR_GZIP)

    def readable(self) -> bool:
        """The file can be read."""
        return True

    def readinto(self, room: Any, /) -> int:
        """Fill an array with the next unpacked bytes; returns their number."""
        unpacker, size = self._unpacker, len(room)
        while size and not unpacker.eof:
            packed = unpacker.unconsumed_tail or self._file.read(1 << 16)
            found = unpacker.decompress(packed, size)
            if found:
                room[: len(found)] = found
                return len(found)
            if not packed:
                raise EOFError
        return 0


@contextmanager
def _packed(layout: VoxelLayout) -> Iterator[Any]:
    """The unpacked bytes, from the first voxel on."""
    with reading(layout.path), layout.voxels_path.open("rb") as file:
        file.seek(layout.start)
        with _unpacking(file, layout) as stream:
            _skip(stream, layout.offset)
            yield stream


def _unpacking(file: BinaryIO, layout: VoxelLayout) -> Any:
    if layout.packing == "bzip2":
        return bz2.BZ2File(file)
    return gzip.GzipFile(fileobj=file) if layout.packing == "gzip" else io.BufferedReader(_Inflated(file))


def _skip(stream: Any, count: int) -> None:
    while count and (block := stream.read(min(count, _CHUNK))):
        count -= len(block)


def _check_length(there: int, layout: VoxelLayout) -> None:
    if there < layout.stored_bytes:
        raise ReadError(
            f"the file is cut off: {there:,} of {layout.stored_bytes:,} bytes of voxels are there; copy it again",
            path=layout.path,
        )


def roomy_folder() -> Path:
    """Folder for large temporary files: TMPDIR, else /var/tmp, since /tmp is often kept in memory."""
    usual = Path("/var/tmp")
    chosen = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    return usual if not chosen and os.access(usual, os.W_OK) else Path(tempfile.gettempdir())


@contextmanager
def _on_disk(layout: VoxelLayout, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutOfMemory(
            f"its voxels need {layout.stored_bytes / 2**30:.1f} GiB, more than is free in memory or in {folder}; free "
            "either, or let TMPDIR name a roomier folder",
            path=layout.path,
        ) from error
