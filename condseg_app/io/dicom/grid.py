"""The grid of a stack of DICOM slices in the world."""

from pathlib import Path

import numpy as np

from condseg_app.data import Geometry
from condseg_app.errors import GeometryError
from condseg_app.io.dicom.slices import DicomSlice

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def grid_of(first: DicomSlice, final: DicomSlice, last: int, path: Path) -> tuple[Geometry, tuple[str, ...]]:
    """RAS+ grid of a stack from the first slice (K = 0) to the final slice (K = `last`), with notes.

    Raises:
        GeometryError: the grid has no volume.
    """
    kind = first.kind
    if first.position is None and first.spacing is None and last == 0:
        return Geometry.of_picture(kind.columns, kind.rows), ()
    notes = _not_stated(first, last)
    directions = np.array(first.orientation or (1, 0, 0, 0, 1, 0), np.float64)
    across, down = first.spacing or (1.0, 1.0)
    step = first.normal * (first.thickness or 1.0)
    if last and first.position is not None:
        step = np.subtract(final.position or (), first.position) / last
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


def _not_stated(first: DicomSlice, last: int) -> tuple[str, ...]:
    """Notes on the assumptions of a stack's grid."""
    notes: tuple[str, ...] = ()
    if first.spacing is None:
        notes += ("its pixel sizes are not stated; 1 mm is taken",)
    if first.orientation is None:
        notes += ("its orientation is not stated; left and right may be swapped",)
    if not last or first.position is not None:
        return notes
    if first.orientation is not None:
        notes += ("which way its slices follow each other is not stated; the volume may be mirrored",)
    if first.thickness is None:
        notes += ("its slice distance is not stated; 1 mm is taken",)
    return notes
