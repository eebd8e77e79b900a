"""The slices of a group as a volume: a slice at each place, in order, with notes on oddities."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Geometry
from condseg_app.errors import CondsegError, GeometryError, ReadError
from condseg_app.io.choices import ChoiceNeeded
from condseg_app.io.dicom.grid import grid_of
from condseg_app.io.dicom.groups import SliceGroup
from condseg_app.io.dicom.places import Places, Spacing, depth_of, numbers_leave_gaps, places_of, spaced
from condseg_app.io.dicom.slices import TRAITS, DicomSlice
from condseg_app.io.dicom.voxels import decoded

# Negligible deviation from an even grid, in slice distances.
_EVEN = 0.01
# Largest relative error of a claimed slice distance.
_CLAIM_OFF = 0.05
# Placed slices needed to leave out a slice without a place.
_PLACED_FOR_A_LOST = 3


@dataclass(frozen=True, eq=False)
class DicomStack:
    """A volume made of slices.

    Attributes:
        key: of the group.
        slices: in the order along K; None for a missing slice.
        geometry: the grid; I along the rows of a slice, J down the columns.
        warnings: a sentence each.
    """

    key: str
    slices: tuple[DicomSlice | None, ...]
    geometry: Geometry
    warnings: tuple[str, ...]


def stacked(group: SliceGroup, frame: int | None, path: Path) -> DicomStack:
    """Put the slices of a group in their places.

    Args:
        group: the slices.
        frame: the choice of several volumes at the same place, from 0; None without a choice.
        path: opened file or folder, named in errors.

    Raises:
        ChoiceNeeded: there are several volumes, and no frame was chosen.
        ReadError: slices are missing, or there is no such frame.
        GeometryError: the slices do not lie on an even grid.
    """
    places, notes = _by_place(group, path)
    count = max(len(here) for here in places)
    if any(len(here) < count for here in places):
        places, notes = [here[:1] for here in places], (*notes, *_doubles(places, path))
    elif count > 1:
        if frame is None:
            raise ChoiceNeeded("frame", _frames(places), path)
        if not 0 <= frame < count:
            raise ReadError(f"holds frames 0 to {count - 1}, not {frame}; choose one of them", path=path)
        places = [here[frame : frame + 1] for here in places]
    slices = [here[0] for here in places]
    slots, uneven = _slots(slices, path)
    geometry, odd = grid_of(slices[0], slices[-1], int(slots[-1]), path)
    at: list[DicomSlice | None] = [None] * geometry.shape[2]
    for slot, one in zip(slots, slices, strict=True):
        at[slot] = one
    few = ("it has only two slices",) if len(slices) == 2 else ()
    oddities = tuple(dict.fromkeys(note for one in slices for note in one.oddities))
    return DicomStack(group.key, tuple(at), geometry, (*notes, *uneven, *few, *odd, *oddities))


def _by_place(group: SliceGroup, path: Path) -> tuple[list[tuple[DicomSlice, ...]], tuple[str, ...]]:
    """The slices by place along the normal; slices at the same place in the order of traits."""
    slices, notes = _placed(sorted(group.slices, key=lambda one: one.rank))
    if any(one.position is None or one.orientation is None for one in slices):
        if len({one.path for one in slices}) == 1:
            return [tuple(slices)], ()
        return _unplaced(slices)
    places = places_of(slices)
    if places.are_beside_each_other:
        raise GeometryError("its slices lie beside each other, not in a stack; open one of the files", path=path)
    here, copies = _without_copies(places)
    return here, (*notes, *copies)


def _unplaced(slices: list[DicomSlice]) -> tuple[list[tuple[DicomSlice, ...]], tuple[str, ...]]:
    """Slices without places, ordered by Slice Location, else by number."""
    locations = {one.location for one in slices if one.location is not None}
    by_location = len(locations) == len(slices)
    slices = sorted(
        slices,
        key=lambda one: (one.location or 0.0 if by_location else 0.0, one.trait("instance"), one.frame, str(one.path)),
    )
    what = "Slice Location" if by_location else "numbers"
    return [(one,) for one in slices], (f"where its slices lie is not stated; they are in the order of their {what}",)


def _placed(slices: list[DicomSlice]) -> tuple[list[DicomSlice], tuple[str, ...]]:
    """Slices without the few that lack a place, if the others have places."""
    placed = [one for one in slices if one.position is not None and one.orientation is not None]
    lost = [one for one in slices if one.position is None or one.orientation is None]
    if not lost or len(lost) * _PLACED_FOR_A_LOST > len(placed):
        return slices, ()
    return placed, (
        f"{len(lost)} of its slices do not state where they lie and are left out ({lost[0].path.name}, for one)",
    )


def _without_copies(places: Places) -> tuple[list[tuple[DicomSlice, ...]], tuple[str, ...]]:
    """The slices at each place without copies, told by UID or pixel by pixel."""
    by_uid = [_first_of_each(here) for here in places.slices]
    counts = {len(here) for here in by_uid}
    found = by_uid if len(counts) == 1 else [_first_of_equal(here) for here in by_uid]
    copied = [here[0] for here, all_here in zip(found, places.slices, strict=True) if len(here) < len(all_here)]
    if not copied:
        return found, ()
    dropped = sum(map(len, places.slices)) - sum(map(len, found))
    return found, (
        f"{dropped} of its slices are copies of others (duplicates at {_where(copied)} along the stack); they are "
        "dropped",
    )


def _first_of_each(here: tuple[DicomSlice, ...]) -> tuple[DicomSlice, ...]:
    """Slices at a place, without repeats of UID, frame, tile and traits."""
    found: dict[object, DicomSlice] = {}
    for one in here:
        found.setdefault((one.uid, one.frame, one.tile, one.traits) if one.uid else one, one)
    return tuple(found.values())


def _first_of_equal(here: tuple[DicomSlice, ...]) -> tuple[DicomSlice, ...]:
    """Slices at a place, without repeats of the same pixels."""
    if len(here) < 2:
        return here
    try:
        pixels = dict(decoded(here))
    except CondsegError:  # reported when voxels are read
        return here
    kept: list[DicomSlice] = []
    for one in here:
        if not any(np.array_equal(pixels[one], pixels[other]) for other in kept):
            kept.append(one)
    return tuple(kept)


def _where(slices: Sequence[DicomSlice]) -> str:
    shown = ", ".join(f"{depth_of(one, one.normal):.1f} mm" for one in slices[:3])
    return shown if len(slices) <= 3 else f"{shown}, ..."


def _doubles(places: Sequence[Sequence[DicomSlice]], path: Path) -> tuple[str, ...]:
    """A note on the few places with several slices."""
    double = [here[0] for here in places if len(here) > 1]
    if 2 * len(double) > len(places):
        counts = sorted({len(here) for here in places})
        raise ReadError(
            f"has {counts[0]} to {counts[-1]} different images at each place, and nothing in their headers tells "
            "them apart; export its phases or passes as series of their own",
            path=path,
        )
    return (
        f"several slices are at the same place (duplicates at {_where(double)} along the stack); the first of each "
        "is taken",
    )


def _frames(places: Sequence[Sequence[DicomSlice]]) -> list[tuple[int, str]]:
    """Each frame's number with the difference from other frames."""
    count, found = len(places[0]), []
    telling = [name for name in TRAITS if _tells(places, name)]
    alone = next((name for name in telling if len({one.trait(name) for one in places[0]}) == count), None)
    for frame in range(count):
        one = places[0][frame]
        names = (alone,) if alone else telling
        found.append((frame, ", ".join(f"{name} {one.trait(name)[1]}" for name in names) or f"frame {frame}"))
    return found


def _tells(places: Sequence[Sequence[DicomSlice]], name: str) -> bool:
    """Whether a trait is constant within each frame, but differs between frames."""
    values = [{here[frame].trait(name) for here in places} for frame in range(len(places[0]))]
    return all(len(of_frame) == 1 for of_frame in values) and len(set.union(*values)) > 1


def _slots(slices: Sequence[DicomSlice], path: Path) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Slot of each slice on an even grid along K, with notes."""
    stated = sum(one.position is not None and one.orientation is not None for one in slices)
    if len(slices) == 1 or not stated:
        return np.arange(len(slices)), ()
    if stated < len(slices):
        raise ReadError("some of its slices do not state their position; export the series again", path=path)
    places = places_of(slices)
    found = spaced(places)
    _check_even(slices, found, path)
    notes = _contradicted(slices[0].apart, found.step)
    if found.off > _EVEN * found.step:
        notes += (f"its slices lie up to {found.off:.2f} mm beside an even grid; they are taken as even",)
    if found.missing:
        at = np.flatnonzero(np.diff(found.slots) > 1)
        where = ", ".join(f"between {places.depths[n]:.1f} and {places.depths[n + 1]:.1f} mm" for n in at[:3])
        more = "" if len(at) <= 3 else ", ..."
        notes += (
            f"slices are missing: {found.missing} of {found.slots[-1] + 1} (gap {where}{more} along the stack); they "
            "are left empty",
        )
    return found.slots, notes


def _contradicted(claimed: float | None, step: float) -> tuple[str, ...]:
    """A note where the slice distance differs from the header's."""
    if claimed is None or abs(claimed - step) <= _CLAIM_OFF * step:
        return ()
    return (f"its header says that slices are {claimed:.4g} mm apart, they lie {step:.4g} mm apart; that is taken",)


def _check_even(slices: Sequence[DicomSlice], found: Spacing, path: Path) -> None:
    """Refuse slices that make no even grid, with the cause if known."""
    if found.is_even:
        return
    if numbers_leave_gaps(slices):
        numbers = [one.trait("instance")[0] for one in slices]
        count = int(max(numbers) - min(numbers)) + 1
        raise ReadError(
            f"lacks {count - len(slices)} of its {count} slices, by their numbers as well as by their places; export "
            "the whole series again",
            path=path,
        )
    lowest, highest = found.gaps.min(), found.gaps.max()
    raise GeometryError(
        f"its slices lie at uneven distances ({lowest:.4g} to {highest:.4g} mm); resample them evenly with another "
        "program (3D Slicer does so when it imports them), and open the result",
        path=path,
    )
