"""A person's annotation of a class in an open image, stored in chunks and edited box by box."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.annotation import Annotation, State
from condseg_app.data.chunks import ChunkGrid, bytes_of, compact, is_uniform, uniform
from condseg_app.data.geometry import Shape
from condseg_app.data.regions import EVERYWHERE, Region, first_of, placed, size
from condseg_app.errors import GeometryError

UNDECIDED, ABSENT, PRESENT = 0, 1, 2
"""Annotation value of a voxel."""

Said = NDArray[np.uint8]
_CHUNK = 32
_BLOCK = 64
"""Edge of the blocks that are completed at once: of fewer, larger arrays."""
_SLABS = 32
_MOST = np.iinfo(np.uint8).max
Counts = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class ChunkedAnnotation:
    """A class's annotation in progress: an edit returns a new annotation that shares all untouched chunks.

    So earlier versions can be kept for undoing, and versions can be compared, at the cost of the difference. Counts are
    kept up to date: only `mask`, `supervised` and `of` look at the whole grid.

    Attributes:
        shape: (I, J, K) of the image.
        chunks: place -> `UNDECIDED`, `ABSENT` or `PRESENT` for each voxel; never written to. The rest is undecided.
        decided_on: along each axis, voxels of each slice that are decided.
        present_on: along each axis, voxels of each slice inside the class.
    """

    shape: Shape
    chunks: Mapping[Shape, Said]
    decided_on: Counts
    present_on: Counts

    @classmethod
    def empty(cls, shape: Shape) -> "ChunkedAnnotation":
        """Nothing is said of any voxel."""
        return cls(shape, {}, _no_counts(shape), _no_counts(shape))

    @classmethod
    def of(cls, mask: NDArray[np.bool_], supervised: NDArray[np.bool_]) -> "ChunkedAnnotation":
        """Convert two arrays (I, J, K) as in an `Annotation`."""
        if mask.shape != supervised.shape or mask.ndim != 3:
            raise GeometryError(f"mask {mask.shape} and supervised voxels {supervised.shape} are not of one image")
        shape = (mask.shape[0], mask.shape[1], mask.shape[2])
        made = cls.empty(shape)
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
        change.count_decided(region, before, values)
        change.count_present(region, before, values)
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
        change, blocks = _Change(self), ChunkGrid(self.shape, _BLOCK)
        is_whole = blocks.shape_of(region) == self.shape
        for block, inside, _ in blocks.meetings(region):
            part = placed(inside, first_of(blocks.region_of(block)))
            is_seen = may_be_in(part) or self._may_be_present_in(part)
            values = np.where(shown(part), np.uint8(PRESENT), np.uint8(ABSENT)) if is_seen else _absent(part)
            before = self.read(part) if is_seen or not is_whole else values
            if is_seen:
                change.count_present(part, before, values)
            if not is_whole:
                change.count_decided(part, before, values)
            for place, within, beside in self._grid.meetings(part):
                change.put(place, within, values[beside])
        return change.made(is_complete=is_whole)

    @property
    def state(self) -> State:
        """State of the annotation: present, absent or unlabelled."""
        if not self.decided:
            return "unlabelled"
        return "present" if self.present else "absent"

    @property
    def is_complete(self) -> bool:
        """Whether every voxel is decided."""
        return self.decided == math.prod(self.shape)

    @property
    def decided(self) -> int:
        """Number of decided voxels."""
        return int(self.decided_on[0].sum())

    @property
    def present(self) -> int:
        """Number of voxels of the class."""
        return int(self.present_on[0].sum())

    @property
    def extent(self) -> Region | None:
        """The smallest region around the class's voxels, from the counts; None without such voxels."""
        if not self.present:
            return None
        i, j, k = (slice(int(at[0]), int(at[-1]) + 1) for at in map(np.flatnonzero, self.present_on))
        return i, j, k

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

    def dense(self, class_name: str) -> Annotation:
        """As whole arrays, with a name for the class."""
        values = self.read(EVERYWHERE)
        return Annotation(class_name, values == PRESENT, values != UNDECIDED)

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

    def _may_be_present_in(self, region: Region) -> bool:
        """Whether the class may be annotated in a region, by the counts; False is certain."""
        return self.may_be_in(region) and all(
            along[part].any() for along, part in zip(self.present_on, region, strict=True)
        )

    @property
    def _grid(self) -> ChunkGrid:
        return ChunkGrid(self.shape, _CHUNK)


def overridden(predicted: NDArray[np.bool_], said: Said) -> NDArray[np.bool_]:
    """Mask of a class as shown: the prediction, overridden by the annotation; a new array."""
    return np.asarray((predicted & (said != ABSENT)) | (said == PRESENT))


def said(mask: NDArray[np.bool_], supervised: NDArray[np.bool_]) -> Said:
    """Annotation values of a mask and a supervised mask."""
    values = supervised.astype(np.uint8)
    values[mask & supervised] = PRESENT
    return values


class _Change:
    """The chunks and counts of an annotation that is being edited."""

    def __init__(self, base: ChunkedAnnotation) -> None:
        self._base, self._grid = base, ChunkGrid(base.shape, _CHUNK)
        self._chunks = dict(base.chunks)
        self._decided, self._present = _copied(base.decided_on), _copied(base.present_on)

    def put(self, place: Shape, inside: Region, values: Said) -> None:
        """Say something else in a part of a chunk."""
        chunk, shape = self._chunks.get(place), self._grid.chunk_shape(place)
        if values.shape == shape and is_uniform(values):
            self._chunks[place] = uniform(shape, int(values[0, 0, 0]))
            return
        if chunk is None and not values.any():
            return
        if values.shape == shape:
            made = values.copy()
        else:
            made = np.zeros(shape, np.uint8) if chunk is None else chunk.copy()
            made[inside] = values
        self._chunks[place] = compact(made)

    def count_decided(self, region: Region, before: Said, after: Said) -> None:
        """Update the counts of decided voxels for a changed box."""
        _add(self._decided, region, -1, _on_slices(before, ABSENT))
        _add(self._decided, region, 1, _on_slices(after, ABSENT))

    def count_present(self, region: Region, before: Said, after: Said) -> None:
        """Update the counts of the class's voxels for a changed box."""
        _add(self._present, region, -1, _on_slices(before, PRESENT))
        _add(self._present, region, 1, _on_slices(after, PRESENT))

    def made(self, is_complete: bool = False) -> ChunkedAnnotation:
        """The annotation with all changes; which decide every voxel where that is said, counted or not."""
        decided = _all_counts(self._base.shape) if is_complete else self._decided
        return replace(self._base, chunks=self._chunks, decided_on=decided, present_on=self._present)


def _no_counts(shape: Shape) -> Counts:
    i, j, k = (np.zeros(n, np.int64) for n in shape)
    return i, j, k


def _all_counts(shape: Shape) -> Counts:
    i, j, k = (np.full(n, math.prod(shape) // n, np.int64) for n in shape)
    return i, j, k


def _copied(counts: Counts) -> Counts:
    i, j, k = (along.copy() for along in counts)
    return i, j, k


def _add(counts: Counts, region: Region, sign: int, numbers: Sequence[NDArray[np.int64] | int]) -> None:
    """Add the voxels on the slices of a box, times a sign, to the counts along each axis."""
    for along, within, number in zip(counts, region, numbers, strict=True):
        along[within] += sign * number


def _on_slices(values: Said, least: int) -> Sequence[NDArray[np.int64] | int]:
    """Along each axis, voxels of each slice with at least a value; a number where all slices have as many."""
    alike = is_uniform(values)  # numpy compares these more slowly than others
    found = values[:1, :1, :1] >= least if alike else values >= least
    number = int(np.count_nonzero(found)) * (values.size if alike else 1)
    if number in (0, values.size):
        return [number // n if number else 0 for n in values.shape]
    added = found.view(np.uint8)
    kept = np.uint8 if max(values.shape) <= _MOST else np.int32  # numpy is slow to add up in another type
    over_i, over_j = added.sum(axis=0, dtype=kept), added.sum(axis=1, dtype=kept)
    return [over_j.sum(axis=1, dtype=np.int64), over_i.sum(axis=1, dtype=np.int64), over_i.sum(axis=0, dtype=np.int64)]


def _absent(part: Region) -> Said:
    return uniform(size(part), ABSENT)
