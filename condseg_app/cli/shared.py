"""What several commands share: consoles, options, and how values are read and shown."""

import json
import sys
from collections.abc import Iterable
from time import monotonic
from typing import Annotated, Any, cast, get_args

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from condseg_app.data import Overlap, PostProcessing, Split
from condseg_app.errors import CondsegError

CONSOLE = Console()
ERRORS = Console(stderr=True)

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
ModelName = Annotated[str, typer.Option("--model", help="a model's name, or its file")]
Threshold = Annotated[float, typer.Option(min=0.0, max=1.0, help="probability from which a voxel counts")]
KeepLargest = Annotated[
    str | None, typer.Option(help="only so many of a class's largest components: liver=1,kidneys=2")
]
Smallest = Annotated[str | None, typer.Option(help="without components below so many ml (pixels): tumour=0.05")]
InsideWhole = Annotated[bool, typer.Option("--inside-whole", help="parts only inside their wholes, such as tumours")]
OverlapRule = Annotated[str, typer.Option("--overlap", help="probability, priority or keep")]
Priority = Annotated[str | None, typer.Option(help="for --overlap priority: classes, the first one wins")]
Series = Annotated[str | None, typer.Option(help="of a folder or file with several series: which")]
Frame = Annotated[int | None, typer.Option(min=0, help="of a file with several points in time: which, from 0")]
Channel = Annotated[str | None, typer.Option(help="of a file with several channels: the name of one")]

Untrusted = Annotated[
    bool,
    typer.Option("--untrusted", help="read it in a process of its own first, in limited memory and time"),
]


class PacedLog:
    """A line a minute where there is no terminal for a progress bar."""

    def __init__(self, seconds: float = 60.0) -> None:
        self._seconds, self._next = seconds, 0.0

    def write(self, line: str) -> None:
        """Write the line, unless one was written a moment ago."""
        if not ERRORS.is_terminal and monotonic() >= self._next:
            ERRORS.print(line, highlight=False, markup=False, soft_wrap=True)
            self._next = monotonic() + self._seconds


def progress_bar(shown: bool = True) -> Progress:
    """A bar on standard error, gone at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total}"))
    return Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=ERRORS, transient=True, disable=not shown
    )


def names_in(text: str) -> list[str]:
    """The names of a list such as 'liver,spleen'."""
    return [name.strip() for name in text.split(",") if name.strip()]


def split_in(text: str) -> Split | None:
    """A part of a data set; None for 'all'.

    Raises:
        CondsegError: there is no such part.
    """
    if text not in ("train", "val", "test", "all"):
        raise CondsegError(f"there is no split '{text}'; use train, val, test or all")
    return None if text == "all" else text  # type: ignore[return-value]


def post_processing(
    threshold: float,
    keep_largest: str | None,
    smallest: str | None,
    inside_whole: bool,
    overlap: str,
    priority: str | None,
) -> PostProcessing:
    """The options about post-processing as one value.

    Raises:
        CondsegError: one of them cannot be.
    """
    if overlap not in get_args(Overlap):
        raise CondsegError(f"--overlap takes {', '.join(get_args(Overlap))}, not '{overlap}'")
    if (overlap == "priority") != (priority is not None):
        raise CondsegError("--overlap priority needs --priority with the classes in order, and only it")
    return PostProcessing(
        threshold,
        {name: int(count) for name, count in numbers_by_name("--keep-largest", keep_largest, int).items()},
        numbers_by_name("--smallest", smallest),
        inside_whole,
        cast("Overlap", overlap),
        tuple(names_in(priority or "")),
    )


def numbers_by_name(option: str, text: str | None, kind: type[int] | type[float] = float) -> dict[str, float]:
    """'liver=1,spleen=2' as a table."""
    pairs = pairs_in(option, names_in(text or ""))
    return {name: numbers_in(option, value, kind, 1)[0] for name, value in pairs.items()}


def pairs_in(option: str, pairs: Iterable[str]) -> dict[str, str]:
    """'liver=1' and the like as a table.

    Raises:
        CondsegError: one has no '=' in it.
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise CondsegError(f"{option} takes NAME=VALUE, not '{pair}'")
        found[name.strip()] = value.strip()
    return found


def numbers_in(option: str, text: str, kind: type[int] | type[float], count: int | None = None) -> tuple[Any, ...]:
    """The numbers of a list such as '1,1,2.5'.

    Raises:
        CondsegError: they are not numbers, or not as many as wanted.
    """
    try:
        numbers = tuple(kind(part) for part in text.split(","))
    except ValueError as error:
        raise CondsegError(f"{option} takes numbers separated by commas, not '{text}'") from error
    if count is not None and len(numbers) != count:
        raise CondsegError(f"{option} takes {count} numbers, got {len(numbers)} in '{text}'")
    return numbers


def _plain(value: object) -> str | list[object]:
    """What JSON and the screen cannot show as it is."""
    return list(value) if isinstance(value, (tuple, set, frozenset)) else str(value)


def shown_number(value: float | None) -> str:
    """A figure for a table."""
    return "-" if value is None else f"{value:.4f}"


def print_json(value: object) -> None:
    """Print a value for other programs."""
    sys.stdout.write(json.dumps(value, indent=2, default=_plain) + "\n")
