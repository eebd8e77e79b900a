"""Voxel files that a header names, allowed in the header's own folder only."""

from pathlib import Path, PurePosixPath, PureWindowsPath

from condseg_app.errors import ReadError
from condseg_app.io.file_start import reading


def detached_file(header: Path, name: str) -> Path:
    """The voxel file that a header names.

    Raises:
        ReadError: outside the header's folder, or missing.
    """
    inside = PurePosixPath(PureWindowsPath(name).as_posix())  # a Windows program may have written the header
    if len(inside.parts) != 1 or inside.name in ("", "..") or PureWindowsPath(name).drive:
        raise ReadError(f"its voxels are in '{name[:200]}', outside of its folder; put both into one", path=header)
    path = header.parent / inside.name
    with reading(header):  # a name may be too long for the system to look at
        is_there = path.is_file() and path.resolve().parent == header.parent.resolve()
    if not is_there:
        raise ReadError(f"its voxels' file {inside.name[:200]} is missing; put it into the same folder", path=header)
    return path
