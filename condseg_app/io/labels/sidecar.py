"""Class tables written beside label maps: condseg's JSON sidecar, and ITK-SNAP's label description."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from condseg_app import __version__
from condseg_app.data import ClassEntry, ClassTable
from condseg_app.io.file_start import name_of

SCHEMA = "condseg-classes"


def _as_table(rows: object) -> object:
    return rows if isinstance(rows, ClassTable) else {"entries": rows}


WrittenTable = Annotated[ClassTable, BeforeValidator(_as_table)]
"""A class table for pydantic, from a list of rows. An impossible table is a ClassTableError."""


def _coded(row: object) -> object:
    if isinstance(row, dict) and not {"color", "code"} <= row.keys():
        raise ValueError("a class lacks its colour or code")
    return row


def _all_coded(rows: object) -> object:
    return [_coded(row) for row in rows] if isinstance(rows, list) else rows


CodedEntry = Annotated[ClassEntry, BeforeValidator(_coded)]
"""A row that a network is asked by: a missing code is no code of 0."""
CodedTable = Annotated[WrittenTable, BeforeValidator(_all_coded)]
"""A class table of such rows."""


def sidecar_path(path: Path) -> Path:
    """Path of a label map's class table."""
    return path.with_name(name_of(path) + ".json")


def itksnap_path(path: Path) -> Path:
    """Path of a label map's ITK-SNAP label description."""
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
    """A label description in ITK-SNAP's form: index, red, green, blue, opacity, visible, in mesh, name.

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
