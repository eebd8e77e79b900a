"""Parts of arrays: the box to read for an index, and an array slab by slab."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import LazyArray, Region

Box = tuple[slice, ...]
"""A slice for each axis, with start and stop inside the array and no step."""

Put = Callable[[Region, NDArray[np.generic]], None]
"""Writes the voxels (I, J, K) of a box of a grid."""

_SLAB_BYTES = 1 << 24


def box_of(key: Any, shape: tuple[int, ...]) -> tuple[Box, Any]:
    """The box that covers a numpy index, and the remaining index into the box.

    Integers, slices, `...` and new axes need only a box around them; arrays and masks need the whole array.

    Raises:
        IndexError: as numpy would.
    """
    parts = key if isinstance(key, tuple) else (key,)
    if not all(_is_basic(part) for part in parts):
        return tuple(slice(0, n) for n in shape), key
    _ = np.broadcast_to(np.uint8(0), shape)[parts]  # numpy's own check, on an array without a size
    lacking = (slice(None),) * (len(shape) - sum(part is not None and part is not Ellipsis for part in parts))
    at = parts.index(Ellipsis) if Ellipsis in parts else len(parts)
    lengths = iter(shape)
    box: list[slice] = []
    rest: list[Any] = []
    for part in (*parts[:at], *lacking, *parts[at + 1 :]):
        if part is None:
            rest.append(None)
            continue
        asked, inside = _along(part, next(lengths))
        box.append(asked)
        rest.append(inside)
    return tuple(box), tuple(rest)


def _is_basic(part: object) -> bool:
    basic = part is None or part is Ellipsis or isinstance(part, int | np.integer | slice)
    return basic and not isinstance(part, bool)  # which numpy takes for a mask


def _along(part: int | slice, length: int) -> tuple[slice, int | slice]:
    """An axis' slice of the box, and the remaining index."""
    if not isinstance(part, slice):
        start = int(part) % length
        return slice(start, start + 1), 0
    taken = range(*part.indices(length))
    if not taken:
        return slice(0, 0), slice(None)
    return slice(min(taken[0], taken[-1]), max(taken[0], taken[-1]) + 1), slice(None, None, taken.step)


def slabs(array: LazyArray) -> Iterator[tuple[slice, NDArray[np.generic]]]:
    """All of an array (..., K), a few slices along K at a time, with their positions."""
    *others, k = array.shape
    thick = max(1, _SLAB_BYTES // (math.prod(others) * array.dtype.itemsize))
    for start in range(0, k, thick):
        where = slice(start, min(start + thick, k))
        yield where, np.asarray(array[..., where])
