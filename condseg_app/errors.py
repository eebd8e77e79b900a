"""The errors that a user may meet.

Each message is a single sentence: the fault, its place, expected and got, and the remedy. The data behind the
message travel along, for dialogs to act on. Tracebacks are never shown, only logged.
"""

import unicodedata
from pathlib import Path

_LONGEST = 1000
# Control characters, parts of no character, and ends of lines and paragraphs.
_OBEYED = ("Cc", "Cs", "Zl", "Zp")


def printable(text: str) -> str:
    """A text, possibly from a file, on a single line without a terminal's control characters."""
    return "".join(_escaped(c) if unicodedata.category(c) in _OBEYED else c for c in text)


def one_line(text: str) -> str:
    """A text, possibly from a file, on a single line of limited length without unprintable characters."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    words = " ".join(plain.split())
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} ..."


class CondsegError(Exception):
    """Something the user can understand and act on; `str(error)` is the sentence to show."""

    def __init__(self, message: str, *, path: str | Path | None = None) -> None:
        self.message = one_line(message)
        self.path = None if path is None else Path(path)
        super().__init__(self.message if self.path is None else f"{self.path}: {self.message}")

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes with message and path apart."""
        return _rebuild, (type(self), self.message, self.path)


class ReadError(CondsegError):
    """A file could not be read in its supposed format."""


class WriteError(CondsegError):
    """A file could not be written; an earlier file there is untouched."""


class NothingToWrite(WriteError):
    """No voxel is labelled, and the format cannot express that."""


class GeometryError(CondsegError):
    """An affine, a shape or a spacing cannot be used, or two geometries do not fit."""


class ClassTableError(CondsegError):
    """A class name or value is missing, invalid or used twice."""


class ModelError(CondsegError):
    """A model file is damaged, of another format version, or does not fit the image."""


class OutOfMemory(CondsegError):
    """The work does not fit into the memory that is free."""


class EngineLost(CondsegError):
    """The engine process ended or can no longer be reached."""


class Cancelled(CondsegError):
    """The user stopped the work."""


def _rebuild(kind: type[CondsegError], message: str, path: Path | None) -> CondsegError:
    return kind(message, path=path)


def _escaped(character: str) -> str:
    return " " if character in "\t\n\r" else character.encode("unicode_escape").decode("ascii")
