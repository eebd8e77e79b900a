"""The log, and sentences for unexpected errors that point to the log."""

import logging
import tempfile
from logging.handlers import RotatingFileHandler
from pathlib import Path

import platformdirs

from condseg_app.errors import CondsegError, OutOfMemory

_logger = logging.getLogger(__name__)
_MAX_BYTES = 2_000_000
# Words by which libraries that know no MemoryError say that there is none left (torch on a CPU, CUDA).
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


def log_folder() -> Path:
    """The user's folder for logs, made if need be; the system's temporary one where that cannot be."""
    folder = platformdirs.user_log_path("condseg", appauthor=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir())
    return folder


def log_path() -> Path:
    """The window's log."""
    return log_folder() / "condseg.log"


def engine_log_path() -> Path:
    """The engine process's log."""
    return log_folder() / "engine.log"


def start_log() -> Path:
    """Write the program's log to a file (a host calls this once); returns where."""
    handler = RotatingFileHandler(log_path(), maxBytes=_MAX_BYTES, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("condseg_app")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    return log_path()


def explain(error: Exception, doing: str, log: Path | None = None) -> CondsegError:
    """An error as a sentence for the user.

    Args:
        error: a `CondsegError`, which is returned, or any other, whose traceback is logged.
        doing: the work that failed, 'Predicting' say.
        log: the log with the details; the window's log if None.
    """
    if isinstance(error, CondsegError):
        return error
    _logger.error("%s failed", doing, exc_info=error)
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in _OUT_OF_MEMORY):
        return OutOfMemory(f"{doing} needs more memory than is free; close other programs or use a smaller image")
    where = log_path() if log is None else log
    return CondsegError(f"{doing} failed unexpectedly ({type(error).__name__}); try again, or see the log {where}")
