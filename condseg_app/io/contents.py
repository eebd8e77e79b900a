"""Which format a file is in, told by its first bytes rather than by its name; OME-Zarr is a folder."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from condseg_app.errors import ReadError

Format = Literal["NIfTI", "PNG", "JPEG", "TIFF", "BMP", "OME-Zarr"]

NIFTI_SUFFIXES = (".nii", ".nii.gz", ".hdr")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
ZARR_SUFFIXES = (".ome.zarr", ".zarr")
SUFFIXES = (*NIFTI_SUFFIXES, *PICTURE_SUFFIXES, ".zarr")
GZIP = b"\x1f\x8b"

_ENOUGH = 544
_PICTURES: tuple[tuple[bytes, Format], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"BM", "BMP"),
)
_ZARR_METADATA = ("zarr.json", ".zgroup", ".zarray")
_NIFTI_MAGIC = {348: (344, (b"n+1\x00", b"ni1\x00")), 540: (4, (b"n+2\x00\r\n\x1a\n", b"ni2\x00\r\n\x1a\n"))}
_NOT_READ = (
    (0, b"NRRD", "NRRD"),
    (0, b"ObjectType", "MetaImage"),
    (0, b"NDims", "MetaImage"),
    (0, b"mrtrix image", "MRtrix"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (0, b"\x89HDF", "HDF5 (MINC)"),
    (0, b"CDF", "MINC"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\x03\x04", "zip"),
    (128, b"DICM", "DICOM"),
)
_USE = "use one of " + ", ".join(SUFFIXES)


def can_read(path: Path) -> bool:
    """Whether the name is one of a format that is read; the file is not opened."""
    return path.name.lower().endswith(SUFFIXES)


def is_image(path: Path) -> bool:
    """Whether there is a file with a readable name, or a zarr folder; any other folder may hold images."""
    return can_read(path) and (path.is_dir() if is_zarr_name(path) else path.is_file())


def is_zarr_name(path: Path) -> bool:
    """Whether the name is a zarr folder's."""
    return path.name.lower().endswith(ZARR_SUFFIXES)


def holds_zarr(path: Path) -> bool:
    """Whether a folder begins as zarr does, whatever its name."""
    return any((path / name).is_file() for name in _ZARR_METADATA)


def is_nifti_name(path: Path) -> bool:
    """Whether the name is a NIfTI file's."""
    return path.name.lower().endswith((*NIFTI_SUFFIXES, ".img"))


def name_of(path: Path) -> str:
    """The file's name without its ending (.nii.gz counts as one)."""
    endings = sorted((*SUFFIXES, *ZARR_SUFFIXES, ".img"), key=len, reverse=True)
    ending = next((s for s in endings if path.name.lower().endswith(s)), path.suffix)
    return path.name[: len(path.name) - len(ending)] or path.name


def format_of(path: Path) -> Format:
    """The format of a file that can be read.

    Raises:
        ReadError: there is no such file, it is empty, or of a format that is not read.
    """
    if path.is_dir() and (holds_zarr(path) or is_zarr_name(path)):
        return "OME-Zarr"
    start = first_bytes(path)
    for magic, found in _PICTURES:
        if start.startswith(magic) and not start[128:].startswith(b"DICM"):  # DICOM may begin as a TIFF
            return found
    if start.startswith(GZIP):
        start = _unpacked(path)
    if nifti_version(start) is not None or path.name.lower().endswith((".hdr", ".img")):
        return "NIfTI"
    raise ReadError(_what_else(start, path), path=path)


def first_bytes(path: Path, count: int = _ENOUGH) -> bytes:
    """The start of a file; ReadError where there is none."""
    if not path.exists():
        raise ReadError("there is no such file; check the path", path=path)
    if path.is_dir():
        raise ReadError("is a folder, not an image; open a file in it", path=path)
    with reading(path), path.open("rb") as file:
        start = file.read(count)
    if not start:
        raise ReadError("the file is empty; copy it again", path=path)
    return start


def nifti_version(start: bytes) -> int | None:
    """1 or 2 where a header begins as NIfTI's does, else None."""
    lengths = (int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big"))
    for length, (position, magics) in _NIFTI_MAGIC.items():
        if length in lengths and start[position : position + len(magics[0])] in magics:
            return 1 if length == 348 else 2
    return None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a sentence."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ReadError("the compressed data are cut off or damaged; copy the file again", path=path) from error
    except OSError as error:
        raise ReadError(f"cannot be read ({error.strerror or error}); check the file and its rights", path=path) from (
            error
        )


def _unpacked(path: Path) -> bytes:
    with reading(path), gzip.open(path, "rb") as file:
        return file.read(_ENOUGH)


def _what_else(start: bytes, path: Path) -> str:
    if start.startswith(b"version https://git-lfs"):
        return "is a git-LFS pointer, not the file itself; fetch it with 'git lfs pull'"
    for position, magic, name in _NOT_READ:
        if start[position:].startswith(magic):
            return f"the format {name} is not supported; {_USE}"
    if can_read(path):
        return f"the file is damaged, or not what its name says ({path.suffix}); copy it again"
    return f"this format is not supported; {_USE}"
