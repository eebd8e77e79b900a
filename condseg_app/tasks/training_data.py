"""Data of a training: the data sets of a plan, cut and renamed as planned, and their shared table."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from condseg_app.data import Case, ClassTable, DataSet, Image, listed
from condseg_app.errors import ClassTableError, CondsegError, ReadError
from condseg_app.io import read_data_set, read_image

_log = logging.getLogger(__name__)
_CASES_FOR_A_LOOK = 16

# Name of groups that no data set declares: training cases dealt out to the classes.
DISJOINT = "disjoint"


@dataclass(frozen=True)
class Choice:
    """The shown part of some data sets.

    Attributes:
        folders: the data sets.
        groups: variant of the sets' `single_class_groups`, 'disjoint', or None for every label.
        classes: the classes to learn; None for all.
        rename: names of classes in the data sets -> names here.
    """

    folders: tuple[Path, ...]
    groups: str | None = None
    classes: tuple[str, ...] | None = None
    rename: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingData:
    """Data sets to learn from and to validate on, with a shared table."""

    train: tuple[DataSet, ...]
    validation: tuple[DataSet, ...]
    classes: ClassTable

    @property
    def cases(self) -> tuple[Case, ...]:
        """All training cases."""
        return tuple(case for data in self.train for case in data.cases)


def choose(choice: Choice) -> TrainingData:
    """Read the cases, and the classes that each case shows.

    Raises:
        ReadError: a data set cannot be read, or does not declare the groups.
        ClassTableError: a wanted class is in none of the sets.
        CondsegError: nothing is left to learn from.
    """
    train: list[DataSet] = []
    validation: list[DataSet] = []
    for folder in choice.folders:
        data = renamed(read_data_set(folder), choice.rename)
        for warning in data.warnings:
            _log.warning("%s: %s", data.name, warning)
        train.extend(_grouped(data.part("train"), choice))
        if any(case.split == "val" for case in data.cases):
            validation.append(_only(data.part("val"), choice.classes))
    classes = shared_table(train, choice.classes)
    train = [shown for data in train if (shown := _only(data, choice.classes)).cases]
    if not train:
        raise CondsegError("the data sets hold no labelled training case; check their folders, splits and classes")
    return TrainingData(tuple(train), tuple(data for data in validation if data.cases), classes)


def shared_table(sets: Sequence[DataSet], wanted: Sequence[str] | None = None) -> ClassTable:
    """A shared table of several data sets: classes of the same name are the same class.

    A class keeps its data set's value where still free.

    Raises:
        ClassTableError: a wanted class is in none of the sets.
    """
    table = ClassTable()
    labelled = {name for data in sets for case in data.cases for name in case.labelled}
    for entry in (entry for data in sets for entry in data.classes):
        if entry.name in table or entry.name not in labelled or (wanted and entry.name not in wanted):
            continue
        value = entry.value if entry.value not in {e.value for e in table} else None
        part_of = entry.part_of if entry.part_of in labelled else None
        row = table.propose(entry.name, entry.color, value)
        table = table.adding(replace(row, part_of=part_of, id=entry.id))
    for name in wanted or ():
        if name not in table:
            known = listed(sorted(labelled))
            raise ClassTableError(f"no data set labels class '{name}'; they label {known}")
    return table


def renamed(data: DataSet, names: Mapping[str, str]) -> DataSet:
    """The data set with some classes renamed."""
    if not names:
        return data

    def new(name: str) -> str:
        return names.get(name, name)

    entries = tuple(replace(e, name=new(e.name), part_of=e.part_of and new(e.part_of)) for e in data.classes)
    cases = tuple(
        replace(
            c,
            labelled=frozenset(map(new, c.labelled)),
            masks={new(n): path for n, path in c.masks.items()},
            machine_made=frozenset(map(new, c.machine_made)),
        )
        for c in data.cases
    )
    groups = {variant: {new(n): members for n, members in g.items()} for variant, g in data.groups.items()}
    return replace(data, classes=ClassTable(entries), cases=cases, groups=groups)


def some_cases(cases: Sequence[Case]) -> Sequence[Case]:
    """A few cases, evenly spread over all cases, for a quick check."""
    return cases[:: max(1, len(cases) // _CASES_FOR_A_LOOK)]


def some_images(cases: Sequence[Case]) -> list[Image]:
    """A few images, to plan the preprocessing by."""
    return [read_image(case.image) for case in some_cases(cases)]


def _grouped(data: DataSet, choice: Choice) -> tuple[DataSet, ...]:
    if choice.groups is None:
        return (data,)
    if choice.groups == DISJOINT:
        return data.disjoint([n for n in data.classes.names if choice.classes is None or n in choice.classes])
    if choice.groups in data.groups:
        return data.single_class(choice.groups)
    declared = ", ".join(data.groups) or "none"
    raise ReadError(f"no single-class groups '{choice.groups}' are declared; there are: {declared}", path=data.root)


def _only(data: DataSet, classes: Sequence[str] | None) -> DataSet:
    """The data set with labels of some classes only, and without cases that label none."""
    wanted = set(classes or data.classes.names)
    cases = (replace(case, labelled=case.labelled & wanted) for case in data.cases)
    return replace(data, cases=tuple(case for case in cases if case.labelled))
