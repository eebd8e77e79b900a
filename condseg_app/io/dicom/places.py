"""Places of a stack's slices along the normal, and the even grid through these."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from condseg_app.io.dicom.slices import DicomSlice

UNEVEN = 0.1
"""Largest deviation of a volume from an even grid, in slice distances."""

# Two slices this close (mm) are at the same place.
_SAME_PLACE = 1e-3
# Present slices that a series needs for each missing slice.
_PRESENT_FOR_A_MISSING = 3


@dataclass(frozen=True, eq=False)
class Places:
    """Slices by their places.

    Attributes:
        slices: a tuple per place, along the normal; within a place in the order of traits.
        positions: of the first pixel of each place (n, 3).
        depths: of each place along the normal (n,).
        are_beside_each_other: whether some slices lie next to each other rather than behind.
    """

    slices: tuple[tuple[DicomSlice, ...], ...]
    positions: NDArray[np.float64]
    depths: NDArray[np.float64]
    are_beside_each_other: bool


@dataclass(frozen=True, eq=False)
class Spacing:
    """The even grid through some places.

    Attributes:
        step: distance between slices, 0 for a single place.
        slots: the number of each place on the grid (n,).
        off: largest distance of a place from the grid, in mm.
        gaps: from each place to the next (n - 1,).
    """

    step: float
    slots: NDArray[np.int64]
    off: float
    gaps: NDArray[np.float64]

    @property
    def missing(self) -> int:
        """Places of the grid without a slice."""
        return int(self.slots[-1]) + 1 - len(self.slots)

    @property
    def lacks_many(self) -> bool:
        """Whether too many places are empty for the rest to be a volume."""
        return self.missing * _PRESENT_FOR_A_MISSING > len(self.slots)

    @property
    def is_even(self) -> bool:
        """Whether the places are on the grid, with few empty slots."""
        return self.off <= UNEVEN * self.step and not self.lacks_many


def depth_of(one: DicomSlice, normal: NDArray[np.float64]) -> float:
    """Depth of a slice along a normal, in mm."""
    return float(np.dot(one.position or (0.0, 0.0, 0.0), normal))


def places_of(slices: Sequence[DicomSlice]) -> Places:
    """Sort slices whose positions are all known."""
    normal = slices[0].normal
    ordered = sorted(slices, key=lambda one: (depth_of(one, normal), *one.rank))
    found, is_beside = [[ordered[0]]], False
    for one in ordered[1:]:
        before = found[-1][0]
        if np.linalg.norm(np.subtract(one.position or (), before.position or ())) <= _SAME_PLACE:
            found[-1].append(one)
            continue
        is_beside |= depth_of(one, normal) - depth_of(before, normal) <= _SAME_PLACE
        found.append([one])
    here = tuple(tuple(sorted(place, key=lambda one: one.rank)) for place in found)
    positions = np.array([place[0].position for place in here], np.float64)
    return Places(here, positions, positions @ normal, is_beside)


def spaced(places: Places) -> Spacing:
    """The even grid that fits some places best."""
    gaps = np.diff(places.depths)
    if not len(gaps):
        return Spacing(0.0, np.zeros(1, np.int64), 0.0, gaps)
    step = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    if step <= 0:
        return Spacing(0.0, np.arange(len(places.depths)), float("inf"), gaps)
    slots = np.concatenate([[0], np.cumsum(np.maximum(1, np.rint(gaps / step).astype(np.int64)))])
    first, last = places.positions[0], places.positions[-1]
    fitted = first + np.outer(slots / slots[-1], last - first)
    off = float(np.linalg.norm(places.positions - fitted, axis=1).max())
    return Spacing(step, slots, off, gaps)


def numbers_leave_gaps(slices: Sequence[DicomSlice]) -> bool:
    """Whether gaps in the slice numbers match gaps in space: slices are missing."""
    numbered = sorted(slices, key=lambda one: one.trait("instance"))
    stated = np.array([one.trait("instance")[0] for one in numbered])
    if len(stated) < 2 or not np.isfinite(stated).all():
        return False
    numbers = np.diff(stated)
    if (numbers < 1).any() or (numbers == 1).all():
        return False
    each = np.abs(np.diff([depth_of(one, slices[0].normal) for one in numbered])) / numbers
    return bool(np.abs(each - each[0]).max() <= UNEVEN * each[0])
