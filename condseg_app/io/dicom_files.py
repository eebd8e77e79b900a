"""Which files are DICOM, told by their first bytes, and the files of a folder. Knows nothing of what is in them."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from condseg_app.errors import ReadError
from condseg_app.io.file_start import first_bytes, reading

_PREFIX = (128, b"DICM")
# Patient, study, series: deeper folders are not what a scanner or an archive writes.
_DEEPEST = 3
_MOST_FOLDERS = 64
_MOST_FILES = 20_000
_LOOKED_AT = 32
# Without a preamble a data set begins with group 2 or 8: an explicit value representation or an implicit length.
_BARE = re.compile(rb"[\x02\x08]\x00.\x00(?:[A-Z]{2}|[\x00-\xff]\x00\x00\x00)", re.DOTALL)


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does, or a folder holds such files among its first ones.

    Little is read: the first bytes of at most 32 files, at most three folders deep.
    """
    try:
        if path.is_dir():
            return any(_begins_as_dicom(file) for file in islice(_files_below(path), _LOOKED_AT))
        return path.is_file() and _begins_as_dicom(path)
    except OSError:
        return False


def dicom_files(path: Path) -> tuple[Path, ...]:
    """A file itself, or the DICOM files of a folder and of those in it, in the order of their names.

    Raises:
        ReadError: there are none, too many, or they cannot be read.
    """
    if not path.is_dir():
        first_bytes(path)
        return (path,)
    with reading(path):
        files = tuple(islice(_files_below(path), _MOST_FILES + 1))
        if len(files) > _MOST_FILES:
            raise ReadError(f"holds more than {_MOST_FILES:,} files; open the folder of one study", path=path)
        found = tuple(file for file in files if file.name != "DICOMDIR" and _begins_as_dicom(file))
    if not found:
        raise ReadError("holds no DICOM file; open the folder in which they are", path=path)
    return found


def begins_dicom(start: bytes) -> bool:
    """Whether these are a DICOM file's first bytes, with or without a preamble."""
    position, prefix = _PREFIX
    return start[position : position + len(prefix)] == prefix or _BARE.match(start) is not None


def _begins_as_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return begins_dicom(file.read(_PREFIX[0] + len(_PREFIX[1])))


def _files_below(folder: Path) -> Iterator[Path]:
    """Files, those of the folder first; no links to folders, which may lead in a circle."""
    level = [folder]
    for _ in range(_DEEPEST + 1):
        below: list[Path] = []
        for current in level[:_MOST_FOLDERS]:
            inside = sorted(islice(current.iterdir(), _MOST_FILES + 1))
            shown = [entry for entry in inside if not entry.name.startswith(".")]
            yield from (entry for entry in shown if entry.is_file())
            below += [entry for entry in shown if entry.is_dir() and not entry.is_symlink()]
        level = below
