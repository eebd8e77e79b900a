"""Unusable or contradictory parts of the headers that place voxels."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Affine, Geometry, Shape, Unit
from condseg_app.errors import GeometryError

ORIENTATION_UNKNOWN = "its orientation is not stated; left and right may be swapped"
SHEARED = "its axes are not at right angles (an uncorrected gantry tilt?); they are kept as they are"

# Stated sizes may differ by this factor, since they are often rounded.
_ROUNDED = 0.01
# Parts of a voxel that two statements may lie apart.
_APART = 0.1


def usable(affine: Affine, shape: Shape) -> Affine | None:
    """A usable affine for voxels of this shape; None where a needed part cannot be used.

    An axis of a single voxel needs no length: a missing length is replaced, at right angles to the other axes.
    """
    mended = _with_single_slice(affine, shape)
    try:
        Geometry(shape, mended)
    except GeometryError:
        return None
    return mended


def apart(one: Affine, other: Affine, shape: Shape) -> float:
    """Largest distance between the places that two affines give the same voxel, in their unit."""
    corners = np.array([[*corner, 1.0] for corner in product(*((0, n - 1) for n in shape))])
    return float(np.linalg.norm((corners @ (one - other).T)[:, :3], axis=1).max())


def conflict(taken: tuple[str, Affine], other: tuple[str, Affine], shape: Shape, unit: Unit) -> tuple[str, ...]:
    """Warn where two parts of a header place the voxels differently.

    Args:
        taken: the name of the part that is followed, and its affine.
        other: name and affine of the other part.
        shape: of the grid.
        unit: of both affines.
    """
    distance = apart(taken[1], other[1], shape)
    if distance <= _APART * float(np.linalg.norm(taken[1][:3, :3], axis=0).min()):
        return ()
    between = f"its {taken[0]} and its {other[0]} place it up to {distance:.3g} {unit} apart"
    return (f"{between}; the {taken[0]} is taken, and other programs may follow the {other[0]}",)


def sizes_conflict(
    taken: tuple[str, Sequence[float]], other: tuple[str, Sequence[float]], shape: Sequence[int]
) -> tuple[str, ...]:
    """Warn where two parts of a header state different voxel sizes, apart from axes of one voxel."""
    pairs = [(abs(a), abs(b)) for a, b, n in zip(taken[1], other[1], shape, strict=True) if n > 1]
    if all(abs(a - b) <= _ROUNDED * a for a, b in pairs):  # NaN never equals anything
        return ()
    shown = [" x ".join(f"{size:.4g}" for size in sizes) for _, sizes in (taken, other)]
    return (f"its voxel sizes are {shown[0]} by its {taken[0]}, {shown[1]} by its {other[0]}; the former are taken",)


def sound_sizes(stated: Sequence[float], shape: Shape) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Positive voxel sizes of three axes, and a warning; a sign is dropped, 1 replaces an unusable number.

    Args:
        stated: any numbers; axes that are missing have no size.
        shape: of the grid; the size of an axis of one voxel is not needed.
    """
    padded = [float(size) for size in (*stated, *[0.0] * 3)[:3]]
    found = np.array([abs(size) if np.isfinite(size) and size != 0 else 1.0 for size in padded])
    needed = [(size, kept) for size, kept, n in zip(padded, found, shape, strict=True) if n > 1]
    shown = f"its voxel sizes {tuple(round(size, 6) for size in padded)}"
    if any(not np.isfinite(size) or size == 0 for size, _ in needed):
        return found, (f"{shown} cannot be used; 1 is taken where they are no numbers above 0",)
    if any(size != kept for size, kept in needed):
        return found, (f"{shown} are negative; they are taken without their signs",)
    return found, ()


def are_sound(stated: Sequence[float], shape: Shape) -> bool:
    """Whether each axis of more than one voxel has a size, of any sign."""
    sizes = (*stated, *[0.0] * 3)[:3]
    return all(bool(np.isfinite(size)) and size != 0 for size, n in zip(sizes, shape, strict=True) if n > 1)


def _with_single_slice(affine: Affine, shape: Shape) -> Affine:
    """The affine with a length for the only axis of a single voxel that has none."""
    columns = affine[:3, :3]
    single = [axis for axis in range(3) if shape[axis] == 1]
    if len(single) != 1 or (not np.isfinite(affine).all() and not np.isfinite(np.delete(columns, single, 1)).all()):
        return affine
    (axis,) = single
    first, second = (columns[:, other] for other in range(3) if other != axis)
    with np.errstate(all="ignore"):  # numbers that are too large are refused as such
        normal = np.cross(first, second)
        length, own = np.linalg.norm(normal), np.linalg.norm(columns[:, axis])
        upright = abs(float(normal @ columns[:, axis])) / (length * own) if length * own > 0 else 0.0
    if not np.isfinite(length) or length == 0 or upright > 1e-6:
        return affine
    mended = affine.copy()
    mended[:3, axis] = normal / length * np.sign(normal[np.argmax(np.abs(normal))])
    return mended
