"""Checks of data before a long training: labels of each class, and likely mistakes."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np

from condseg_app.data import Annotation, Case, DataSet, Image
from condseg_app.errors import CondsegError
from condseg_app.io import read_case, read_data_set, read_image
from condseg_app.tasks.same_images import Endpoint, SameImages
from condseg_app.tasks.training_data import Choice, TrainingData, choose, some_cases

# Voxel sizes that differ by more are a mistake in a header more often than two kinds of images.
_SIZE_RATIO = 10.0

# A voxel's size along an axis, with its data set and case.
_Size = tuple[float, str, str]


@dataclass
class ClassCount:
    """Numbers of a class's cases in a data set, and of voxels over all cases."""

    labelled: int = 0
    absent: int = 0
    unlabelled: int = 0
    voxels: int = 0


@dataclass
class SetReport:
    """Contents of a data set.

    Attributes:
        name: the data set, followed by '/class' for a single-class group, and by the split if not trained on.
        cases: their number.
        classes: class name -> its counts.
        spacing: lowest and highest voxel size of each axis.
        unit: of the spacing.
        intensity: lowest and highest.
    """

    name: str
    cases: int
    classes: dict[str, ClassCount]
    spacing: list[tuple[float, float]] = field(default_factory=list)
    unit: str = ""
    intensity: tuple[float, float] | None = None


@dataclass(frozen=True)
class Report:
    """Findings, a sentence each: `wrong` must be mended, `odd` should be checked."""

    sets: tuple[SetReport, ...]
    wrong: tuple[str, ...]
    odd: tuple[str, ...]


def check(choice: Choice, progress: Callable[[int, int, str], None]) -> Report:
    """Read all data of a training.

    Args:
        choice: the data.
        progress: called with cases done, cases in all, and the case's name.

    Raises:
        CondsegError: not even the data sets' tables can be read, or no case has a wanted class.
    """
    data = choose(choice)
    sets = (*data.train, *(replace(s, name=f"{s.name}, val") for s in data.validation))
    total, done = sum(len(s.cases) for s in sets), 0
    reports, wrong, odd, sizes = [], list[str](), _one_class_under_two_names(data.train), list[_Size]()
    unread, same = set[str](), SameImages()
    for each in sets:
        report = SetReport(each.name, len(each.cases), {name: ClassCount() for name in data.classes.names})
        for case in each.cases:
            try:
                image, annotations = read_case(case, each.classes)
            except CondsegError as error:
                wrong.append(str(error))
                unread |= case.labelled
            else:
                _add(report, image, annotations)
                sizes += _sizes(each, case, image)
                same.add(Endpoint.of(each, case), image)
                odd += [f"{each.name}, {case.name}: {warning}" for warning in image.warnings]
            done += 1
            progress(done, total, case.name)
        reports.append(report)
    odd += [*_sizes_that_differ(sizes), *(f"{each.name}: {warning}" for each in sets for warning in each.warnings)]
    wrong += _never_marked(set(data.classes.names) - unread, reports)
    odd += [*_test_images(choice, same, progress), *same.told()]
    return Report(tuple(reports), tuple(dict.fromkeys(wrong)), tuple(dict.fromkeys(odd)))


def _test_images(choice: Choice, same: SameImages, progress: Callable[[int, int, str], None]) -> list[str]:
    """Add the test images to `same`, and report unreadable test images."""
    found = [read_data_set(folder) for folder in choice.folders]
    tests = [(data, case) for data in found for case in data.cases if case.split == "test"]
    odd = []
    for count, (data, case) in enumerate(tests, start=1):
        try:
            same.add(Endpoint.of(data, case), read_image(case.image))
        except CondsegError as error:
            odd.append(str(error))
        progress(count, len(tests), case.name)
    return odd


def quick_warnings(data: TrainingData) -> tuple[str, ...]:
    """Likely mistakes at a first check: names, voxel sizes, and the label maps of a few cases."""
    found, sizes = _one_class_under_two_names(data.train), list[_Size]()
    for each in data.train:
        for case in some_cases(each.cases):
            image, _annotations = read_case(case, each.classes)
            found += [f"{each.name}, {case.name}: {warning}" for warning in image.warnings]
            sizes += _sizes(each, case, image)
    return tuple(dict.fromkeys((*found, *_sizes_that_differ(sizes))))


def _add(report: SetReport, image: Image, annotations: Sequence[Annotation]) -> None:
    """Count a case in."""
    states = {a.class_name: a for a in annotations}
    for name, count in report.classes.items():
        annotation = states.get(name)
        if annotation is None or annotation.state == "unlabelled":
            count.unlabelled += 1
        elif annotation.state == "absent":
            count.absent += 1
        else:
            count.labelled += 1
            count.voxels += int((annotation.mask & annotation.supervised).sum())
    spacing = image.geometry.spacing_mm
    ends = report.spacing or [(s, s) for s in spacing]
    report.spacing = [(min(low, s), max(high, s)) for (low, high), s in zip(ends, spacing, strict=True)]
    report.unit = "pixel" if image.geometry.unit == "pixel" else "mm"
    voxels = np.asarray(image.voxels())
    values = voxels[np.isfinite(voxels)]
    if values.size:
        low, high = report.intensity or (np.inf, -np.inf)
        report.intensity = min(low, float(values.min())), max(high, float(values.max()))


def _never_marked(classes: Iterable[str], reports: Iterable[SetReport]) -> list[str]:
    reports = list(reports)
    return [
        f"no case marks a voxel of '{name}'; leave it out with --classes, or check its value in the label maps"
        for name in sorted(classes)
        if not any(report.classes[name].labelled for report in reports)
    ]


def _one_class_under_two_names(sets: Sequence[DataSet]) -> list[str]:
    """Names that two sets write differently and that mean the same word for word."""
    where: dict[str, str] = {}
    for data in sets:
        for name in sorted({name for case in data.cases for name in case.labelled}):
            where.setdefault(name, data.name)
    return [
        f"'{one}' in {where[one]} and '{other}' in {where[other]} look like one class; if they are, say "
        f"--rename '{other}={one}'"
        for one, other in combinations(where, 2)
        if _words(one) == _words(other)
    ]


def _words(name: str) -> tuple[str, ...]:
    """The words of a name in alphabetical order: 'Left Kidneys', 'kidney_left' and 'leftKidney' have the same."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = re.findall(r"[^\W_]+", spaced)
    return tuple(sorted(word.casefold().removesuffix("s") for word in words))


def _sizes(data: DataSet, case: Case, image: Image) -> list[_Size]:
    return [(s, data.name, case.name) for s in image.geometry.spacing_mm] if image.geometry.unit != "pixel" else []


def _sizes_that_differ(sizes: Sequence[_Size]) -> list[str]:
    if not sizes or max(sizes)[0] / min(sizes)[0] < _SIZE_RATIO:
        return []
    (low, one, first), (high, other, last) = min(sizes), max(sizes)
    return [
        f"voxel sizes go from {low:g} mm ({one}, {first}) to {high:g} mm ({other}, {last}); check the headers, or "
        "set --spacing"
    ]
