"""Search for DICOM files, told by their first bytes, in folders; without reading their content."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from condseg_app.errors import ReadError
from condseg_app.io.file_start import ANY_FOLDER, GZIP, first_bytes, reading, unpacked_start

_PREFIX = (128, b"DICM")
_DIRECTORY = "DICOMDIR"
# No archive or disc is this deep: only folders that lead in a circle.
_DEEPEST = 32
_MOST_FILES = 20_000
_MOST_LOOKED_AT = 2_000
_MOST_FOLDERS = 20_000
# Volumes of other formats above all DICOM files: a folder of these, which may have their sources below.
_OTHER_VOLUMES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
_ZARR = ".zarr"
# Without a preamble a data set begins with group 2 or 8: an explicit value representation or an implicit length.
_BARE = re.compile(rb"[\x02\x08]\x00.\x00(?:[A-Z]{2}|[\x00-\xff]\x00\x00\x00)|\x00[\x02\x08]\x00.[A-Z]{2}", re.DOTALL)


@dataclass(frozen=True)
class Search:
    """Result of a search for DICOM files in a folder.

    Attributes:
        found: whether there is a DICOM file.
        has_more: whether the folder has more files than were searched.
        packed: number of DICOM files compressed with gzip, which are not read.
    """

    found: bool
    has_more: bool = False
    packed: int = 0


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does, or a folder has such a file among the first files; little is read."""
    try:
        if path.is_dir():
            return searched(path).found
        return path.is_file() and _begins_as_dicom(path)
    except OSError:
        return False


def searched(folder: Path) -> Search:
    """Look for a DICOM file in a folder and its subfolders, by the first bytes of some thousand files.

    DICOM files below volumes of other formats do not count.
    """
    level, packed, locked, has_other = 0, 0, list[Path](), False
    try:
        for count, (depth, file) in enumerate(_files_below(folder, locked)):
            if depth > level and has_other:
                return Search(False)
            if count == _MOST_LOOKED_AT:
                return Search(False, True, packed)
            if _begins_as_dicom(file, locked):
                return Search(True)
            level, is_other = depth, file.name.lower().endswith(_OTHER_VOLUMES)
            has_other |= is_other
            packed += not is_other and is_packed_dicom(file)
    except ReadError:  # too many folders
        return Search(False, True, packed)
    return Search(False, False, packed)


@dataclass(frozen=True)
class FoundFiles:
    """The DICOM files of a folder.

    Attributes:
        files: in the order of their names, those of the folder itself first.
        notes: a sentence on files and folders that may not be read.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def dicom_files(path: Path) -> FoundFiles:
    """A file itself, or the DICOM files of a folder and its subfolders.

    The directory of a disc (DICOMDIR) stands for the folder around the file.

    Raises:
        ReadError: no file, too many files, or unreadable files.
    """
    if not path.is_dir():
        first_bytes(path)
        if not is_directory_file(path):
            return FoundFiles((path,))
        path = path.parent
    locked: list[Path] = []
    with reading(path):
        files = [file for _, file in islice(_files_below(path, locked), _MOST_FILES + 1)]
    if len(files) > _MOST_FILES:
        raise ReadError(f"holds more than {_MOST_FILES:,} files; open the folder of one study", path=path)
    found = tuple(file for file in files if not is_directory_file(file) and _begins_as_dicom(file, locked))
    if not found:
        raise ReadError("holds no DICOM file; open the folder in which they are", path=path)
    first = (
        f"{len(locked)} files or folders in it may not be read and are left out ({locked[0].name})" if locked else ""
    )
    return FoundFiles(found, (first,) if first else ())


def is_directory_file(path: Path) -> bool:
    """Whether a file is a disc's table of contents, by the name."""
    return path.name.upper() == _DIRECTORY


def begins_dicom(start: bytes) -> bool:
    """Whether these are a DICOM file's first bytes, with or without a preamble."""
    position, prefix = _PREFIX
    return start[position : position + len(prefix)] == prefix or _BARE.match(start) is not None


def is_packed_dicom(path: Path) -> bool:
    """Whether a file is DICOM compressed with gzip as a whole."""
    try:
        with path.open("rb") as file:
            start = file.read(len(GZIP))
        return start == GZIP and begins_dicom(unpacked_start(start, path))
    except (OSError, ReadError):
        return False


def why_none(folder: Path) -> str:
    """Message for a folder that is no image, by the result of the search for DICOM files."""
    search = searched(folder)
    if search.packed:
        return f"holds {search.packed} DICOM files that are compressed with gzip; unpack them (gunzip does)"
    if search.has_more:
        return (
            f"is a folder, not an image: none of the first {_MOST_LOOKED_AT:,} files in it and its folders is DICOM, "
            "and no more were looked at; choose the folder in which the slices are, or a file"
        )
    return ANY_FOLDER


def _begins_as_dicom(path: Path, locked: list[Path] | None = None) -> bool:
    """Whether a file begins as DICOM does; a file that may not be read goes to the list `locked`, if given."""
    try:
        with path.open("rb") as file:
            return begins_dicom(file.read(_PREFIX[0] + len(_PREFIX[1])))
    except OSError:
        if locked is None:
            raise
        locked.append(path)
        return False


def _files_below(folder: Path, locked: list[Path]) -> Iterator[tuple[int, Path]]:
    """Files with their depth, those of the folder first; no links to folders, which may lead in a circle.

    Raises:
        ReadError: there are too many folders.
    """
    level, looked_into = [folder], 0
    for depth in range(_DEEPEST):
        below: list[Path] = []
        for current in level:
            looked_into += 1
            if looked_into > _MOST_FOLDERS:
                raise ReadError(f"holds more than {_MOST_FOLDERS:,} folders; open the one of one study", path=folder)
            try:
                files, folders = _inside(current)
            except OSError:
                if current == folder:
                    raise
                locked.append(current)
                continue
            yield from ((depth, file) for file in files)
            below += folders
        level = below


def _inside(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files and folders of a folder by name, without hidden entries, and without images that are folders."""
    with os.scandir(folder) as entries:
        shown = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    files = [Path(entry.path) for entry in shown if entry.is_file()]
    folders = [Path(entry.path) for entry in shown if entry.is_dir(follow_symlinks=False)]
    return files, [one for one in folders if not one.name.lower().endswith(_ZARR)]
