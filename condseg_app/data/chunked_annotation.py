"""A person's annotation of a class in an open image, stored in chunks and edited box by box."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.annotation import Annotation, State
from condseg_app.data.chunks import EVERYWHERE, ChunkGrid, Region, bytes_of, compact, is_uniform, uniform
from condseg_app.data.geometry import Shape
from condseg_app.errors import GeometryError

UNDECIDED, ABSENT, PRESENT = 0, 1, 2
"""Annotation value of a voxel."""

Said = NDArray[np.uint8]
_CHUNK = 32
_SLABS = 32
Counts = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class ChunkedAnnotation:
    """A class's annotation in progress: an edit returns a new annotation that shares all untouched chunks.

    So earlier versions can be kept for undoing, and versions can be compared, at the cost of the difference. Counts are
    kept up to date: only `mask`, `supervised` and `of` look at the whole grid.

    Attributes:
        class_name: the annotated class.
        shape: (I, J, K) of the image.
        chunks: place -> `UNDECIDED`, `ABSENT` or `PRESENT` for each voxel; never written to. The rest is undecided.
        decided_on: along each axis, voxels of each slice that are decided.
        present_on: along each axis, voxels of each slice inside the class.
    """

    class_name: str
    shape: Shape
    chunks: Mapping[Shape, Said]
    decided_on: Counts
    present_on: Counts

    @classmethod
    def empty(cls, class_name: str, shape: Shape) -> "ChunkedAnnotation":
        """Nothing is said of any voxel."""
        return cls(class_name, shape, {}, _no_counts(shape), _no_counts(shape))

    @classmethod
    def of(cls, class_name: str, mask: NDArray[np.bool_], supervised: NDArray[np.bool_]) -> "ChunkedAnnotation":
        """Convert two arrays (I, J, K) as in an `Annotation`."""
        if mask.shape != supervised.shape or mask.ndim != 3:
            raise GeometryError(f"mask {mask.shape} and supervised voxels {supervised.shape} are not of one image")
        shape = (mask.shape[0], mask.shape[1], mask.shape[2])
        made = cls.empty(class_name, shape)
        for start in range(0, shape[2], _SLABS):  # a few slices at a time, to save memory
            part = (slice(None), slice(None), slice(start, start + _SLABS))
            made = made.edited(part, said(mask[part], supervised[part]))
        return made

    def read(self, region: Region) -> Said:
        """Annotation values in a region: a new array, at the cost of the region alone."""
        found = np.zeros(self._grid.shape_of(region), np.uint8)
        if self.chunks:
            for place, inside, beside in self._grid.meetings(region):
                if place in self.chunks:
                    found[beside] = self.chunks[place][inside]
        return found

    def edited(self, region: Region, values: Said) -> "ChunkedAnnotation":
        """With something else said in a region."""
        before, change = self.read(region), _Change(self)
        for place, inside, beside in self._grid.meetings(region):
            change.put(place, inside, values[beside])
        change.count(self._grid.bounds(region), before, values)
        return change.made()

    def completed(
        self, region: Region, shown: Callable[[Region], NDArray[np.bool_]], may_be_in: Callable[[Region], bool]
    ) -> "ChunkedAnnotation":
        """With everything in a region decided: the class is present where shown, absent elsewhere.

        Args:
            region: the part of the image.
            shown: the shown mask of a part of the image, existing annotation included.
            may_be_in: whether the class may be shown in a part without annotation.
        """
        change = _Change(self)
        for place, inside, _ in self._grid.meetings(region):
            part = _within(self._grid.region_of(place), inside)
            if place in self.chunks or may_be_in(part):
                values = np.where(shown(part), np.uint8(PRESENT), np.uint8(ABSENT))
                change.count([(p.start, p.stop) for p in part], self.read(part), values)
            else:
                values = uniform(_lengths(inside), ABSENT)
                change.count_decided(part)
            change.put(place, inside, values)
        return change.made()

    @property
    def state(self) -> State:
        """State of the annotation: present, absent or unlabelled."""
        if not self.decided:
            return "unlabelled"
        return "present" if self.present else "absent"

    @property
    def decided(self) -> int:
        """Number of decided voxels."""
        return int(self.decided_on[0].sum())

    @property
    def present(self) -> int:
        """Number of voxels of the class."""
        return int(self.present_on[0].sum())

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Mask of the class: a new (I, J, K) array."""
        mask: NDArray[np.bool_] = self.read(EVERYWHERE) == PRESENT
        return mask

    @property
    def supervised(self) -> NDArray[np.bool_]:
        """Supervised mask: a new (I, J, K) array."""
        supervised: NDArray[np.bool_] = self.read(EVERYWHERE) != UNDECIDED
        return supervised

    def dense(self, class_name: str | None = None) -> Annotation:
        """As whole arrays, maybe by another name for the class."""
        values = self.read(EVERYWHERE)
        return Annotation(class_name or self.class_name, values == PRESENT, values != UNDECIDED)

    def may_be_in(self, region: Region) -> bool:
        """Whether something may be said in a region; nothing is if not."""
        return bool(self.chunks) and any(place in self.chunks for place in self._grid.touched(region))

    def changes_from(self, other: "ChunkedAnnotation | None") -> Iterator[Region]:
        """Parts of the grid that contain all differences from another annotation."""
        before: Mapping[Shape, Said] = {} if other is None else other.chunks
        for place in {**before, **self.chunks}:
            if before.get(place) is not self.chunks.get(place):
                yield self._grid.region_of(place)

    def says_as(self, other: "ChunkedAnnotation | None") -> bool:
        """Whether the very same is said of every voxel; None says nothing."""
        if other is None:
            return self.decided == 0
        return all(np.array_equal(self.read(part), other.read(part)) for part in self.changes_from(other))

    def bytes_beside(self, other: "ChunkedAnnotation | None") -> int:
        """Memory of the chunks that another annotation does not share, in bytes."""
        kept: Mapping[Shape, Said] = {} if other is None else other.chunks
        return sum(bytes_of(chunk) for place, chunk in self.chunks.items() if kept.get(place) is not chunk)

    @property
    def _grid(self) -> ChunkGrid:
        return ChunkGrid(self.shape, _CHUNK)


def said(mask: NDArray[np.bool_], supervised: NDArray[np.bool_]) -> Said:
    """Annotation values of a mask and a supervised mask."""
    values = supervised.astype(np.uint8)
    values[mask & supervised] = PRESENT
    return values


class _Change:
    """The chunks and counts of an annotation that is being edited."""

    def __init__(self, base: ChunkedAnnotation) -> None:
        self._base = base
        self._chunks = dict(base.chunks)
        self._decided, self._present = _copied(base.decided_on), _copied(base.present_on)

    def put(self, place: Shape, inside: Region, values: Said) -> None:
        """Say something else in a part of a chunk."""
        chunk, shape = self._chunks.get(place), ChunkGrid(self._base.shape, _CHUNK).chunk_shape(place)
        if values.shape == shape and is_uniform(values):
            self._chunks[place] = values
            return
        if chunk is None and not values.any():
            return
        if values.shape == shape:
            made = values.copy()
        else:
            made = np.zeros(shape, np.uint8) if chunk is None else chunk.copy()
            made[inside] = values
        self._chunks[place] = compact(made)

    def count(self, bounds: list[tuple[int, int]], before: Said, after: Said) -> None:
        """Update the counts for a changed box."""
        _add(self._decided, bounds, before != UNDECIDED, after != UNDECIDED)
        _add(self._present, bounds, before == PRESENT, after == PRESENT)

    def count_decided(self, part: Region) -> None:
        """Count a box that was not decided at all as decided."""
        i, j, k = _lengths(part)
        for along, within, slice_size in zip(self._decided, part, (j * k, i * k, i * j), strict=True):
            along[within] += slice_size

    def made(self) -> ChunkedAnnotation:
        """The annotation with all changes."""
        return replace(self._base, chunks=self._chunks, decided_on=self._decided, present_on=self._present)


def _no_counts(shape: Shape) -> Counts:
    i, j, k = (np.zeros(n, np.int64) for n in shape)
    return i, j, k


def _copied(counts: Counts) -> Counts:
    i, j, k = (along.copy() for along in counts)
    return i, j, k


def _add(counts: Counts, bounds: list[tuple[int, int]], before: NDArray[np.bool_], after: NDArray[np.bool_]) -> None:
    """Add the change from `before` to `after` to the counts along each axis."""
    more = after.view(np.int8) - before.view(np.int8)
    in_rows = more.sum(axis=2, dtype=np.int64)
    sums = (in_rows.sum(axis=1), in_rows.sum(axis=0), more.sum(axis=(0, 1), dtype=np.int64))
    for along, (start, stop), added in zip(counts, bounds, sums, strict=True):
        along[start:stop] += added


def _lengths(part: Region) -> tuple[int, ...]:
    return tuple(s.stop - s.start for s in part)


def _within(chunk: Region, inside: Region) -> Region:
    i, j, k = (slice(c.start + s.start, c.start + s.stop) for c, s in zip(chunk, inside, strict=True))
    return i, j, k
