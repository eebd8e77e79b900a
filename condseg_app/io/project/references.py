"""Files that a project needs but does not hold: found again by path, and told from changed files by hash."""

import hashlib
import os
from pathlib import Path

from condseg_app.data import FileReference
from condseg_app.errors import ReadError
from condseg_app.io.file_start import reading


def reference_to(path: Path) -> FileReference:
    """A reference to a file or folder as it is now.

    Raises:
        ReadError: there is no such file, or it cannot be read.
    """
    path = path.resolve()
    if not path.exists():
        raise ReadError("there is no such file; check the path", path=path)
    with reading(path):
        if path.is_dir():
            files = sorted((inside for inside in path.rglob("*") if inside.is_file()), key=Path.as_posix)
            sizes = [inside.stat().st_size for inside in files]
            listed = "\n".join(f"{f.relative_to(path).as_posix()} {n}" for f, n in zip(files, sizes, strict=True))
            return FileReference(path, sum(sizes), hashlib.sha256(listed.encode()).hexdigest())
        with path.open("rb") as file:
            return FileReference(path, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def why_not_same(reference: FileReference) -> str | None:
    """Why a file is not as it was when referred to, the end of a sentence; None where the file is the same."""
    try:
        now = reference_to(reference.path)
    except ReadError as error:
        return error.message if reference.path.exists() else "is not there any more"
    return None if (now.size, now.sha256) == (reference.size, reference.sha256) else "was changed since"


def relative_to(folder: Path, path: Path) -> str | None:
    """A path relative to a folder, with '/' on every system; None for another drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return None


def found(folder: Path, relative: str | None, absolute: Path) -> Path:
    """The place of a file: relative to the folder where something lies there, else absolute."""
    beside = None if relative is None else (folder / relative).resolve()
    return beside if beside is not None and beside.exists() else absolute
