"""Which format a file is in, told by its first bytes rather than by its name; some are folders."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from condseg_app.errors import ReadError
from condseg_app.io.formats import FORMATS, Format, has_suffix

SUFFIXES = tuple(dict.fromkeys(suffix for form in FORMATS for suffix in form.suffixes))
"""The endings of all files that are read."""
GZIP = b"\x1f\x8b"

_ENDINGS = sorted((*SUFFIXES, *(part for form in FORMATS for part in form.parts)), key=len, reverse=True)
_ENOUGH = 544
_NIFTI_MAGIC = {348: (344, (b"n+1\x00", b"ni1\x00")), 540: (4, (b"n+2\x00\r\n\x1a\n", b"ni2\x00\r\n\x1a\n"))}
_NOT_READ = (
    (0, b"mrtrix image", "MRtrix"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (0, b"\x89HDF", "HDF5 (MINC)"),
    (0, b"CDF", "MINC"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\x03\x04", "zip"),
)
_ANY_FOLDER = "is a folder, not an image; choose one of DICOM slices or of OME-Zarr, or a file in it"
_USE = "use one of " + ", ".join(SUFFIXES)


def can_read(path: Path) -> bool:
    """Whether the name is one of a format that is read; the file is not opened."""
    return has_suffix(path, SUFFIXES)


def is_image(path: Path) -> bool:
    """Whether there is a file with a readable name, or a folder that is one image; any other may hold images."""
    if path.is_dir():
        return folder_format(path) is not None
    return path.is_file() and can_read(path) and not is_folder_name(path)


def is_folder_name(path: Path) -> bool:
    """Whether the name is that of an image which is a folder."""
    return any(form.is_folder and has_suffix(path, form.suffixes) for form in FORMATS)


def holds_image(folder: Path) -> bool:
    """Whether what is in a folder makes it one image, whatever its name."""
    return any(form.is_own_folder(folder) for form in FORMATS)


def folder_format(folder: Path) -> Format | None:
    """The format of a folder that is one image, by its content or its name; None for any other folder."""
    for form in FORMATS:
        if form.is_own_folder(folder) or (form.is_folder and has_suffix(folder, form.suffixes)):
            return form
    return None


def name_of(path: Path) -> str:
    """The file's name without its ending (.nii.gz counts as one)."""
    ending = next((s for s in _ENDINGS if path.name.lower().endswith(s)), path.suffix)
    return path.name[: len(path.name) - len(ending)] or path.name


def format_of(path: Path) -> Format:
    """The format of a file that can be read.

    Raises:
        ReadError: there is no such file, it is empty, or of a format that is not read.
    """
    folder = folder_format(path) if path.is_dir() else None
    if folder is not None:
        return folder
    start = first_bytes(path)
    for form in FORMATS:
        if form.is_own(start, path):
            return form
    raise ReadError(_what_else(unpacked_start(start, path), path), path=path)


def first_bytes(path: Path, count: int = _ENOUGH) -> bytes:
    """The start of a file; ReadError where there is none."""
    if not path.exists():
        raise ReadError("there is no such file; check the path", path=path)
    if path.is_dir():
        raise ReadError(_ANY_FOLDER, path=path)
    if not path.is_file():  # reading a pipe or a device may never end
        raise ReadError("is no plain file but a pipe or a device; save the image to a file first", path=path)
    with reading(path), path.open("rb") as file:
        start = file.read(count)
    if not start:
        raise ReadError("the file is empty; copy it again", path=path)
    return start


def unpacked_start(start: bytes, path: Path) -> bytes:
    """A file's first bytes, unpacked where they are gzip's; ReadError where that fails."""
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
    """Turn what goes wrong while a file is read into a sentence."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ReadError("the compressed data are cut off or damaged; copy the file again", path=path) from error
    except OSError as error:
        raise ReadError(f"cannot be read ({error.strerror or error}); check the file and its rights", path=path) from (
            error
        )


def _what_else(start: bytes, path: Path) -> str:
    if start.startswith(b"version https://git-lfs"):
        return "is a git-LFS pointer, not the file itself; fetch it with 'git lfs pull'"
    for position, magic, name in _NOT_READ:
        if start[position:].startswith(magic):
            return f"the format {name} is not supported; {_USE}"
    if can_read(path):
        return f"the file is damaged, or not what its name says ({path.suffix}); copy it again"
    return f"this format is not supported; {_USE}"
