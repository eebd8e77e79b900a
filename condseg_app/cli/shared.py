"""Options shared by several commands, and parsing of option values."""

import csv
from collections.abc import Iterable
from typing import Annotated, Any, cast, get_args

import typer

from condseg_app.data import Overlap, PostProcessing, Split
from condseg_app.errors import CondsegError

_QUOTED = "quote a name with a comma: '\"head, body\",liver'"

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
ClassNames = Annotated[
    str | None, typer.Option("--classes", help=f"names, separated by commas; all if left out; {_QUOTED}")
]
Priority = Annotated[str | None, typer.Option(help="for --overlap priority: classes, the first one wins")]
Series = Annotated[str | None, typer.Option(help="of a folder or file with several series: which")]
Frame = Annotated[int | None, typer.Option(min=0, help="of a file with several points in time: which, from 0")]
Channel = Annotated[str | None, typer.Option(help="of a file with several channels: the name of one")]

Untrusted = Annotated[
    bool,
    typer.Option("--untrusted", help="read it in a process of its own first, in limited memory and time"),
]


def names_in(text: str) -> list[str]:
    """The names of a list such as 'liver,spleen', quoted as in CSV where a name has a comma: '"head, body",liver'."""
    return [name for part in _split(text, ",") if (name := part.strip())]


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
    """The options of post-processing as a single value.

    Raises:
        CondsegError: an option is invalid.
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
    found = {}
    for pair in names_in(text or ""):
        name, equals, value = pair.rpartition("=")  # a name may hold '=', a number never
        if not equals:
            raise CondsegError(f"{option} takes NAME=VALUE, not '{pair}'")
        found[name.strip()] = numbers_in(option, value, kind, 1)[0]
    return found


def renamed_in(option: str, pairs: Iterable[str]) -> dict[str, str]:
    """'Leber=liver' and the like as a table.

    Raises:
        CondsegError: a text is no pair of names.
    """
    found = {}
    for pair in pairs:
        names = [name.strip() for name in _split(pair, "=")]
        if len(names) != 2:
            raise CondsegError(f"{option} takes OLD=NEW, not '{pair}'; quote a name with '=': '\"T2=dark\"=cyst'")
        found[names[0]] = names[1]
    return found


def _split(text: str, at: str) -> list[str]:
    """The parts of a text, split as by spreadsheets: double quotes hold a part together."""
    return next(csv.reader([" ".join(text.splitlines())], delimiter=at, skipinitialspace=True), [])


def numbers_in(option: str, text: str, kind: type[int] | type[float], count: int | None = None) -> tuple[Any, ...]:
    """The numbers of a list such as '1,1,2.5'.

    Raises:
        CondsegError: a part is no number, or the count is wrong.
    """
    try:
        numbers = tuple(kind(part) for part in text.split(","))
    except ValueError as error:
        raise CondsegError(f"{option} takes numbers separated by commas, not '{text}'") from error
    if count is not None and len(numbers) != count:
        raise CondsegError(f"{option} takes {count} numbers, got {len(numbers)} in '{text}'")
    return numbers
