"""Geometry of an NRRD file: by space directions, or by spacings alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Affine, CommonUnit, Geometry, Shape, common_unit
from condseg_app.errors import ReadError
from condseg_app.io.voxels.affines import ORIENTATION_UNKNOWN, SHEARED, are_sound, sizes_conflict, sound_sizes, usable

Fields = Mapping[str, Any]
"""A header's fields by pynrrd."""
Notes = tuple[str, ...]

# The spaces' axes as signs of right, anterior, superior.
_SPACES: Mapping[str, tuple[int, int, int]] = {
    "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1),
}  # fmt: skip
_LPS = (-1, -1, 1)


def directions_of(fields: Fields, count: int) -> NDArray[np.float64] | None:
    """Space directions (axes, world), NaN for an axis without direction; None if not stated for `count` axes."""
    if "space directions" not in fields:
        return None
    stated = np.asarray(fields["space directions"], np.float64)
    return stated if stated.ndim == 2 and len(stated) == count else None


def geometry_of(fields: Fields, space: Sequence[int], shape: Shape) -> tuple[Geometry, Notes]:
    """The grid, with notes on its place.

    Args:
        fields: the header's.
        space: numbers of the axes of space.
        shape: of the grid.

    Raises:
        ReadError: the space has more than three dimensions.
        GeometryError: no part of the header states a usable place.
    """
    directions = directions_of(fields, len(fields["sizes"]))
    sizes, size_unit = _spacings(fields, space)
    if directions is None:
        affine, unit, notes = _by_sizes(fields, sizes, size_unit, shape)
    else:
        affine, unit, notes = _by_directions(fields, directions[list(space)], shape)
        found = usable(affine, shape)
        if found is None and sizes and are_sound(sizes, shape):
            affine, unit, notes = _by_sizes(fields, sizes, size_unit, shape)
            notes = ("its space directions cannot be used; its spacings are taken", *notes)
        elif found is not None:
            affine = found
            lengths = [float(length) for length in np.linalg.norm(found[:3, :3], axis=0)]
            given = (*(s * f for s, f in zip(sizes, size_unit.factors, strict=False)), *lengths[len(sizes) :])
            stated = bool(sizes) and bool(np.isfinite(sizes).all()) and size_unit.unit == unit.unit
            notes += sizes_conflict(("space directions", lengths), ("spacings", given), shape) if stated else ()
    geometry = Geometry(shape, affine + 0.0, unit.unit)  # no negative zeros
    sheared = (SHEARED,) if geometry.is_sheared else ()
    return geometry, (*notes, *sheared, *unit.warnings)


def _by_directions(fields: Fields, directions: NDArray[np.float64], shape: Shape) -> tuple[Affine, CommonUnit, Notes]:
    """Voxel -> RAS+ by the directions, in units of the space, else of the axes."""
    columns, signs, notes = _columns(directions, fields)
    unit = common_unit(_texts(fields, "space units") or _texts(fields, "units"), "mm")
    origin, odd = _origin(fields)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = columns, origin
    factors = np.array([*unit.factors[-3:], *[unit.factors[-1] if unit.factors else 1.0] * 3])[:3]
    with np.errstate(all="ignore"):  # non-finite values are reported later
        affine[:3] *= (np.array(signs) * factors)[:, np.newaxis]
    return affine, unit, (*notes, *odd)


def _by_sizes(
    fields: Fields, sizes: Sequence[float], unit: CommonUnit, shape: Shape
) -> tuple[Affine, CommonUnit, Notes]:
    found, notes = sound_sizes(sizes, shape) if sizes else (np.ones(3), ())
    if not sizes and unit.unit == "mm":
        notes = ("the size of its voxels is not stated; 1 mm is taken",)
    factors = np.array([*unit.factors, 1.0, 1.0, 1.0])[:3]
    origin, odd = _origin(fields)
    affine = np.eye(4)
    affine[:3, :3] = np.diag(found * factors * _LPS)
    affine[:3, 3] = origin * factors * _LPS
    return affine, unit, (ORIENTATION_UNKNOWN, *notes, *odd)


def _spacings(fields: Fields, space: Sequence[int]) -> tuple[list[float], CommonUnit]:
    """The sizes of the axes of space, empty if not stated, and the unit: the axes', else the space's."""
    count = len(fields["sizes"])
    stated = np.asarray(fields.get("spacings", ()), np.float64)
    sizes = [float(stated[n]) for n in space] if stated.shape == (count,) else []
    texts = _texts(fields, "units")
    own = [texts[n] for n in space] if len(texts) == count else []
    return sizes, common_unit(own if any(own) else _texts(fields, "space units") or [""] * len(space), "mm")


def _texts(fields: Fields, key: str) -> list[str]:
    found = fields.get(key) or ()
    return [str(text) for text in ((found,) if isinstance(found, str) else found)]


def _origin(fields: Fields) -> tuple[NDArray[np.float64], Notes]:
    origin = np.zeros(3)
    stated = np.asarray(fields.get("space origin", ()), np.float64).ravel()[:3]
    if not np.isfinite(stated).all():
        return origin, ("its space origin is no place; 0 is taken",)
    origin[: len(stated)] = stated
    return origin, ()


def _columns(
    directions: NDArray[np.float64], fields: Fields
) -> tuple[NDArray[np.float64], tuple[int, int, int], Notes]:
    """The grid's axes in the world, in columns; the signs for RAS+; notes."""
    if directions.shape[1] > 3:
        raise ReadError(f"lies in {directions.shape[1]} dimensions; save a volume")
    columns = np.eye(3)
    columns[:, : len(directions)] = 0.0
    columns[: directions.shape[1], : len(directions)] = directions.T
    if len(directions) == 2 and directions.shape[1] == 3:  # a slice in space
        normal = np.cross(columns[:, 0], columns[:, 1])
        length = float(np.linalg.norm(normal))
        columns[:, 2] = normal / length if length > 0 else columns[:, 2]
    space = str(fields.get("space", "")).lower().removesuffix("-time").removesuffix("t")
    return (columns, _SPACES[space], ()) if space in _SPACES else (columns, _LPS, (ORIENTATION_UNKNOWN,))
