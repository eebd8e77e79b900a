"""How two grids differ, as a sentence for people."""

import numpy as np

from condseg_app.data import Geometry

_TURNED = 0.5
"""Degrees that are worth a word."""
_OFF = 0.01
"""Part of a voxel, or of a length, that is."""


def difference(own: Geometry, other: Geometry) -> str | None:
    """Difference between two grids, regardless of axis order; None where both hold the same voxels.

    Returns:
        a sentence's end, 'it has 7 × 6 × 4 voxels, the image 7 × 6 × 5', say.
    """
    if own.unit == "pixel" and other.unit != "pixel":
        return None if own.shape == other.shape else _sizes(own, other)
    if (own.unit == "pixel") != (other.unit == "pixel"):
        return f"it lies in {own.unit}, the image has no voxel size"
    theirs = _as(own, other)
    if own.shape != theirs.shape:
        return _sizes(own, theirs)
    if not np.allclose(own.spacing, theirs.spacing, rtol=_OFF):
        return f"its voxels measure {_lengths(own)}, the image's {_lengths(theirs)}"
    angle = _angle(own, theirs)
    if angle > _TURNED:
        return f"it is turned by {angle:.0f}° against the image"
    apart = float(np.linalg.norm(_middle(own) - _middle(theirs)))
    if apart > _OFF * min(own.spacing):
        return f"it lies {apart:.3g} {own.unit} beside the image"
    return None


def _as(own: Geometry, other: Geometry) -> Geometry:
    """The other grid with the axes in the order and direction of the first grid."""
    return other if own.unit == "pixel" else other.in_unit(own.unit).reoriented(own.orientation)


def _sizes(own: Geometry, other: Geometry) -> str:
    return f"it has {shape_text(own)}, the image {shape_text(other, short=True)}"


def shape_text(geometry: Geometry, *, short: bool = False) -> str:
    """'7 × 6 × 4 voxels', '640 × 480 pixels'; short: without the noun."""
    shape = geometry.shape[:2] if geometry.is_2d else geometry.shape
    noun = "" if short else " pixels" if geometry.is_2d else " voxels"
    return " × ".join(str(n) for n in shape) + noun


def _lengths(geometry: Geometry) -> str:
    return " × ".join(f"{length:.3g}" for length in geometry.spacing) + f" {geometry.unit}"


def _angle(own: Geometry, other: Geometry) -> float:
    """The largest angle between two axes that belong together, in degrees."""
    first, second = (g.affine[:3, :3] / np.linalg.norm(g.affine[:3, :3], axis=0) for g in (own, other))
    return float(np.degrees(np.arccos(np.clip((first * second).sum(axis=0), -1, 1))).max())


def _middle(geometry: Geometry) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    middle: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = (
        geometry.affine @ [*((n - 1) / 2 for n in geometry.shape), 1.0]
    )[:3]
    return middle
