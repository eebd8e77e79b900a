"""Geometry of a NIfTI file: by sform, qform or voxel sizes, the first that can be used."""

import math
from typing import Any

import numpy as np
from nibabel.quaternions import fillpositive, quat2mat

from condseg_app.data import Affine, Geometry, Shape, Unit
from condseg_app.errors import GeometryError
from condseg_app.io.voxels.affines import (
    ORIENTATION_UNKNOWN,
    SHEARED,
    are_sound,
    conflict,
    sizes_conflict,
    sound_sizes,
    usable,
)

Notes = tuple[str, ...]

# Rounding may make a quaternion's part longer than 1; a greater length is damage.
_LONGEST = 1.01


def geometry_of(header: Any, shape: Shape) -> tuple[Geometry, Notes]:
    """The grid, with notes on its place.

    Raises:
        GeometryError: no part of the header states a usable place.
    """
    unit, factor, oddity = _unit(header)
    with np.errstate(all="ignore"):  # numbers that are too large are refused as such
        affine, notes = _affine(header, shape, unit, np.array([[factor]] * 3 + [[1.0]]))
    geometry = Geometry(shape, affine, unit)
    sheared = (SHEARED,) if geometry.is_sheared else ()
    return geometry, (*notes, *sheared, *oddity)


def _affine(header: Any, shape: Shape, unit: Unit, factors: Affine) -> tuple[Affine, Notes]:
    """Affine by the sform, else the qform, else voxel sizes alone (x to the left, as in nibabel and FSL)."""
    stated = [float(size * factors[0, 0]) for size in header["pixdim"][1:4]]
    claimed = {name: int(header[f"{name}_code"]) > 0 for name in ("sform", "qform")}
    sform = usable(np.asarray(header.get_sform(), np.float64) * factors, shape) if claimed["sform"] else None
    qform = _qform(header, stated, factors[0, 0], shape) if claimed["qform"] else None
    broken = [name for name, form in (("sform", sform), ("qform", qform)) if claimed[name] and form is None]
    if sform is not None and qform is not None:
        return sform, conflict(("sform", sform), ("qform", qform), shape, unit)
    if sform is not None:
        sizes = [float(size) for size in np.linalg.norm(sform[:3, :3], axis=0)]
        notes = sizes_conflict(("sform", sizes), ("pixdim", stated), shape)
        return sform, (*notes, *_unusable(broken, "sform"))
    if qform is not None:
        return qform, (*_unusable(broken, "qform"), *sound_sizes(stated, shape)[1])
    if broken and not are_sound(stated, shape):
        raise GeometryError(f"its affine ({' and '.join(broken)}) cannot be used; repair the file's header")
    return _by_sizes(stated, shape, broken)


def _by_sizes(stated: list[float], shape: Shape, broken: list[str]) -> tuple[Affine, Notes]:
    sizes, notes = sound_sizes(stated, shape)
    affine = np.diag([-sizes[0], sizes[1], sizes[2], 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * np.diag(affine)[:3]
    return affine, (*_unusable(broken, "voxel sizes"), ORIENTATION_UNKNOWN, *notes)


def _unusable(broken: list[str], taken: str) -> Notes:
    """A sentence for each part that is ignored."""
    verb = "are" if taken.endswith("s") else "is"
    return tuple(f"its {name} cannot be used; its {taken} {verb} taken" for name in broken)


def _qform(header: Any, stated: list[float], factor: float, shape: Shape) -> Affine | None:
    """The qform's affine by nifti1.h (method 2); None if unusable."""
    parts = np.array([float(header[f"quatern_{name}"]) for name in "bcd"])
    length = float(np.linalg.norm(parts))
    if not math.isfinite(length) or length > _LONGEST or not are_sound(stated, shape):
        return None
    sizes, _ = sound_sizes(stated, shape)
    # A sign other than -1 counts as 1, 0 as well.
    sizes[2] *= -1.0 if float(header["pixdim"][0]) < 0 else 1.0
    affine = np.eye(4)
    affine[:3, :3] = quat2mat(fillpositive(parts / max(1.0, length))) * sizes
    affine[:3, 3] = [float(header[f"qoffset_{name}"]) * factor for name in "xyz"]
    return usable(affine, shape)


def _unit(header: Any) -> tuple[Unit, float, Notes]:
    """Unit and factor of lengths; millimetres if not stated, as in all programs."""
    match int(header["xyzt_units"]) & 0x07:
        case 1:
            return "mm", 1000.0, ()
        case 3:
            return "µm", 1.0, ()
        case 0 | 2:
            return "mm", 1.0, ()
        case code:
            return "mm", 1.0, (f"its unit of length has the unknown code {code}; mm is taken",)
