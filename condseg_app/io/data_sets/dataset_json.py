"""dataset.json, a data set's description of itself."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from condseg_app.data import ClassId, ClassTable, Color, LabelCoding, Split
from condseg_app.errors import ClassTableError, ReadError
from condseg_app.io.atomic import atomic_write
from condseg_app.io.data_sets.nnunet import ignored_of, regions_of
from condseg_app.io.file_names import composed
from condseg_app.io.file_start import name_of, reading

SPLITS: tuple[Split, ...] = ("train", "val", "test")
NAME = "dataset.json"
CLASS_ID = "class_id"
"""A class's id in 'classes'; 'id' is the value there in others' files."""
_NAMES_IN_A_SENTENCE = 5
_BACKGROUND = ("background", "bg", "clear", "unlabel", "none", "nothing", "void", "air", "other")

Groups = dict[str, dict[str, tuple[str, ...]]]


@dataclass(frozen=True)
class DataSetFile:
    """A parsed dataset.json.

    Attributes:
        path: the file, which need not exist.
        content: its object, empty if there is no file.
        beside: the class table beside the label maps, for a file without one.
        merged: value in the label files -> class value, where nnU-Net's regions merge several values into a class.
    """

    path: Path
    content: Mapping[str, Any]
    beside: ClassTable | None = None
    merged: Mapping[int, int] = field(default_factory=dict)

    @property
    def names_classes(self) -> bool:
        """Whether the file itself says which classes there are."""
        return bool(self.content.keys() & {"labels", "classes"})

    @property
    def licence(self) -> str:
        """Of the data."""
        return str(self.content.get("licence") or self.content.get("license") or "")

    def classes(self) -> ClassTable:
        """The class table: 'labels' (value -> name, or name -> value), colours from 'classes' if present.

        Raises:
            ReadError: neither names a class, or the table is wrong.
        """
        if self.beside is not None:
            return self.beside
        rows, whole = self._rows(), self._mapping("part_of")
        try:
            table = ClassTable()
            for value, name in sorted(self._moved(self._pairs())):
                row = rows.get(name, {})
                entry = table.propose(name, _color(row), value)
                table = table.adding(replace(entry, part_of=whole.get(name), id=ClassId(str(row.get(CLASS_ID, "")))))
        except (TypeError, ValueError, KeyError, AttributeError, ClassTableError) as error:
            raise ReadError(f"its table of labels is wrong ({error}); mend it", path=self.path) from error
        strangers = sorted({*whole, *map(str, whole.values())} - set(table.names))
        if strangers and len(table):
            raise ReadError(f"'part_of' names '{strangers[0]}', which is no class; mend it", path=self.path)
        if not len(table):
            raise ReadError('it names no class; add \'labels\', such as {"1": "liver"}', path=self.path)
        return table

    def coding(self) -> LabelCoding:
        """Label values with another meaning in the label files than in the class table."""
        pairs = self._pairs()
        moved = {name: value for value, name in self._moved(pairs)}
        ignored = self.content.get("ignore_id")
        return LabelCoding(
            {**{value: moved[name] for value, name in pairs if moved[name] != value}, **self.merged},
            ignored if isinstance(ignored, int) else None,
        )

    def splits(self, cases: Iterable[str]) -> tuple[dict[str, Split], tuple[str, ...]]:
        """Case name -> split, and warnings.

        Raises:
            ReadError: a case is in two splits.
        """
        there, found = set(cases), dict[str, Split]()
        declared = self._mapping("split")
        for split in SPLITS:
            for name in map(name_of_text, declared.get(split) or ()):
                if found.setdefault(name, split) != split:
                    raise ReadError(f"case '{name}' is in splits {found[name]} and {split}; choose one", path=self.path)
        others = sorted(set(declared) - set(SPLITS))
        warnings = (
            *told("split {} not known (train, val and test are) and left out", others),
            *told("{} in a split without being there", sorted(set(found) - there)),
        )
        return {name: split for name, split in found.items() if name in there}, warnings

    def groups(self, classes: ClassTable, cases: Iterable[str]) -> tuple[Groups, tuple[str, ...]]:
        """Variant -> class -> cases; a set with a single variant calls it 'single'."""
        there = set(cases)
        declared = self._mapping("single_class_groups")
        variants = {"single": declared} if all(isinstance(v, list) for v in declared.values()) else declared
        found: Groups = {}
        unknown: set[str] = set()
        empty: list[str] = []
        for variant, members in variants.items():
            if not isinstance(members, dict) or not all(isinstance(names, list) for names in members.values()):
                raise ReadError(f"'single_class_groups' is wrong at '{variant}'; list cases by class", path=self.path)
            named = {c: tuple(name_of_text(n) for n in names) for c, names in members.items()}
            unknown |= set(named) - set(classes.names) | {n for names in named.values() for n in names} - there
            kept = {c: tuple(n for n in names if n in there) for c, names in named.items() if c in classes}
            empty += [f"{variant}/{c}" for c, names in kept.items() if not names]
            if any(kept.values()):
                found[variant] = {c: names for c, names in kept.items() if names}
        return found, (
            *told("{} named in 'single_class_groups' without being there", sorted(unknown)),
            *told("group {} without a case and left out", empty),
        )

    def labelled(self, classes: ClassTable, cases: Iterable[str]) -> dict[str, frozenset[str]]:
        """Case name -> the classes that the label map is supervised for.

        'labelled' lists these for all cases, or case by case; without 'labelled' every class is labelled in every case.

        Raises:
            ReadError: a class that is not in the table.
        """
        declared = self.content.get("labelled")
        by_case = declared if isinstance(declared, dict) else {}
        for_all = declared if isinstance(declared, list) else classes.names
        found = {name: frozenset(map(str, by_case.get(name, for_all))) for name in cases}
        unknown = sorted(frozenset().union(*found.values()) - set(classes.names))
        if unknown:
            raise ReadError(f"'labelled' names class '{unknown[0]}', which 'labels' does not; mend it", path=self.path)
        return found

    def machine_made(self, classes: ClassTable, cases: Iterable[str]) -> dict[str, dict[str, Path]]:
        """Case name -> class name -> file of the mask that a model made."""
        folder, found = self.path.parent, dict[str, dict[str, Path]]()
        declared = self._mapping("machine_made")
        for name in cases:
            masks = declared.get(name) or {}
            paths = {c: path_of_text(path) for c, path in masks.items()}
            found[name] = {c: folder / path for c, path in paths.items() if c in classes and not leads_out(path)}
        return found

    def _mapping(self, key: str) -> dict[str, Any]:
        value = self.content.get(key) or {}
        if not isinstance(value, dict):
            raise ReadError(f"'{key}' must be an object with names; mend it", path=self.path)
        return value

    def _pairs(self) -> list[tuple[int, str]]:
        """Value in the files, and name, of each class; without the background and the ignored label."""
        pairs = self._labels() if "labels" in self.content else self._values()
        return [(value, name) for value, name in pairs if value != self.content.get("ignore_id")]

    def _moved(self, pairs: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
        """The pairs, a class at 0 moved to an unused value, since a class table keeps 0 for the background."""
        free = max([0, *(value for value, _ in pairs), int(self.content.get("ignore_id") or 0)]) + 1
        return [(value or free, name) for value, name in pairs]

    def _labels(self) -> list[tuple[int, str]]:
        """{"1": "liver"} and {"liver": 1} are both in use; 0 is background."""
        items = self._mapping("labels").items()
        pairs = [(int(a), str(b)) if str(a).strip().isdigit() else (int(b), str(a)) for a, b in items]
        return [(value, name.strip()) for value, name in pairs if value != 0]

    def odd_background(self) -> tuple[str, ...]:
        """A sentence on a label 0 with the name of a class."""
        items = self._mapping("labels").items() if "labels" in self.content else ()
        named = [
            str(b) if str(a).strip() == "0" else str(a) for a, b in items if "0" in (str(a).strip(), str(b).strip())
        ]
        odd = [name for name in named if not any(word in name.casefold() for word in _BACKGROUND)]
        return tuple(f"label 0 is '{name}', and 0 is the background: no class; give classes 1 and more" for name in odd)

    def _values(self) -> list[tuple[int, str]]:
        rows = self.content.get("classes") or ()
        pairs = [(int(row["value"] if "value" in row else row["id"]), str(row["name"]).strip()) for row in rows]
        return [(value, name) for value, name in pairs if (value, name.casefold()) != (0, "background")]

    def _rows(self) -> dict[str, Mapping[str, Any]]:
        """Class name -> further details in 'classes'."""
        rows = self.content.get("classes")
        return {str(r.get("name")).strip(): r for r in (rows if isinstance(rows, list) else ()) if isinstance(r, dict)}


def write_dataset_json(folder: Path, content: Mapping[str, Any]) -> None:
    """Write a folder's dataset.json; WriteError where the disk refuses, and an earlier file stays."""
    with atomic_write(folder / NAME) as temporary:
        temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_dataset_json(folder: Path) -> DataSetFile:
    """Read a folder's dataset.json, empty if there is none.

    Raises:
        ReadError: not JSON, or not an object.
    """
    path = folder / NAME
    if not path.is_file():
        return DataSetFile(path, {})
    try:
        with reading(path):
            content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ReadError(f"it is not readable JSON ({error}); mend it", path=path) from error
    if not isinstance(content, dict):
        raise ReadError("it does not hold an object with names; mend it", path=path)
    return _plain(DataSetFile(path, content))


def _color(row: Mapping[str, Any]) -> Color | None:
    color = row.get("color")
    if isinstance(color, list) and len(color) == 3 and all(isinstance(c, int) for c in color):
        return color[0], color[1], color[2]
    return None


def _plain(described: DataSetFile) -> DataSetFile:
    """Translate nnU-Net's conventions into the Decathlon's.

    Raises:
        ReadError: regions that make no class table.
    """
    content, labels = described.content, described.content.get("labels")
    if not isinstance(labels, dict):
        return described
    ignored = ignored_of(content)
    if ignored is not None and "ignore_id" not in content:
        content = {**content, "ignore_id": ignored}
    try:
        regions = regions_of({name: value for name, value in labels.items() if value != ignored or ignored is None})
    except (TypeError, ValueError) as error:
        raise ReadError(f"its table of labels is wrong ({error}); mend it", path=described.path) from error
    if regions is None:
        return replace(described, content=content)
    content = {**content, "labels": regions.values, "part_of": {**regions.part_of, **(content.get("part_of") or {})}}
    return replace(described, content=content, merged=regions.merged)


def told(sentence: str, names: list[str]) -> tuple[str, ...]:
    """A warning about some names, none where there are no names; '{}' stands for 'a, b are'."""
    if not names:
        return ()
    shown = ", ".join(names[:_NAMES_IN_A_SENTENCE])
    more = f" and {len(names) - _NAMES_IN_A_SENTENCE} more" if len(names) > _NAMES_IN_A_SENTENCE else ""
    return (sentence.format(f"{shown}{more} {'is' if len(names) == 1 else 'are'}"),)


def leads_out(path: Path) -> bool:
    """Whether a path that a file names is, or may be, outside of the file's folder."""
    return path.is_absolute() or ".." in path.parts or (bool(path.parts) and path.parts[0].endswith(":"))


def name_of_text(name: object) -> str:
    """A case's name; some lists have file names."""
    path = path_of_text(name)
    return composed((path.parent / name_of(path)).as_posix())


def path_of_text(text: object) -> Path:
    """A path that a file names; some files were written on Windows."""
    return Path(str(text).replace("\\", "/"))
