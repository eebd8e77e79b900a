"""DICOM slices sorted into stacks: which belong together, in which order, and on which grid they lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Geometry
from condseg_app.errors import GeometryError, ReadError
from condseg_app.io.choices import ChoiceNeeded
from condseg_app.io.dicom_slices import TRAITS, DicomSlice

# Two slices this close (mm) are at the same place.
_SAME_PLACE = 1e-3
_SAME_DIRECTION = 1e-3
# Deviations from an even grid, in slice distances: none to speak of, and too much to be loaded.
_EVEN, _UNEVEN = 0.01, 0.1
# A series may lack up to one slice for so many that are there.
_PRESENT_FOR_A_MISSING = 3
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class SliceGroup:
    """Slices of a series that have the same size and orientation.

    Attributes:
        key: the series instance UID; with '#2', '#3', ... for further groups of the same series.
        slices: in no order.
    """

    key: str
    slices: tuple[DicomSlice, ...]

    @property
    def first(self) -> DicomSlice:
        """Any slice of it."""
        return self.slices[0]

    @property
    def is_volume(self) -> bool:
        """Whether it is more than a scout or a few views."""
        return len(self.slices) > 2 and not self.first.is_localizer

    @property
    def text(self) -> str:
        """What to show of it: 'CT 5.0 B30f, 120 slices of 512 x 512'."""
        series, kind = self.first.series, self.first.kind
        number = f"series {series.number}" if series.number and series.number != "None" else ""
        name = " ".join(part for part in (series.modality, number, series.description) if part)
        count = len(self.slices)
        return f"{name or 'no name'}, {count} slice{'s' if count > 1 else ''} of {kind.columns} x {kind.rows}"


@dataclass(frozen=True, eq=False)
class DicomStack:
    """A volume made of slices.

    Attributes:
        key: of the group that it is made of.
        slices: in their order along K; None where one is missing.
        geometry: the grid; I along the rows of a slice, J down its columns.
        warnings: what is odd, a sentence each.
    """

    key: str
    slices: tuple[DicomSlice | None, ...]
    geometry: Geometry
    warnings: tuple[str, ...]


def grouped(slices: Sequence[DicomSlice]) -> tuple[SliceGroup, ...]:
    """Slices by series, size and orientation, in the order in which they are met."""
    series: dict[str, list[list[DicomSlice]]] = {}
    for one in slices:
        groups = series.setdefault(one.series.uid, [])
        home = next((group for group in groups if _belong_together(group[0], one)), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    return tuple(
        SliceGroup(f"{uid}#{number}" if number > 1 else uid, tuple(group))
        for uid, groups in series.items()
        for number, group in enumerate(groups, 1)
    )


def stacked(group: SliceGroup, frame: int | None, path: Path) -> DicomStack:
    """Put the slices of a group in their places.

    Args:
        group: the slices.
        frame: which to take of several volumes at the same place, from 0; None if it was not said.
        path: what was opened, to name in errors.

    Raises:
        ChoiceNeeded: there are several volumes, and no frame was chosen.
        ReadError: slices lack, or there is no such frame.
        GeometryError: they do not lie on an even grid.
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


def _belong_together(one: DicomSlice, other: DicomSlice) -> bool:
    same = (one.kind.columns, one.kind.rows, one.kind.channels) == (
        other.kind.columns,
        other.kind.rows,
        other.kind.channels,
    )
    return same and all(
        a == b or (a is not None and b is not None and bool(np.allclose(a, b, rtol=1e-4, atol=_SAME_DIRECTION)))
        for a, b in ((one.orientation, other.orientation), (one.spacing, other.spacing))
    )


def _by_place(group: SliceGroup, path: Path) -> tuple[list[list[DicomSlice]], tuple[str, ...]]:
    """Lists of the slices at one place each, along the normal; those at one place in the order of their traits."""
    slices = sorted(group.slices, key=lambda one: (one.traits, one.frame, str(one.path)))
    if any(one.position is None or one.orientation is None for one in slices):
        if len({one.path for one in slices}) == 1:
            return [slices], ()
        slices.sort(key=lambda one: (one.traits[TRAITS.index("instance")], one.frame, str(one.path)))
        return [[one] for one in slices], (
            "where its slices lie is not stated; they are in the order of their numbers",
        )
    normal = slices[0].normal
    slices.sort(key=lambda one: _depth(one, normal))  # stable: traits still decide between equals
    places = [[slices[0]]]
    for one in slices[1:]:
        apart = np.linalg.norm(np.subtract(one.position or (), places[-1][0].position or ()))
        if apart <= _SAME_PLACE:
            places[-1].append(one)
        elif _depth(one, normal) - _depth(places[-1][0], normal) <= _SAME_PLACE:
            raise GeometryError("its slices lie beside each other, not in a stack; open one of the files", path=path)
        else:
            places.append([one])
    for here in places:
        here.sort(key=lambda one: (one.traits, one.frame, str(one.path)))
    return places, ()


def _depth(one: DicomSlice, normal: NDArray[np.float64]) -> float:
    return float(np.dot(one.position or (0.0, 0.0, 0.0), normal))


def _doubles(places: Sequence[Sequence[DicomSlice]], path: Path) -> tuple[str, ...]:
    """A note on the few places that have more than one slice."""
    double = [here[0] for here in places if len(here) > 1]
    if 2 * len(double) > len(places):
        counts = sorted({len(here) for here in places})
        raise ReadError(f"has {counts[0]} to {counts[-1]} images at each place; export its frames apart", path=path)
    where = ", ".join(f"{_depth(one, one.normal):.1f} mm" for one in double[:3])
    return (f"slices are there more than once (duplicates at {where} along the stack); the first of each is taken",)


def _frames(places: Sequence[Sequence[DicomSlice]]) -> list[tuple[int, str]]:
    """Each frame's number with what tells it from the others."""
    count = len(places[0])
    for index, name in enumerate(TRAITS):
        values = [{here[frame].traits[index][1] for here in places} for frame in range(count)]
        if all(len(of_frame) == 1 for of_frame in values) and len(set.union(*values)) == count:
            return [(frame, f"{name} {of_frame.pop()}") for frame, of_frame in enumerate(values)]
    return [(frame, f"frame {frame}") for frame in range(count)]


def _slots(slices: Sequence[DicomSlice], path: Path) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The place of each slice on an even grid along K, and what is odd about them."""
    positions = np.array([one.position for one in slices if one.position is not None])
    if len(slices) == 1 or not len(positions):
        return np.arange(len(slices)), ()
    if len(positions) < len(slices):
        raise ReadError("some of its slices do not state their position; export the series again", path=path)
    depths = positions @ slices[0].normal
    gaps = np.diff(depths)
    step = np.sort(gaps)[(len(gaps) - 1) // 2]
    slots = np.concatenate([[0], np.cumsum(np.maximum(1, np.rint(gaps / step).astype(np.int64)))])
    fitted = positions[0] + np.outer(slots / slots[-1], positions[-1] - positions[0])
    off = float(np.linalg.norm(positions - fitted, axis=1).max())
    if off > _UNEVEN * step:
        raise GeometryError(
            f"its slices lie at uneven distances ({gaps.min():.2f} to {gaps.max():.2f} mm); resample them evenly first",
            path=path,
        )
    notes: tuple[str, ...] = ()
    if off > _EVEN * step:
        notes += (f"its slices lie up to {off:.2f} mm beside an even grid; they are taken as even",)
    missing = int(slots[-1]) + 1 - len(slices)
    if missing * _PRESENT_FOR_A_MISSING > len(slices):
        raise ReadError(f"lacks {missing} of its {slots[-1] + 1} slices; export the whole series again", path=path)
    if missing:
        at = np.flatnonzero(np.diff(slots) > 1)
        where = ", ".join(f"between {depths[n]:.1f} and {depths[n + 1]:.1f} mm" for n in at[:3])
        notes += (
            f"slices are missing: {missing} of {slots[-1] + 1} (gap {where} along the stack); they are left empty",
        )
    return slots, notes


def grid_of(first: DicomSlice, final: DicomSlice, last: int, path: Path) -> tuple[Geometry, tuple[str, ...]]:
    """The RAS+ grid of a stack from its first slice, K = 0, to its final one, K = `last`, and what is odd about it.

    Raises:
        GeometryError: it has no volume.
    """
    kind = first.kind
    notes: tuple[str, ...] = ()
    if first.position is None and first.spacing is None and last == 0:
        return Geometry.of_picture(kind.columns, kind.rows), ()
    if first.spacing is None:
        notes += ("its pixel sizes are not stated; 1 mm is taken",)
    if first.orientation is None or first.position is None:
        notes += ("its orientation is not stated; left and right may be swapped",)
    directions = np.array(first.orientation or (1, 0, 0, 0, 1, 0), np.float64)
    across, down = first.spacing or (1.0, 1.0)
    if last and first.position is not None:
        step = np.subtract(final.position or (), first.position) / last
    else:
        if first.thickness is None and last:
            notes += ("its slice distance is not stated; 1 mm is taken",)
        step = first.normal * (first.thickness or 1.0)
    affine = np.eye(4)
    affine[:3, :4] = np.column_stack(
        [directions[:3] * across, directions[3:] * down, step, first.position or (0.0, 0.0, 0.0)]
    )
    try:
        geometry = Geometry((kind.columns, kind.rows, last + 1), _LPS_TO_RAS @ affine, "mm")
    except GeometryError as error:
        raise GeometryError(error.message, path=path) from error
    if geometry.is_sheared:
        notes += ("its axes are not at right angles (an uncorrected gantry tilt?); they are kept as they are",)
    return geometry, notes
