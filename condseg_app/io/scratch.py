"""Arrays on disk for as long as they are used."""

import shutil
import tempfile
import weakref
from typing import Any, Protocol

from numpy.typing import DTypeLike

from condseg_app.data import LazyArray, Shape
from condseg_app.errors import WriteError

_CHUNK = 128


class ScratchArray(LazyArray, Protocol):
    """An array whose regions can be written as well."""

    def __setitem__(self, key: Any, value: Any, /) -> None: ...


def scratch_array(shape: Shape, dtype: DTypeLike) -> ScratchArray:
    """Zeros (I, J, K) in compressed chunks in the system's temporary folder; gone when nobody holds them any more.

    Raises:
        WriteError: the disk refuses.
    """
    import zarr  # it takes long to load, and is seldom needed

    try:
        folder = tempfile.mkdtemp(prefix="condseg-")
    except OSError as error:
        raise WriteError(f"no temporary file can be made ({error.strerror}); free some of the disk") from error
    array: ScratchArray = zarr.create_array(
        folder, shape=shape, dtype=dtype, chunks=tuple(min(n, _CHUNK) for n in shape)
    )
    weakref.finalize(array, shutil.rmtree, folder, ignore_errors=True)
    return array
