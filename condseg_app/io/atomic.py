"""Files, and zarr folders, that are there whole or not at all."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from condseg_app.errors import WriteError
from condseg_app.io.contents import holds_image, is_folder_name

_ADVICE = {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EINVAL: "choose another name, without special letters",
    errno.EILSEQ: "choose another name, without special letters",
    errno.EACCES: "check the folder's rights or choose another one",
    errno.EPERM: "check the folder's rights or choose another one",
    errno.EROFS: "choose a folder that can be written",
}


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary file in the same folder that replaces `path` only if the block succeeds.

    A zarr's name gets a folder. The temporary name ends like the path's, for writers that choose the format by the
    ending. Data are flushed to the disk before the name changes, and the folder after.

    Raises:
        WriteError: the folder does not exist, or the disk is full or refuses.
    """
    with atomic_files((path,)) as (temporary,):
        yield temporary


@contextmanager
def atomic_files(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """As `atomic_write`, for files that belong together: all are written before any is put in place.

    Raises:
        WriteError: a folder does not exist, or the disk is full or refuses.
    """
    temporaries: list[Path] = []
    targets = [path.resolve() for path in paths]  # a link stays a link; its target is replaced
    try:
        temporaries.extend(_new_beside(path) for path in targets)
        yield tuple(temporaries)
        for temporary in temporaries:
            _flush(temporary)
        for temporary, target in zip(temporaries, targets, strict=True):
            _take_place(temporary, target)
        for folder in {target.parent for target in targets}:
            _flush_folder(folder)
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "free the disk or choose another folder")
        raise WriteError(f"could not be written ({error.strerror or error}); {advice}", path=paths[0]) from error
    finally:
        for temporary in temporaries:
            with suppress(OSError):
                shutil.rmtree(temporary) if temporary.is_dir() else temporary.unlink(missing_ok=True)


def _new_beside(path: Path) -> Path:
    """An empty file with the rights of the file to be replaced, else of any new file."""
    if not path.parent.is_dir():
        raise WriteError(f"the folder {path.parent} does not exist; make it first", path=path)
    if path.is_dir() and not (is_folder_name(path) and (holds_image(path) or not any(path.iterdir()))):
        raise WriteError("is a folder; choose another name", path=path)
    temporary = _hidden_beside(path)
    if is_folder_name(path):
        temporary.mkdir()
        return temporary
    temporary.touch(exist_ok=False)
    if path.exists():
        shutil.copymode(path, temporary)
    return temporary


def _hidden_beside(path: Path) -> Path:
    return path.parent / f".condseg-{secrets.token_hex(6)}{''.join(path.suffixes[-2:])}"


def _take_place(temporary: Path, target: Path) -> None:
    """Rename; a folder cannot replace another folder, so the earlier folder steps aside first."""
    if not (temporary.is_dir() and target.exists()):
        temporary.replace(target)
        return
    earlier = _hidden_beside(target)
    target.replace(earlier)
    try:
        temporary.replace(target)
    except OSError:
        earlier.replace(target)
        raise
    shutil.rmtree(earlier, ignore_errors=True) if earlier.is_dir() else earlier.unlink()


def _flush(path: Path) -> None:
    """A file, or a folder with its content."""
    if path.is_dir():
        for inside in path.iterdir():
            _flush(inside)
        _flush_folder(path)
        return
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(path: Path) -> None:
    if os.name == "nt":
        return  # Windows has no handle to flush a folder by
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
