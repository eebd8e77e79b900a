"""Labels placed onto an image's grid: by position in space, never by index if the labels state a position."""

from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import AxisMap, Geometry, Shape
from condseg_app.data.regions import Region, common, placed, seen_from, whole
from condseg_app.errors import GeometryError
from condseg_app.io.labels.grids import difference
from condseg_app.io.labels.sidecar import sidecar_path
from condseg_app.io.pictures.camera import UPRIGHT, lies_on_a_side, orientation_of, upright

Placed = tuple[NDArray[Any], tuple[str, ...]]
"""Numbers (I, J, K) on the image's grid, and warnings about the placing."""

# Parts of a voxel: up to the first, grids are the same; up to the second, the labels' header is taken to be rounded.
_EXACT = 0.01
_NEAR = 0.25


@dataclass(frozen=True, eq=False)
class _Lattice:
    """Position of the labels' voxels on the image's grid.

    Attributes:
        axes: from the labels' axes to the image's.
        first: the image's voxel at the labels' first voxel.
        off: largest distance from the image's voxels, in voxels.
    """

    axes: AxisMap
    first: tuple[int, int, int]
    off: float

    @property
    def is_first(self) -> bool:
        """Whether both grids begin with the same voxel."""
        return self.first == (0, 0, 0)


def onto_grid(
    array: NDArray[Any],
    geometry: Geometry,
    wanted: Geometry,
    path: Path,
    *,
    may_be_a_part: bool = False,
    picture: Path | None = None,
) -> Placed:
    """Labels on an image's grid; voxels move in the array, never in space, and missing voxels are 0.

    Labels on a part of the image's grid are put in their place. A picture, which states no position, has the
    image's pixels.

    Args:
        array: the labels' numbers (I, J, K).
        geometry: the labels' grid.
        wanted: the image's.
        path: their file.
        may_be_a_part: whether files of the format are cropped to the labels, and may begin where the image does.
        picture: the image's file, which may have been turned upright.

    Raises:
        GeometryError: another grid, with the differences named.
    """
    if geometry.unit == "pixel" != wanted.unit:
        return _as_pixels(array, wanted.shape, picture, path)
    same = geometry.in_unit(wanted.unit)
    found, told = _lattice(same, wanted), tuple[str, ...]()
    if found is None and {geometry.unit, wanted.unit} == {"mm", "µm"}:  # either file may have lost its unit
        found = _lattice(Geometry(geometry.shape, geometry.affine, wanted.unit), wanted)
        told = (f"its unit is {geometry.unit}, its image's {wanted.unit}; its numbers are taken for {wanted.unit}",)
    cut = may_be_a_part if geometry.unit == "pixel" or wanted.unit != "pixel" else None
    if found is not None and _may_be_taken(found, array, wanted.shape, cut):
        placed, notes = _put(array, found, wanted)
        turned = _of_a_turned_picture(array.shape, picture, path) if wanted.unit == "pixel" else ()
        return placed, (*told, *notes, *turned)
    if geometry.unit == "pixel":
        return _as_pixels(array, wanted.shape, picture, path)
    raise GeometryError(_difference(same, wanted, found), path=path)


def _lattice(geometry: Geometry, wanted: Geometry) -> _Lattice | None:
    """Position of a grid on another grid; None where the voxels do not coincide."""
    with np.errstate(all="ignore"):
        to_wanted = np.linalg.inv(wanted.affine)
        for order, flipped in product(permutations(range(3)), product((False, True), repeat=3)):
            axes = AxisMap((order[0], order[1], order[2]), (flipped[0], flipped[1], flipped[2]))
            turned = axes.geometry(geometry)
            steps = to_wanted @ turned.affine
            first = np.rint(steps[:3, 3])
            off = _most_off(steps, first, turned.shape) - _rounding(geometry, wanted)
            if off <= _NEAR:
                i, j, k = (int(n) for n in first)
                return _Lattice(axes, (i, j, k), max(0.0, off))
    return None


def _most_off(steps: NDArray[np.float64], first: NDArray[np.float64], shape: Shape) -> float:
    """By how many voxels the corners of a grid miss those of another, at most."""
    corners = np.array([[*corner, 1.0] for corner in product(*((0, n) for n in shape))])
    return float(np.abs((corners @ steps.T)[:, :3] - (corners[:, :3] + first)).max())


def _rounding(geometry: Geometry, wanted: Geometry) -> float:
    """Position error of affines stored as float32, as in NIfTI, in voxels."""
    largest = max(float(np.abs(g.affine).max()) for g in (geometry, wanted))
    return float(np.spacing(np.float32(largest))) / min(wanted.spacing)


def _may_be_taken(found: _Lattice, array: NDArray[Any], shape: Shape, may_be_a_part: bool | None) -> bool:
    """Whether labels on the image's lattice belong to the image, whole, cropped or larger.

    A whole grid beside the image's, and a grid that begins where the image does but has another shape, are
    mistakes more often than parts, unless `may_be_a_part`, which is None where a common space is uncertain.
    """
    turned = found.axes.apply(array).shape
    if turned == shape:
        return found.is_first
    if may_be_a_part is None or (found.is_first and not may_be_a_part):
        return False
    inside, within = _covered(found, turned, shape)
    if any(part.start >= part.stop for part in inside):
        return False
    outside = np.count_nonzero(array) - np.count_nonzero(found.axes.apply(array)[within])
    return bool(outside == 0)


def _covered(found: _Lattice, turned: Shape, shape: Shape) -> tuple[Region, Region]:
    """The image's voxels that the labels cover, on the image's grid and on the labels' own, turned."""
    i, j, k = map(common, placed(whole(turned), found.first), whole(shape))
    return (i, j, k), seen_from((i, j, k), found.first)


def _put(array: NDArray[Any], found: _Lattice, wanted: Geometry) -> Placed:
    turned = found.axes.apply(array)
    notes: tuple[str, ...] = ()
    if found.off > _EXACT:
        notes = (f"it lies {found.off:.2g} of a voxel beside its image's; it is taken to be on the image's grid",)
    if turned.shape == wanted.shape:
        return turned, notes
    filled = np.zeros(wanted.shape, array.dtype)
    inside, within = _covered(found, turned.shape, wanted.shape)
    filled[inside] = turned[within]
    return filled, notes


def _as_pixels(array: NDArray[Any], shape: Shape, picture: Path | None, path: Path) -> Placed:
    """Labels without a position: on the image's pixels, as shown or as stored in the image's file."""
    if array.shape == shape:
        return array, ()
    orientation = orientation_of(picture)
    if lies_on_a_side(orientation) and (array.shape[1], array.shape[0], array.shape[2]) == shape:
        turned = upright(array[..., 0].T, orientation).T[..., np.newaxis]
        return turned, ("it is of the picture as the camera stored it; it is turned upright as that is",)
    raise GeometryError(f"has shape {array.shape}, its image {shape}; use the labels of this image", path=path)


def _of_a_turned_picture(shape: tuple[int, ...], picture: Path | None, path: Path) -> tuple[str, ...]:
    """A sentence on labels of which nothing tells whether they are of the upright picture or of the stored one."""
    orientation = orientation_of(picture)
    is_told = lies_on_a_side(orientation) and shape[0] != shape[1]
    if orientation == UPRIGHT or is_told or orientation_of(path) != UPRIGHT or sidecar_path(path).exists():
        return ()
    return (
        f"its picture was turned upright (camera orientation {orientation}), and it is taken to be of that; see that "
        "it lies right, for a program that does not turn pictures would have written the same file",
    )


def _difference(geometry: Geometry, wanted: Geometry, found: _Lattice | None) -> str:
    """Why labels do not fit, with the differences."""
    if sorted(geometry.shape) == sorted(wanted.shape):
        told = difference(geometry, wanted) or "their affines differ"
        return f"lies elsewhere in space than its image: {told}; resample it onto the image first"
    beside = f", and {_lattice_difference(geometry, wanted)}" if found is None else ", and does not lie within it"
    return f"has shape {geometry.shape}, its image {wanted.shape}{beside}; use the labels of this image"


def _lattice_difference(geometry: Geometry, wanted: Geometry) -> str:
    """How voxels are not those of another grid, wherever both begin."""
    other = wanted.reoriented(geometry.orientation).affine.copy()
    middle = [(n - 1) / 2 for n in geometry.shape]
    other[:3, 3] = geometry.affine[:3, :3] @ middle + geometry.affine[:3, 3] - other[:3, :3] @ middle
    told = difference(geometry, Geometry(geometry.shape, other, wanted.unit))
    return told or "its voxels lie between the image's"
