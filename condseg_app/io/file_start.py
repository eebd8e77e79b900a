"""A file's name and first bytes, and reading errors as sentences, for all formats."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from condseg_app.errors import ReadError

GZIP = b"\x1f\x8b"

_COMPOUND = (".nii.gz", ".hdr.gz", ".img.gz", ".seg.nrrd", ".ome.tif", ".ome.tiff", ".ome.zarr")
_ENOUGH = 544
_NIFTI_MAGIC = {348: (344, (b"n+1\x00", b"ni1\x00")), 540: (4, (b"n+2\x00\r\n\x1a\n", b"ni2\x00\r\n\x1a\n"))}
ANY_FOLDER = "is a folder, not an image; choose one of DICOM slices or of OME-Zarr, or a file in it"
"""Message for a folder that is no image folder."""


def name_of(path: Path) -> str:
    """The file's name without the ending (.nii.gz counts as a single ending)."""
    ending = next((s for s in _COMPOUND if path.name.lower().endswith(s)), path.suffix)
    return path.name[: len(path.name) - len(ending)] or path.name


def first_bytes(path: Path, count: int = _ENOUGH) -> bytes:
    """The start of a file; ReadError where there is none."""
    if not path.exists():
        raise ReadError("there is no such file; check the path", path=path)
    if path.is_dir():
        raise ReadError(ANY_FOLDER, path=path)
    if not path.is_file():  # reading a pipe or a device may never end
        raise ReadError("is no plain file but a pipe or a device; save the image to a file first", path=path)
    with reading(path), path.open("rb") as file:
        start = file.read(count)
    if not start:
        raise ReadError("the file is empty; copy it again", path=path)
    return start


def unpacked_start(start: bytes, path: Path) -> bytes:
    """A file's first bytes, unpacked from gzip; ReadError where that fails."""
    if not start.startswith(GZIP):
        return start
    with reading(path), gzip.open(path, "rb") as file:
        return file.read(_ENOUGH)


def nifti_version(start: bytes) -> int | None:
    """1 or 2 where a header begins as NIfTI's does, else None."""
    lengths = (int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big"))
    for length, (position, magics) in _NIFTI_MAGIC.items():
        if length in lengths and start[position : position + len(magics[0])] in magics:
            return 1 if length == 348 else 2
    return None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors during reading into a sentence."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ReadError("the compressed data are cut off or damaged; copy the file again", path=path) from error
    except OSError as error:
        raise ReadError(f"cannot be read ({error.strerror or error}); check the file and its rights", path=path) from (
            error
        )
