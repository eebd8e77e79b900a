"""Class tables beside label maps: condseg's JSON sidecar, ITK-SNAP's label description, Caret's label table."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from condseg_app import __version__
from condseg_app.data import ClassEntry, ClassTable
from condseg_app.errors import CondsegError
from condseg_app.io.contents import format_of, name_of

SCHEMA = "condseg-classes"
_LARGEST_TABLE = 1 << 24

Found = tuple[ClassTable | None, tuple[str, ...]]
Source = tuple[str, Callable[[], ClassTable | None]]


class ClassRow(BaseModel):
    """One class as it is written to files."""

    value: int
    name: str
    color: tuple[int, int, int]
    code: float = 0.0
    part_of: str | None = None
    terminology: str | None = None
    notes: str = ""

    @classmethod
    def of(cls, entry: ClassEntry) -> "ClassRow":
        """A value as it is written."""
        return cls(**asdict(entry))

    def entry(self) -> ClassEntry:
        """The row as a value."""
        return ClassEntry(**self.model_dump())


class _Sidecar(BaseModel):
    """What is read of a sidecar; whatever else is in it is for people."""

    version: Literal[1]
    classes: list[ClassRow]
    declared: Literal["condseg-classes"] = Field(alias="schema")


def sidecar_path(path: Path) -> Path:
    """Where the class table of a label map lies."""
    return path.with_name(name_of(path) + ".json")


def itksnap_path(path: Path) -> Path:
    """Where the ITK-SNAP label description of a label map lies."""
    return path.with_name(name_of(path) + ".label.txt")


def sidecar_content(classes: ClassTable, extra: Mapping[str, Any]) -> dict[str, Any]:
    """A class table as plain values; `extra` are others on how the labels came about."""
    return {
        "schema": SCHEMA,
        "version": 1,
        "software": f"condseg {__version__}",
        **extra,
        "classes": [asdict(entry) for entry in classes],
    }


def sidecar_text(classes: ClassTable, extra: Mapping[str, Any]) -> str:
    """`sidecar_content` as JSON."""
    return json.dumps(sidecar_content(classes, extra), indent=2, ensure_ascii=False) + "\n"


def itksnap_text(classes: ClassTable) -> str:
    """A label description as ITK-SNAP reads it: index, red, green, blue, opacity, visible, in mesh, name.

    Source: ColorLabelTable::SaveToFile and LoadFromFile in ITK-SNAP's Logic/Common/ColorLabelTable.cxx.
    """
    lines = [
        "################################################",
        "# ITK-SnAP Label Description File",
        "# File format:",
        "# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL",
        "# Fields:",
        "#    IDX:   Zero-based index",
        "#    -R-:   Red color component (0..255)",
        "#    -G-:   Green color component (0..255)",
        "#    -B-:   Blue color component (0..255)",
        "#    -A-:   Label transparency (0.00 .. 1.00)",
        "#    VIS:   Label visibility (0 or 1)",
        "#    IDX:   Label mesh visibility (0 or 1)",
        "#  LABEL:   Label description",
        "################################################",
        '    0     0    0    0        0  0  0    "Clear Label"',
    ]
    for entry in classes:
        (red, green, blue), name = entry.color, _in_one_line(entry.name.replace('"', "'"))
        lines.append(f'{entry.value:5d} {red:5d} {green:4d} {blue:4d}        1  1  1    "{name}"')
    return "\n".join(lines) + "\n"


def _in_one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def classes_beside(path: Path) -> Found:
    """The class table that comes with a label map, and what was odd about it.

    The sidecar's, else an ITK-SNAP label description's (NAME.label.txt or NAME.label). Where the file itself names
    classes too, those hold: another program may have changed the file and left what lies beside it. A table that
    cannot be used is passed over.
    """
    beside, from_where, warnings = _first_usable(_beside(path))
    inside, _, more = _first_usable([("its header", lambda: format_of(path).classes_inside(path))])
    warnings += more
    if beside is None or inside is None or _called(beside) == _called(inside):
        return beside or inside, warnings
    known = {(entry.value, entry.name): entry for entry in beside}
    told = f"the class table in {from_where} is not the one in the file, which was changed since; the latter is taken"
    return ClassTable(tuple(known.get((entry.value, entry.name), entry) for entry in inside)), (*warnings, told)


def _first_usable(sources: Iterable[Source]) -> tuple[ClassTable | None, str, tuple[str, ...]]:
    """The first table that has rows, where it is from, and why others cannot be used."""
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
    return ClassTable(tuple(row.entry() for row in _Sidecar.model_validate(content).classes))


def _of_itksnap(text: str) -> ClassTable:
    table = ClassTable()
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        numbers, name, *_ = line.split('"')
        value, red, green, blue = (int(n) for n in numbers.split()[:4])
        if value:
            table = table.adding(_entry(table, value, name, (red, green, blue)))
    return table


def _entry(table: ClassTable, value: int, name: str, color: tuple[int, int, int]) -> ClassEntry:
    return ClassEntry(value, name.strip(), color, table.propose(name.strip()).code)


def _text(path: Path) -> str:
    if path.stat().st_size > _LARGEST_TABLE:
        raise ValueError("it is far too long")
    return path.read_text(encoding="utf-8-sig")


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return str(error) or type(error).__name__
