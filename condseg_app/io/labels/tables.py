"""The class table of a label map, beside the file or inside, from any program."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from condseg_app.data import ClassTable, as_class_name
from condseg_app.errors import CondsegError
from condseg_app.io.contents import format_of
from condseg_app.io.file_start import name_of
from condseg_app.io.labels.sidecar import SCHEMA, WrittenTable, sidecar_path

Found = tuple[ClassTable | None, tuple[str, ...]]
Source = tuple[str, Callable[[], ClassTable | None]]

_LARGEST_TABLE = 1 << 24


class _Sidecar(BaseModel):
    """The fields of a sidecar that are read; other fields are for human readers."""

    version: Literal[1]
    classes: WrittenTable
    declared: Literal["condseg-classes"] = Field(alias="schema")


def classes_beside(path: Path) -> Found:
    """The class table of a label map, and warnings.

    The sidecar's, else an ITK-SNAP label description's (NAME.label.txt or NAME.label). Classes that the file itself
    names come first: another program may have changed the file and left the older files beside it. An unusable table
    is passed over.
    """
    beside, from_where, warnings = _first_usable(_beside(path))
    inside, _, more = _first_usable([("its header", lambda: format_of(path).codec.classes_inside(path))])
    warnings += more
    if beside is None or inside is None or _called(beside) == _called(inside):
        return beside or inside, warnings
    known = {(entry.value, entry.name): entry for entry in beside}
    told = f"the class table in {from_where} is not the one in the file, which was changed since; the latter is taken"
    return ClassTable(tuple(known.get((entry.value, entry.name), entry) for entry in inside)), (*warnings, told)


def _first_usable(sources: Iterable[Source]) -> tuple[ClassTable | None, str, tuple[str, ...]]:
    """The first table with rows, its source, and why other tables cannot be used."""
    warnings: tuple[str, ...] = ()
    for name, read in sources:
        try:
            table = read()
        except (OSError, ValueError, RecursionError, CondsegError, ValidationError) as error:
            warnings += (f"the class table in {name} cannot be used ({_reason(error)}); other names are taken",)
            continue
        if table is not None and len(table):
            return table, name, warnings
    return None, "", warnings


def _called(table: ClassTable) -> set[tuple[int, str]]:
    return {(entry.value, entry.name) for entry in table}


def _beside(path: Path) -> Iterator[Source]:
    sidecar = sidecar_path(path)
    if sidecar.is_file():
        yield sidecar.name, lambda: _of_sidecar(sidecar)
    for ending in (".label.txt", ".label"):
        description = path.with_name(name_of(path) + ending)
        if description.is_file():
            yield description.name, lambda: _of_itksnap(_text(description))  # noqa: B023  (called at once)


def _of_sidecar(path: Path) -> ClassTable | None:
    content = json.loads(_text(path))
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        return None  # somebody else's JSON, such as BIDS'
    return _Sidecar.model_validate(content).classes


def _of_itksnap(text: str) -> ClassTable:
    table = ClassTable()
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        numbers, name, *_ = line.split('"')
        value, red, green, blue = (int(n) for n in numbers.split()[:4])
        if value:
            table = table.adding(table.propose(as_class_name(name), (red, green, blue), value))
    return table


def _text(path: Path) -> str:
    if path.stat().st_size > _LARGEST_TABLE:
        raise ValueError("it is far too long")
    return path.read_text(encoding="utf-8-sig")


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error) or type(error).__name__
