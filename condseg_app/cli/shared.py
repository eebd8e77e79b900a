"""Options shared by several commands, and parsing of option values."""

import csv
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from condseg_app.data import Split
from condseg_app.errors import CondsegError

_QUOTED = "quote a name with a comma: '\"head, body\",liver'"

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
ModelName = Annotated[str, typer.Option("--model", help="a model's name, or its file")]
ClassNames = Annotated[
    str | None, typer.Option("--classes", help=f"names, separated by commas; all if left out; {_QUOTED}")
]
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
