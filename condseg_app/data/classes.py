"""The look-up table: a network's classes, each with the code that the network is given."""

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NewType

import numpy as np

from condseg_app.data.colors import PALETTE, Color, free_color
from condseg_app.errors import ClassTableError

ClassId = NewType("ClassId", str)
"""Identity of a class, whatever name, value and colour it gets."""

LONGEST_NAME = 200
"""Letters of a class's name at most: it becomes a file's name, a column, and a tag of DICOM."""

# Control characters, halves of a character, ends of lines and of paragraphs.
_NOT_IN_NAMES = ("Cc", "Cs", "Zl", "Zp")
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_ID_LENGTH = 12


def why_no_class_name(name: str) -> str | None:
    """Why a text cannot be a class's name, as half a sentence; None where it can.

    The one rule for names from tables, files, dialogs and commands. Commas and '=' are allowed: where names are listed
    they are quoted (`listed`).
    """
    if not name.strip():
        return "it is empty"
    if name != name.strip():
        return "it has space at its ends"
    if len(name) > LONGEST_NAME:
        return f"it has {len(name)} letters, of at most {LONGEST_NAME}"
    if any(unicodedata.category(character) in _NOT_IN_NAMES for character in name):
        return "it has a line's end or another control character"
    return None


def as_class_name(text: str) -> str:
    """The class name that a text from a file comes closest to; empty where it has no letter."""
    plain = (" " if unicodedata.category(c) in _NOT_IN_NAMES else c for c in text)
    return " ".join("".join(plain).split())[:LONGEST_NAME].strip()


def listed(names: Iterable[str]) -> str:
    """Names separated by commas; one that has a comma or a quote itself is quoted as in CSV."""
    return ", ".join('"{}"'.format(n.replace('"', '""')) if "," in n or n.startswith('"') else n for n in names)


def derived_id(name: str, value: int, further: int = 0) -> ClassId:
    """The id of a class from a file without ids: 12 hexadecimal digits of the SHA-256 of name and value.

    Args:
        name: of the class.
        value: of the class in label maps.
        further: 1, 2, ... for further ids, where the first is another class's in the same table.
    """
    text = f"{name}\n{value}" + (f"\n{further}" if further else "")  # names have no line's end
    return ClassId(hashlib.sha256(text.encode()).hexdigest()[:_ID_LENGTH])


def fresh_id() -> ClassId:
    """An id for a new class: 12 random hexadecimal digits."""
    return ClassId(uuid.uuid4().hex[:_ID_LENGTH])


@dataclass(frozen=True)
class ClassEntry:
    """A row of the look-up table.

    Attributes:
        value: the integer that stands for the class in a label map, 1 or more (0 is background).
        name: unique name.
        color: red, green, blue, 0 to 255.
        code: the network's input for the class, `hash(c)` of Dmitriev & Kaufman's equation 2.
        part_of: name of the class that contains this class (a tumour's organ), if any.
        terminology: a code of a terminology, 'SCT:10200004' for the liver, say.
        notes: free text.
        id: 1 to 64 letters, digits, '-' and '_'; derived from name and value where none is given (`derived_id`).
    """

    value: int
    name: str
    color: Color = PALETTE[0]
    code: float = 0.0
    part_of: str | None = None
    terminology: str | None = None
    notes: str = ""
    id: ClassId = ClassId("")

    def __post_init__(self) -> None:
        wrong = why_no_class_name(self.name)
        if wrong is not None:
            raise ClassTableError(f"'{self.name[:LONGEST_NAME]}' cannot be a class's name, for {wrong}; choose another")
        if not 1 <= self.value <= 65535:
            raise ClassTableError(f"class '{self.name}' has value {self.value}; use 1 to 65535 (0 is background)")
        if len(self.color) != 3 or not all(0 <= c <= 255 for c in self.color):
            raise ClassTableError(f"class '{self.name}' has colour {self.color}; use red, green, blue of 0 to 255")
        if not self.id:
            object.__setattr__(self, "id", derived_id(self.name, self.value))
        if not _ID.fullmatch(self.id):
            raise ClassTableError(f"class '{self.name}' has an id of other letters than 0-9, A-Z, a-z, '-' and '_'")


@dataclass(frozen=True)
class ClassTable:
    """The rows in order; a row's position is its index in the network's table.

    A derived id that an earlier row has already gives way to the next that is free.

    Raises:
        ClassTableError: a name, a value or a given id is used twice.
    """

    entries: tuple[ClassEntry, ...] = ()

    def __post_init__(self) -> None:
        _refuse_repeats("name", [e.name.casefold() for e in self.entries])
        _refuse_repeats("value", [e.value for e in self.entries])
        object.__setattr__(self, "entries", _with_own_ids(self.entries))
        _refuse_circles({e.name: e.part_of for e in self.entries})

    @classmethod
    def from_names(cls, names: Iterable[str]) -> "ClassTable":
        """A table with values 1, 2, ..., palette colours and codes kept well apart."""
        table = cls()
        for name in names:
            table = table.adding(table.propose(name))
        return table

    def __iter__(self) -> Iterator[ClassEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self._rows_by_name

    def wholes_of(self, name: str) -> tuple[str, ...]:
        """The classes of this table that contain a class, the nearest first."""
        found: list[str] = []
        whole = self[name].part_of
        while whole is not None and whole in self:
            found.append(whole)
            whole = self[whole].part_of
        return tuple(found)

    def __getitem__(self, name: str) -> ClassEntry:
        """The row of a name; ClassTableError names those that exist."""
        return self.entries[self.row(name)]

    def by_id(self, class_id: ClassId | None) -> ClassEntry | None:
        """The row of an id, under whatever name; None without such a row."""
        return None if class_id is None else self._entries_by_id.get(class_id)

    @property
    def names(self) -> tuple[str, ...]:
        """All names in order."""
        return tuple(e.name for e in self.entries)

    @property
    def ids(self) -> tuple[ClassId, ...]:
        """All ids in order."""
        return tuple(self._entries_by_id)

    @property
    def value_type(self) -> np.dtype[np.unsignedinteger]:
        """The smallest type that holds every value: uint8 or uint16."""
        return np.dtype(np.uint8 if max((e.value for e in self.entries), default=0) <= 255 else np.uint16)

    def row(self, name: str) -> int:
        """Position of a class, the row in the network's table."""
        if name not in self._rows_by_name:
            raise ClassTableError(f"no class '{name}' here; there are: {listed(self.names) or 'none'}")
        return self._rows_by_name[name]

    @cached_property
    def _rows_by_name(self) -> Mapping[str, int]:
        return {entry.name: row for row, entry in enumerate(self.entries)}

    @cached_property
    def _entries_by_id(self) -> Mapping[ClassId, ClassEntry]:
        return {entry.id: entry for entry in self.entries}

    def propose(self, name: str, color: Color | None = None, value: int | None = None) -> ClassEntry:
        """A row for a name: the next free value if none is given, a colour, and a code far from all others."""
        if value is None:
            value = max((e.value for e in self.entries), default=0) + 1
        chosen = color if color is not None else free_color(e.color for e in self.entries)
        return ClassEntry(value, name, chosen, spread_code(len(self.entries)))

    def propose_new(self, name: str, color: Color | None = None) -> ClassEntry:
        """A row for a class that is in no file yet, with a fresh id."""
        return replace(self.propose(name, color), id=fresh_id())

    def row_or_new(self, name: str) -> ClassEntry:
        """The class's row, or a row for a new class of the name."""
        return self[name] if name in self else self.propose_new(name)

    def adding(self, entry: ClassEntry) -> "ClassTable":
        """The table with another row at the end."""
        return ClassTable((*self.entries, entry))

    def replacing(self, name: str, /, **changes: object) -> "ClassTable":
        """The table with changed fields of a row."""
        row = self.row(name)
        changed = replace(self.entries[row], **changes)  # type: ignore[arg-type]
        return ClassTable((*self.entries[:row], changed, *self.entries[row + 1 :]))

    def renaming(self, old: str, new: str) -> "ClassTable":
        """The table with another name for a class, also where it is the whole of its parts."""
        self.row(old)
        whole = {old: new}
        return ClassTable(
            tuple(
                replace(e, name=whole.get(e.name, e.name), part_of=e.part_of and whole.get(e.part_of, e.part_of))
                for e in self.entries
            )
        )

    def labelled_as(self, other: "ClassTable") -> "ClassTable":
        """The table with names and colours of another table, for the classes that are in both."""
        rows = ((entry, other.by_id(entry.id) or entry) for entry in self.entries)
        return ClassTable(tuple(replace(e, name=o.name, color=o.color, part_of=o.part_of) for e, o in rows))

    def keeping(self, names: Iterable[str]) -> "ClassTable":
        """The rows of some names, in the table's order."""
        wanted = set(names)
        for name in wanted:
            self.row(name)
        return ClassTable(tuple(e for e in self.entries if e.name in wanted))


def spread_code(row: int) -> float:
    """The code of the n-th row: -1, 1, 0, -1/2, 1/2, -3/4, ... in [-1, 1].

    The paper draws random values. Close codes make classes alike, so here each new code halves a widest gap
    (no earlier code ever changes).
    """
    if row < 2:
        return -1.0 if row == 0 else 1.0
    level = (row - 1).bit_length() - 1
    gaps = 1 << level
    return -1.0 + (2 * (row - gaps - 1) + 1) / gaps


def _with_own_ids(entries: tuple[ClassEntry, ...]) -> tuple[ClassEntry, ...]:
    rows: dict[str, ClassEntry] = {}
    for entry in entries:
        own, further = entry.id, 0
        while own in rows:
            if entry.id != derived_id(entry.name, entry.value):
                raise ClassTableError(
                    f"'{rows[own].name}' and '{entry.name}' have the same id, {own}: they are one class under two "
                    "names; give them one name, or remove one of them"
                )
            further += 1
            own = derived_id(entry.name, entry.value, further)
        rows[own] = entry if own == entry.id else replace(entry, id=own)
    return tuple(rows.values())


def _refuse_circles(whole: Mapping[str, str | None]) -> None:
    for name in whole:
        above, seen = whole[name], {name}
        while above is not None and above in whole:
            if above in seen:
                raise ClassTableError(f"class '{name}' is a part of itself; say which class contains which only once")
            seen.add(above)
            above = whole[above]


def _refuse_repeats(what: str, keys: Sequence[object]) -> None:
    seen: set[object] = set()
    for key in keys:
        if key in seen:
            raise ClassTableError(f"the class {what} '{key}' is used twice; give each class its own")
        seen.add(key)
