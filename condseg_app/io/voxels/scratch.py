"""Temporary arrays on disk."""

import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Region, Shape
from condseg_app.errors import WriteError
from condseg_app.io.voxels.boxes import VoxelGrid, read_box, write_box
from condseg_app.io.voxels.regions import box_of
from condseg_app.io.voxels.unpack import roomy_folder


class ScratchArray:
    """Numbers (I, J, K) in a nameless temporary file, which goes with the last reference.

    Unwritten numbers are 0, and take no room. Plain bytes, since any packing needs threads and their memory.
    """

    def __init__(self, shape: Shape, dtype: np.dtype[np.generic]) -> None:
        """Make the file.

        Raises:
            WriteError: the disk refuses.
        """
        self.shape: tuple[int, ...] = shape
        self.dtype = dtype
        self._grid = VoxelGrid(shape, dtype, 0)
        with _on_disk():
            self._file: BinaryIO = tempfile.TemporaryFile(prefix="condseg-", dir=roomy_folder())  # noqa: SIM115
            weakref.finalize(self, self._file.close)
            self._file.truncate(self._grid.end)

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """Any numpy index; WriteError if pending writes find no room."""
        (i, j, k), rest = box_of(key, self.shape)
        with _on_disk():
            box = read_box(self._file, self._grid, (i, j, k))  # type: ignore[arg-type]  # BinaryIO lacks readinto
        return box[rest]  # type: ignore[no-any-return]  # scalars included

    def write(self, region: Region, values: NDArray[np.generic]) -> None:
        """Write a box.

        Raises:
            WriteError: the disk refuses.
        """
        with _on_disk():
            write_box(self._file, self._grid, region, values)


@contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WriteError(
            f"the temporary file for a large image cannot be written ({error.strerror}); free some of the disk of "
            f"{roomy_folder()}, or let TMPDIR name a roomier folder"
        ) from error
