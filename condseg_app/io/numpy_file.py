"""NumPy arrays (.npy, and .npz with a single array), never with pickled objects."""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Geometry, Image, LazyArray, Pick, Shape
from condseg_app.errors import OutOfMemory, ReadError
from condseg_app.io.choices import chosen_frame
from condseg_app.io.codec import Codec, labels_by
from condseg_app.io.file_start import name_of, reading
from condseg_app.io.pictures.reader import RGB
from condseg_app.io.voxels.boxes import fill
from condseg_app.io.voxels.file_voxels import voxels_of
from condseg_app.io.voxels.layout import VoxelLayout
from condseg_app.memory import require_memory

# A first or last axis this short may hold channels or colours.
_FEW = 4

Numbers = NDArray[np.generic]


@dataclass(frozen=True)
class _Header:
    """An array's header."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        """Size of the array's numbers in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_numpy(path: Path, pick: Pick) -> Image:
    """Read an array (y, x), (y, x, 3) of bytes, (z, y, x) or (t, z, y, x).

    A plain file is read on demand, in parts; an archive, or an array in Fortran's order, as a whole.

    Raises:
        ReadError: no such array of plain numbers, or damage.
        ChoiceNeeded: several points in time, and none was chosen.
        OutOfMemory: an archive's array does not fit.
    """
    with _opened(path) as (file, size, packed):
        header = _header(file, path)
        offset = file.tell()
        _check(header, size - offset, path)
        shape, frames, channels = _grid(header, path)
        frame = chosen_frame(frames, pick, path)
        loaded = _loaded(file, header, path) if packed or header.fortran else None
    array: LazyArray
    if loaded is None:
        dtype = np.dtype(np.uint8) if header.dtype.kind == "b" else header.dtype
        layout = VoxelLayout(path, path, dtype, shape, channels=channels, interleaved=channels > 1)
        array = voxels_of(replace(layout, offset=offset + frame * layout.stored_bytes))
    else:
        array = loaded.reshape(frames, *shape[::-1], channels)[frame].transpose(3, 2, 1, 0)
    flat = Geometry.of_picture(shape[0], shape[1])
    notes = ("the size of its voxels is not stated; pixels are taken",) if shape[2] > 1 else ()
    names = RGB if channels == len(RGB) else ("intensity",)
    return Image(array, Geometry(shape, flat.affine, "pixel"), name_of(path), names, source=path, warnings=notes)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, int, bool]]:
    """The file, or an archive's only array; the unpacked size in bytes; and whether the array is an archive's."""
    damaged = (
        ValueError,
        TypeError,
        KeyError,
        RuntimeError,
        OverflowError,
        SyntaxError,
        TokenError,
        zipfile.BadZipFile,
        NotImplementedError,
    )
    try:
        with reading(path), path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                file.seek(0)
                yield file, path.stat().st_size, False
                return
            with zipfile.ZipFile(file) as archive:
                inside = archive.infolist()
                if len(inside) != 1:
                    names = ", ".join(info.filename for info in inside[:5])
                    raise ReadError(f"holds {len(inside)} arrays ({names}); save one of them as .npy", path=path)
                with archive.open(inside[0]) as member:
                    yield member, inside[0].file_size, True
    except MemoryError as error:
        raise OutOfMemory("its numbers do not fit into the memory; close other programs", path=path) from error
    except damaged as error:
        raise ReadError("the file is cut off or damaged, or holds Python objects; save it again", path=path) from error


def _header(file: Any, path: Path) -> _Header:
    """Through NumPy's own reader, which takes headers of a limited length and evaluates literals only."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ReadError(f"is of NumPy's format {version}, which is not read; save it again", path=path)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return _Header(tuple(int(n) for n in shape), fortran, dtype)  # True is a whole number for NumPy


def _check(header: _Header, there: int, path: Path) -> None:
    if header.dtype.hasobject or header.dtype.kind not in "buif" or header.dtype.itemsize > 8:
        raise ReadError(f"holds {header.dtype}, not intensities; convert it to one plain number a voxel", path=path)
    if header.size > there:
        raise ReadError(
            f"the file is cut off: its header claims {header.size:,} bytes of numbers, it has {there:,}; copy it again",
            path=path,
        )


def _grid(header: _Header, path: Path) -> tuple[Shape, int, int]:
    """The grid (I, J, K), the points in time, the channels: by how many axes there are."""
    shape = header.shape
    if len(shape) == 3 and shape[2] == len(RGB) and header.dtype == np.uint8:
        return (shape[1], shape[0], 1), 1, len(RGB)
    if len(shape) == 3 and min(shape[0], shape[2]) <= _FEW and min(shape) > 1:
        raise ReadError(f"is an array {shape} of slices or of channels; save it as NIfTI or NRRD", path=path)
    if not 2 <= len(shape) <= 4 or min(shape) < 1 or sum(n > 1 for n in shape[-3:]) < 2:
        raise ReadError(f"is an array {shape}; (y, x), (z, y, x) and (t, z, y, x) are read", path=path)
    frames, k, j, i = (1, 1, *shape)[-4:]
    return (i, j, k), frames, 1


def _loaded(file: Any, header: _Header, path: Path) -> Numbers:
    """All numbers, in the array's own order of axes."""
    require_memory(2 * header.size, path)
    flat = np.empty(header.size, np.uint8)
    if fill(file, flat) < flat.size:
        raise ReadError("the file is cut off; copy it again", path=path)
    file.read(1)  # checksums of archive members are compared at their end
    array = flat.view(header.dtype).reshape(header.shape, order="F" if header.fortran else "C")
    kind = np.dtype(np.uint8) if header.dtype.kind == "b" else header.dtype.newbyteorder("=")
    return array.astype(kind, copy=False)


CODEC = Codec(read_numpy, labels_by(read_numpy))
