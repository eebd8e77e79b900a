"""Printing by commands: names from files verbatim, never as mark-up, and without libraries' messages."""

import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table

from condseg_app.errors import printable

_NARROWEST = 40


class _Console(Console):
    """A console for plain text only, silent once nobody reads any more (`| head`)."""

    def on_broken_pipe(self) -> None:
        """Go on without a reader, for the command's files are still wanted."""
        self.quiet = True
        with suppress(OSError, ValueError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
            os.dup2(nowhere.fileno(), self.file.fileno())


CONSOLE = _Console(markup=False, highlight=False, emoji=False)
ERRORS = _Console(markup=False, highlight=False, emoji=False, stderr=True)


def say(line: str) -> None:
    """Print a line of any length."""
    CONSOLE.print(printable(line), soft_wrap=True)


def complain(line: str) -> None:
    """Print a line on standard error."""
    ERRORS.print(printable(line), soft_wrap=True)


def show(shown: Table) -> None:
    """Print a table; on a very narrow terminal the terminal wraps the lines."""
    if CONSOLE.width < _NARROWEST:
        CONSOLE.width = _NARROWEST
    CONSOLE.print(shown)


def print_json(value: object) -> None:
    """Print a value for other programs."""
    CONSOLE.out(json.dumps(value, indent=2, default=_plain), highlight=False)


def table(*headers: str, title: str | None = None) -> Table:
    """An empty table, in which wide texts are folded, not cut off."""
    return Table(*(Column(header, overflow="fold") for header in headers), title=title)


def row(cells: Iterable[RenderableType]) -> tuple[RenderableType, ...]:
    """Cells of a table, fit to be printed."""
    return tuple(printable(cell) if isinstance(cell, str) else cell for cell in cells)


class PacedLog:
    """A line a minute where there is no terminal for a progress bar."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds, self._next = seconds, 0.0

    def write(self, line: str) -> None:
        """Write the line, unless the last line is too recent."""
        if not ERRORS.is_terminal and monotonic() >= self._next:
            complain(line)
            self._next = monotonic() + self._seconds


def progress_bar(shown: bool = True) -> Progress:
    """A bar on standard error, gone at the end."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total}", markup=False),
    )
    return Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=ERRORS, transient=True, disable=not shown
    )


@contextmanager
def warnings_told() -> Iterator[None]:
    """Print the program's warnings and errors, and of libraries only errors."""
    handler = _Told()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


class _Told(logging.Handler):
    """Prints log records, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        own = record.name.partition(".")[0] == "condseg_app" and record.exc_info is None  # else told by a last sentence
        if record.levelno >= (logging.WARNING if own else logging.ERROR):
            complain(f"{record.levelname.lower()}: {record.getMessage()}")


def set_up_streams() -> None:
    """Let a terminal that is not UTF-8 show unwritable characters as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def shown_number(value: float | None) -> str:
    """A figure for a table."""
    return "-" if value is None else f"{value:.4f}"


def _plain(value: object) -> str | Sequence[object]:
    """A list or text for a value that JSON cannot hold."""
    return list(value) if isinstance(value, (tuple, set, frozenset)) else str(value)
