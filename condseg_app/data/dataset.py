"""Labelled images to learn from: which files, and which classes each file says something about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from condseg_app.data.classes import ClassTable

Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class LabelCoding:
    """What the values of a label map's file mean, where they are not the class table's own.

    Attributes:
        values: value in the file -> class value; any other value means itself. A set may call its first class 0,
            which is the background everywhere else.
        ignored: the value of voxels of which nothing is known; None if there is none.
    """

    values: Mapping[int, int] = field(default_factory=dict)
    ignored: int | None = None


@dataclass(frozen=True)
class Case:
    """One image with its labels, as files.

    Attributes:
        name: unique within its data set.
        image: the image's file.
        labels: a label map's file, or None.
        masks: class name -> file of a binary mask; beside or instead of `labels`.
        labelled: classes that this case says something about: where none of their voxels is marked, they
            are absent. Any other class is unlabelled, which never means background.
        split: which part of the data set it belongs to; None where the set has no split.
        machine_made: the classes of `labelled` that a model marked and no person; where the model was not sure,
            nothing is known of them.
        coding: what the values in `labels` mean.
    """

    name: str
    image: Path
    labels: Path | None = None
    masks: Mapping[str, Path] = field(default_factory=dict)
    labelled: frozenset[str] = frozenset()
    split: Split | None = None
    machine_made: frozenset[str] = frozenset()
    coding: LabelCoding = LabelCoding()


@dataclass(frozen=True)
class DataSet:
    """Cases that share a class table.

    Attributes:
        name: the folder's name, with '/group' behind it for a part of it.
        root: the folder.
        classes: names, values and colours as the set's labels have them.
        cases: in order of name.
        groups: variant -> class name -> names of the cases that show that class to the learner ('single' is
            the name of the variant where the set declares only one).
        licence: of the data.
        warnings: what was left out or odd, a sentence each.
    """

    name: str
    root: Path
    classes: ClassTable
    cases: tuple[Case, ...]
    groups: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    licence: str = ""
    warnings: tuple[str, ...] = ()

    def part(self, split: Split) -> "DataSet":
        """The cases of one split; all of them where the set has none."""
        if all(case.split is None for case in self.cases):
            return self
        return replace(self, cases=tuple(c for c in self.cases if c.split == split))

    def single_class(self, variant: str) -> tuple["DataSet", ...]:
        """The disjoint single-class sets of a declared variant, one per class; KeyError if not declared."""
        return tuple(self._showing(name, cases) for name, cases in self.groups[variant].items())

    def disjoint(self, classes: Sequence[str]) -> tuple["DataSet", ...]:
        """Single-class sets of cases that label all of some classes: every n-th case shows the n-th class."""
        whole = [case.name for case in self.cases if case.labelled >= set(classes)]
        return tuple(self._showing(name, whole[n :: len(classes)]) for n, name in enumerate(classes))

    def _showing(self, class_name: str, cases: Iterable[str]) -> "DataSet":
        wanted = set(cases)
        shown = tuple(replace(c, labelled=frozenset({class_name})) for c in self.cases if c.name in wanted)
        return replace(self, name=f"{self.name}/{class_name}", cases=shown, groups={})
