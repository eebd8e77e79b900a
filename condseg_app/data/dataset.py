"""Labelled images to learn from: which files, and which classes each file says something about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from condseg_app.data.classes import ClassTable

Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class LabelCoding:
    """Meaning of the values in a label map's file, where they differ from the class table.

    Attributes:
        values: value in the file -> class value; other values keep their meaning. A set may give its first class
            value 0, elsewhere the background.
        ignored: the value of unknown voxels; None if there is none.
    """

    values: Mapping[int, int] = field(default_factory=dict)
    ignored: int | None = None


@dataclass(frozen=True)
class Case:
    """An image with its labels, as files.

    Attributes:
        name: unique within its data set.
        image: the image's file.
        labels: a label map's file, or None.
        masks: class name -> file of a binary mask; beside or instead of `labels`.
        labelled: labelled classes: without any voxel they are absent. Any other class is unlabelled, which never
            means background.
        split: part of the data set; None in a set without splits.
        machine_made: classes of `labelled` that were predicted by a model; voxels where the model was unsure are
            unknown.
        coding: meaning of the values in `labels`.
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
        name: the folder's name, followed by '/group' for a part of the set.
        root: the folder.
        classes: names, values and colours of the set's labels.
        cases: in order of name.
        groups: variant -> class name -> names of the cases that show that class to the learner ('single' is
            the name of the variant where the set declares only one).
        licence: of the data.
        warnings: omissions and oddities, a sentence each.
    """

    name: str
    root: Path
    classes: ClassTable
    cases: tuple[Case, ...]
    groups: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    licence: str = ""
    warnings: tuple[str, ...] = ()

    def part(self, split: Split) -> "DataSet":
        """The cases of a split; all cases of a set without splits."""
        if all(case.split is None for case in self.cases):
            return self
        return replace(self, cases=tuple(c for c in self.cases if c.split == split))

    def single_class(self, variant: str) -> tuple["DataSet", ...]:
        """The disjoint single-class sets of a declared variant, a set per class; KeyError if not declared."""
        return tuple(self._showing(name, cases) for name, cases in self.groups[variant].items())

    def disjoint(self, classes: Sequence[str]) -> tuple["DataSet", ...]:
        """Single-class sets of cases that label all of some classes: every n-th case shows the n-th class."""
        whole = [case.name for case in self.cases if case.labelled >= set(classes)]
        return tuple(self._showing(name, whole[n :: len(classes)]) for n, name in enumerate(classes))

    def _showing(self, class_name: str, cases: Iterable[str]) -> "DataSet":
        wanted = set(cases)
        shown = tuple(replace(c, labelled=frozenset({class_name})) for c in self.cases if c.name in wanted)
        return replace(self, name=f"{self.name}/{class_name}", cases=shown, groups={})
