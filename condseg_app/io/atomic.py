"""Files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from condseg_app.errors import WriteError


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary file in the same folder; it takes the place of `path` only if the block succeeds.

    The temporary's name ends like the path's, for writers that choose the format by it. Data and folder are
    flushed to the disk before the name changes and after.

    Raises:
        WriteError: the folder does not exist, or the disk is full or refuses.
    """
    if not path.parent.is_dir():
        raise WriteError(f"the folder {path.parent} does not exist; make it first", path=path)
    suffix = "".join(path.suffixes[-2:])
    try:
        descriptor, name = tempfile.mkstemp(prefix=".condseg-", suffix=suffix, dir=path.parent)
        os.close(descriptor)
    except OSError as error:
        raise WriteError(f"cannot be written ({error.strerror}); choose another folder", path=path) from error
    temporary = Path(name)
    try:
        yield temporary
        _flush(temporary)
        _keep_mode(temporary)
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise WriteError(f"could not be written ({error.strerror or error})", path=path) from error
    finally:
        temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows has no handle to flush a folder by
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep_mode(path: Path) -> None:
    """A temporary file is for its owner only; the finished one is as any other new file."""
    if os.name != "nt":
        mask = os.umask(0)
        os.umask(mask)
        path.chmod(0o666 & ~mask)
