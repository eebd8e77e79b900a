"""A file's format, told by the first bytes rather than the name; some formats are folders."""

import re
from pathlib import Path

from condseg_app.errors import ReadError
from condseg_app.io.dicom.files import begins_dicom, why_none
from condseg_app.io.file_start import first_bytes, name_of, unpacked_start
from condseg_app.io.formats import FORMATS, Format, has_suffix

SUFFIXES = tuple(dict.fromkeys(suffix for form in FORMATS for suffix in form.suffixes))
"""The endings of all files that are read."""

_NOT_READ = (
    (0, b"mrtrix image", "MRtrix"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (0, b"\x89HDF", "HDF5 (MINC)"),
    (0, b"CDF", "MINC"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\x03\x04", "zip"),
)
_ANALYZE = ((348).to_bytes(4, "little"), (348).to_bytes(4, "big"))
_WEB_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?<(!doctype html|html|head)", re.IGNORECASE)
_USE = "use one of " + ", ".join(SUFFIXES)


def can_read(path: Path) -> bool:
    """Whether the name is of a readable format; the file is not opened."""
    return has_suffix(path, SUFFIXES)


def without_ending(name: str) -> str:
    """An image's name, without the ending of a readable file: a layer's name may be the file's name."""
    path = Path(name)
    return name_of(path) if can_read(path) else name


def is_image(path: Path) -> bool:
    """Whether a path is a file with a readable name, or an image folder; any other folder may hold images."""
    if path.is_dir():
        return folder_format(path) is not None
    return path.is_file() and can_read(path) and not is_folder_name(path)


def is_folder_name(path: Path) -> bool:
    """Whether the name is that of an image which is a folder."""
    return any(form.is_folder and has_suffix(path, form.suffixes) for form in FORMATS)


def holds_image(folder: Path) -> bool:
    """Whether a folder's content makes it an image, whatever the name."""
    return any(form.is_own_folder(folder) for form in FORMATS)


def folder_format(folder: Path) -> Format | None:
    """The format of an image folder, by content or name; None for any other folder."""
    for form in FORMATS:
        if form.is_own_folder(folder) or (form.is_folder and has_suffix(folder, form.suffixes)):
            return form
    return None


def format_of(path: Path) -> Format:
    """The format of a file that can be read.

    Raises:
        ReadError: no such file, an empty file, or an unsupported format.
    """
    if path.is_dir():
        return _format_of_folder(path)
    start = first_bytes(path)
    for form in FORMATS:
        if form.is_own(start, path):
            return form
    raise ReadError(_what_else(unpacked_start(start, path), path), path=path)


def _format_of_folder(path: Path) -> Format:
    found = folder_format(path)
    if found is None:
        raise ReadError(why_none(path), path=path)
    return found


def _what_else(start: bytes, path: Path) -> str:
    if start.startswith(b"version https://git-lfs"):
        return "is a git-LFS pointer, not the file itself; fetch it with 'git lfs pull'"
    if begins_dicom(start):
        return "is a DICOM file that is compressed with gzip; unpack it (gunzip does)"
    if _WEB_PAGE.match(start):
        return "is a web page, not the file itself; download it again, logged in where that is needed"
    for position, magic, name in _NOT_READ:
        if start[position:].startswith(magic):
            return f"the format {name} is not supported; {_USE}"
    if start[:4] in _ANALYZE:
        return "is Analyze 7.5, or NIfTI without its mark, and does not tell left from right; convert it to NIfTI"
    if can_read(path):
        return f"the file is damaged, or not what its name says ({path.suffix}); copy it again"
    return f"this format is not supported; {_USE}"
