"""Gzipped voxels, which have no way to a single slice: unpacked once, into memory or onto the disk."""

import gzip
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Region
from condseg_app.errors import OutOfMemory, ReadError
from condseg_app.io.contents import reading
from condseg_app.io.nifti_header import NiftiLayout
from condseg_app.io.voxel_file import VoxelGrid, fill, read_box

_CHUNK = 1 << 22


def unpacked_in_memory(layout: NiftiLayout) -> NDArray[np.generic]:
    """All voxels (I, J, K) as they are stored.

    Raises:
        ReadError: the file is cut off or damaged.
        MemoryError: they do not fit.
    """
    flat = np.empty(layout.stored_bytes, np.uint8)
    with _packed(layout) as file:
        _check_length(fill(file, flat), layout)
        file.read(1)  # the end of the stream is where its checksum is compared
    return flat.view(layout.dtype).reshape(layout.geometry.shape, order="F")


class UnpackedFile:
    """Voxels in a temporary file without a name, which goes when nobody needs it any more, or the process ends."""

    def __init__(self, layout: NiftiLayout) -> None:
        """Unpack the voxels.

        Raises:
            ReadError: the file is cut off or damaged.
            OutOfMemory: the disk has no room for them either.
        """
        self._grid = VoxelGrid(layout.geometry.shape, layout.dtype, 0)
        self._lock = Lock()  # one file, one position in it
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

    def read(self, box: Region) -> NDArray[np.generic]:
        """The voxels of a box, as they are stored."""
        with self._lock:
            return read_box(self._file, self._grid, box)  # type: ignore[arg-type]  # BinaryIO lacks readinto


@contextmanager
def _packed(layout: NiftiLayout) -> Iterator[gzip.GzipFile]:
    with reading(layout.path), gzip.open(layout.voxels_path, "rb") as file:
        file.seek(layout.offset)
        yield file


def _check_length(there: int, layout: NiftiLayout) -> None:
    if there < layout.stored_bytes:
        raise ReadError(
            f"the file is cut off: {there:,} of {layout.stored_bytes:,} bytes of voxels are there; copy it again",
            path=layout.path,
        )


def roomy_folder() -> Path:
    """Where large temporary files belong: what TMPDIR names, else /var/tmp, for /tmp is often kept in memory."""
    usual = Path("/var/tmp")
    chosen = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    return usual if not chosen and os.access(usual, os.W_OK) else Path(tempfile.gettempdir())


@contextmanager
def _on_disk(layout: NiftiLayout, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutOfMemory(
            f"its voxels need {layout.stored_bytes / 2**30:.1f} GiB, more than is free in memory or in {folder}; free "
            "either, or let TMPDIR name a roomier folder",
            path=layout.path,
        ) from error
