"""Boxes of grids as slices with a start and a stop."""

from collections.abc import Iterable, Sequence

from condseg_app.data.geometry import Shape

Region = tuple[slice, slice, slice]

EVERYWHERE: Region = (slice(None), slice(None), slice(None))


def whole(shape: Shape) -> Region:
    """The region that is all of a grid."""
    i, j, k = (slice(0, n) for n in shape)
    return i, j, k


def lengths(box: Iterable[slice]) -> tuple[int, ...]:
    """Voxels along each axis of a box of any number of axes."""
    return tuple(part.stop - part.start for part in box)


def size(region: Region) -> Shape:
    """Voxels along each axis."""
    i, j, k = lengths(region)
    return i, j, k


def first_of(region: Region) -> Shape:
    """A region's first voxel."""
    i, j, k = (part.start for part in region)
    return i, j, k


def common(a: slice, b: slice) -> slice:
    """Intersection of two ranges."""
    return slice(max(a.start, b.start), min(a.stop, b.stop))


def meet(a: Region, b: Region) -> bool:
    """Whether two regions have a voxel in common."""
    return all(p.start < q.stop and q.start < p.stop for p, q in zip(a, b, strict=True))


def placed(region: Region, first: Sequence[int]) -> Region:
    """A region relative to a voxel as an absolute region."""
    i, j, k = (slice(part.start + n, part.stop + n) for part, n in zip(region, first, strict=True))
    return i, j, k


def seen_from(region: Region, first: Sequence[int]) -> Region:
    """A region counted from another first voxel: the inverse of `placed`."""
    return placed(region, [-n for n in first])


def around(regions: Iterable[Region]) -> Region | None:
    """The smallest region that holds some regions; None for none."""
    parts = list(zip(*regions, strict=True))
    if not parts:
        return None
    i, j, k = (slice(min(part.start for part in along), max(part.stop for part in along)) for along in parts)
    return i, j, k


def padded(region: Region, margin: Shape, shape: Shape) -> Region:
    """A region with a margin on both sides of each axis, as far as the grid goes."""
    i, j, k = (
        slice(max(0, part.start - more), min(n, part.stop + more))
        for part, more, n in zip(region, margin, shape, strict=True)
    )
    return i, j, k
