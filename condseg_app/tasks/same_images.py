"""Search for the same image, or images of the same patient, in several splits of data sets."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from condseg_app.data import Case, DataSet, Image

# Names of patients in well-known data sets: BIDS (sub-01_ses-02), ACDC (patient001_frame01), TCGA (TCGA-AB-1234-...).
_PATIENTS = re.compile(
    r"(sub-[a-z0-9]+|(?:subject|patient|pat|pid|subj)[-_ ]?\d+|tcga-[a-z0-9]{2}-[a-z0-9]{4})(?=$|[^a-z0-9])",
    re.IGNORECASE,
)
_MOST_TOLD = 5


@dataclass(frozen=True)
class Endpoint:
    """Place of a case.

    Attributes:
        data_set: folder of the case's data set.
        split: of the case; 'train' in a set without splits.
        case: the name.
        shows: the labelled classes.
        file: the image.
    """

    data_set: Path
    split: str
    case: str
    shows: frozenset[str]
    file: Path

    @classmethod
    def of(cls, data: DataSet, case: Case) -> "Endpoint":
        """The place of a case of a data set."""
        return cls(data.root, case.split or "train", case.name, frozenset(case.labelled), case.image.resolve())

    def __str__(self) -> str:
        return f"{self.case} ({self.data_set.name}, {self.split})"


class SameImages:
    """Collects images, and reports identical images and patients in several splits."""

    def __init__(self) -> None:
        self._places: list[Endpoint] = []
        self._by_content: dict[bytes, list[Endpoint]] = defaultdict(list)

    def add(self, place: Endpoint, image: Image | None) -> None:
        """Add an image; None if unreadable, so that only the name counts."""
        if any(place.file == other.file and place.case == other.case for other in self._places):
            return  # the same case as another class's example
        self._places.append(place)
        if image is not None:
            self._by_content[_content(image)].append(place)

    def told(self) -> Iterator[str]:
        """A sentence for each pair of images that are the same, and for each patient in several splits."""
        same = [pair for places in self._by_content.values() for pair in _pairs(places)]
        yield from _at_most(
            f"{later} holds the same image as {earlier}{_why(earlier, later)}" for earlier, later in same
        )
        twins = {place for pair in same for place in pair}
        yield from _at_most(_patients([place for place in self._places if place not in twins]))


def _content(image: Image) -> bytes:
    """A hash of shape and voxels, the same for any stored type."""
    with np.errstate(over="ignore"):  # too large values become infinite, and count as alike
        voxels = np.asarray(image.voxels(), np.float32)
    found = hashlib.sha256(str(voxels.shape).encode())
    found.update(np.ascontiguousarray(voxels).data)
    return found.digest()


def _pairs(places: Sequence[Endpoint]) -> Iterator[tuple[Endpoint, Endpoint]]:
    """Suspicious pairs; an image may well occur twice in a split if labelled with different classes."""
    for one, other in combinations(places, 2):
        if one.split != other.split or one.shows & other.shows:
            yield one, other


def _why(one: Endpoint, other: Endpoint) -> str:
    if one.split == other.split:
        return ", and is learnt from twice" if one.split == "train" else ", and counts twice"
    return f": what is learnt in {one.split} is no test in {other.split}; keep it in one of them"


def _patients(places: Iterable[Endpoint]) -> Iterator[str]:
    found: Mapping[tuple[Path, str], dict[str, Endpoint]] = defaultdict(dict)
    for place in places:
        named = _PATIENTS.search(place.case)
        if named is not None:
            found[place.data_set, named.group().casefold()].setdefault(place.split, place)
    for splits in found.values():
        if len(splits) > 1:
            cases = " and ".join(map(str, splits.values()))
            yield f"{cases} look like one patient's; keep all images of a patient in one split"


def _at_most(sentences: Iterable[str]) -> Iterator[str]:
    told = list(sentences)
    yield from told[:_MOST_TOLD]
    if len(told) > _MOST_TOLD:
        yield f"and {len(told) - _MOST_TOLD} more pairs like these"
