"""DICOM slices sorted into groups that make a volume each: by series, size and orientation, passes and phases."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from condseg_app.io.dicom.places import UNEVEN, Places, depth_of, numbers_leave_gaps, places_of, spaced
from condseg_app.io.dicom.slices import TRAITS, DicomSlice

_SAME_DIRECTION = 1e-3
# Traits that may separate the stacks of a series; numbers and times of single slices do not.
_TELLING = tuple(name for name in TRAITS if name != "instance")
_MOST_PARTS = 64
_MOST_RUNS = 8
_LEAST_OF_A_RUN = 3


@dataclass(frozen=True, eq=False)
class SliceGroup:
    """Slices of a series that make a volume, or several volumes at the same place.

    Attributes:
        key: the series instance UID; with '#2', '#3', ... for further groups of the same series.
        slices: in no order.
        part: the difference from other groups of the series: 'acquisition 2'; '' where not needed.
    """

    key: str
    slices: tuple[DicomSlice, ...]
    part: str = ""

    @property
    def first(self) -> DicomSlice:
        """Any slice of the group."""
        return self.slices[0]

    @property
    def is_volume(self) -> bool:
        """Whether the group is more than a scout or a few views."""
        return len(self.slices) > 2 and not self.first.is_localizer

    @property
    def text(self) -> str:
        """Description for a choice: 'CT 5.0 B30f, 120 slices of 512 x 512'."""
        series, kind, count = self.first.series, self.first.kind, len(self.slices)
        number = f"series {series.number}" if series.number and series.number != "None" else ""
        name = " ".join(part for part in (series.modality, number, series.description) if part)
        what = f"{count} slice{'s' if count > 1 else ''}" if self.first.reading != "in time" else f"{count} frames"
        part = f", {self.part}" if self.part else ""
        return f"{name or 'no name'}{part}, {what} of {kind.columns} x {kind.rows}"


def grouped(slices: Sequence[DicomSlice]) -> tuple[SliceGroup, ...]:
    """Group slices by series, size and orientation, in the order of slices; then by passes and phases."""
    series: dict[str, list[list[DicomSlice]]] = {}
    for one in slices:
        groups = series.setdefault(one.series.uid, [])
        home = next((group for group in groups if _belong_together(group[0], one)), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    found: list[SliceGroup] = []
    for uid, groups in series.items():
        parts = [
            replace(part, part=", ".join(filter(None, (name, part.part))))
            for name, group in zip(_differences(groups), groups, strict=True)
            for part in _parts(_by_location(group))
        ]
        found += [replace(part, key=f"{uid}#{n}" if n > 1 else uid) for n, part in enumerate(parts, 1)]
    return tuple(found)


def descriptions(groups: Sequence[SliceGroup]) -> list[str]:
    """Description of each group, with patient and day where these differ."""
    patients, days = ({getattr(group.first.series, name) for group in groups} for name in ("patient", "study"))
    found = []
    for group in groups:
        series = group.first.series
        whose = f"{series.patient or 'no name'}: " if len(patients) > 1 else ""
        when = f"{series.study or 'no date'}, " if len(days) > 1 else ""
        found.append(f"{whose}{when}{group.text}")
    return found


def _differences(groups: Sequence[Sequence[DicomSlice]]) -> list[str]:
    """Differences of a series' groups besides image sizes: planes, and sizes of pixels."""
    planes = [group[0].plane for group in groups]
    sizes = ["pixels of {:.4g} x {:.4g} mm".format(*group[0].spacing) if group[0].spacing else "" for group in groups]
    told = [names if len(set(names)) > 1 else [""] * len(groups) for names in (planes, sizes)]
    return [", ".join(filter(None, names)) for names in zip(*told, strict=True)]


def _belong_together(one: DicomSlice, other: DicomSlice) -> bool:
    mine, its = (
        (a.kind.columns, a.kind.rows, a.kind.channels, a.reading, a.series.patient, a.is_localizer)
        for a in (one, other)
    )
    return mine == its and all(
        a == b or (a is not None and b is not None and bool(np.allclose(a, b, rtol=1e-4, atol=_SAME_DIRECTION)))
        for a, b in ((one.orientation, other.orientation), (one.spacing, other.spacing))
    )


def _by_location(slices: Sequence[DicomSlice]) -> Sequence[DicomSlice]:
    """Slices that all claim the same place, moved to their Slice Location; other slices unchanged."""
    locations = {one.location for one in slices if one.location is not None}
    claimed = {one.position for one in slices}
    first = slices[0]
    if len(slices) < 3 or len(claimed) > 1 or first.position is None or len(locations) < len(slices):
        return slices
    depth = depth_of(first, first.normal)
    return [
        replace(
            one,
            position=tuple(np.add(first.position, ((one.location or 0.0) - depth) * first.normal).tolist()),
            oddities=(*one.oddities, "all its slices claim the same place; they are put by their Slice Location"),
        )
        for one in slices
    ]


def _parts(slices: Sequence[DicomSlice]) -> Iterator[SliceGroup]:
    """A group unchanged if a stack, or several stacks at the same place; else the stacks in the group."""
    whole = SliceGroup("", tuple(slices), slices[0].reading)
    if len(slices) < 2 * 2 or any(one.position is None or one.orientation is None for one in slices):
        yield whole
        return
    places = places_of(slices)
    is_stack = _is_stack(places) and not _is_interleaved(slices, places)
    if is_stack and not _changes_distance(slices, places):
        yield whole
        return
    parts = _by_traits(slices) or ([] if _has_a_double(places) else _by_runs(slices))
    if not parts:
        yield whole
    for name, part in parts:
        yield SliceGroup("", tuple(part), ", ".join(filter(None, (name, _extent(part)))))


def _is_stack(places: Places) -> bool:
    """Whether slices lie on an even grid, as many at each place, with few or none missing."""
    counts = {len(here) for here in places.slices}
    return len(counts) == 1 and not places.are_beside_each_other and spaced(places).is_even


def _has_a_double(places: Places) -> bool:
    """Whether only a single doubled place keeps slices from being a stack."""
    return sum(len(here) > 1 for here in places.slices) == 1 and spaced(places).is_even


def _changes_distance(slices: Sequence[DicomSlice], places: Places) -> bool:
    """Whether apparent gaps are complete stretches of another slice distance."""
    if not spaced(places).missing or len(places.slices) < len(slices):
        return False
    steps = [spaced(places_of(run)).step for _, run in _by_runs(slices)]
    return len(steps) > 1 and max(steps) > (1 + UNEVEN) * min(steps)


def _is_interleaved(slices: Sequence[DicomSlice], places: Places) -> bool:
    """Whether an even grid mixes the slices of several passes, each of which is a volume by itself.

    Passes that fill each other's gaps are a single volume: slices there are as thick as the common distance.
    """
    parts = _divided(slices, ("acquisition",))
    if len(parts) < 2 or any(len(part) < _LEAST_OF_A_RUN for _, part in parts):
        return False
    steps = [spaced(places_of(part)) for _, part in parts]
    step, claimed = spaced(places).step, slices[0].thickness
    own = min(one.step for one in steps)
    return all(one.is_even for one in steps) and own > 1.5 * step and claimed is not None and claimed > 0.9 * own


def _by_traits(slices: Sequence[DicomSlice]) -> list[tuple[str, list[DicomSlice]]]:
    """The parts by the first trait, or pair of traits, of which each value is a stack; else nothing."""
    varying = [name for name in _TELLING if 1 < len({one.trait(name) for one in slices}) <= _MOST_PARTS]
    for names in ((name,) for name in varying):
        if parts := _stacks(_divided(slices, names)):
            return parts
    for pair in combinations(varying, 2):
        if parts := _stacks(_divided(slices, pair)):
            return parts
    return []


def _stacks(parts: list[tuple[str, list[DicomSlice]]]) -> list[tuple[str, list[DicomSlice]]]:
    """These parts, where each is a stack by itself; else nothing."""
    if len(parts) < 2 or len(parts) > _MOST_PARTS or any(len(part) < 2 for _, part in parts):
        return []
    return parts if all(_is_stack(places_of(part)) for _, part in parts) else []


def _divided(slices: Iterable[DicomSlice], names: tuple[str, ...]) -> list[tuple[str, list[DicomSlice]]]:
    """Slices by the values of some traits, in the order of values."""
    found: dict[tuple[tuple[float, str], ...], list[DicomSlice]] = {}
    for one in slices:
        found.setdefault(tuple(one.trait(name) for name in names), []).append(one)
    return [
        (
            ", ".join(f"{name} {text or 'not stated'}" for name, (_, text) in zip(names, values, strict=True)),
            found[values],
        )
        for values in sorted(found)
    ]


def _by_runs(slices: Sequence[DicomSlice]) -> list[tuple[str, list[DicomSlice]]]:
    """Parts of constant slice distance, in the order of slice numbers; nothing where these are many.

    Gaps in the numbers that match gaps in space are missing slices, not a new part.
    """
    if numbers_leave_gaps(slices):
        return []
    normal = slices[0].normal
    numbers = [one.trait("instance")[0] for one in slices]
    by_number = len(set(numbers)) == len(numbers) and bool(np.isfinite(numbers).all())
    key: Any = (lambda one: one.trait("instance")) if by_number else (lambda one: depth_of(one, normal))
    runs: list[list[DicomSlice]] = []
    for one in sorted(slices, key=key):
        run = runs[-1] if runs else []
        if len(run) > 1:
            step = depth_of(run[1], normal) - depth_of(run[0], normal)
            fits = abs(depth_of(one, normal) - depth_of(run[-1], normal) - step) <= UNEVEN * abs(step)
        else:
            fits = bool(run)
        if fits:
            run.append(one)
        else:
            runs.append([one])
    enough = 1 < len(runs) <= _MOST_RUNS and all(len(run) >= _LEAST_OF_A_RUN for run in runs)
    return [("", run) for run in runs] if enough else []


def _extent(slices: Sequence[DicomSlice]) -> str:
    """Slice distance and extent of a part along the stack: '2.5 mm apart from 100.0 to 110.0 mm'."""
    places = places_of(slices)
    step = spaced(places).step
    return f"{step:.4g} mm apart from {places.depths[0]:.1f} to {places.depths[-1]:.1f} mm" if step else ""
