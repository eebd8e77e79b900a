"""Grids in space: shape, affine and unit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from condseg_app.data.units import Unit, conversion, millimetres
from condseg_app.errors import GeometryError

Affine = NDArray[np.float64]
Shape = tuple[int, int, int]

# Far beyond any size in an image; products of larger numbers soon overflow.
_LARGEST = 1e15
# World axes are RAS+: a positive step goes to the patient's Right, Anterior, Superior.
_POSITIVE = "RAS"
_NEGATIVE = "LPI"


@dataclass(frozen=True, eq=False)
class Geometry:
    """A regular grid in space.

    Attributes:
        shape: number of voxels (I, J, K); a 2D image has K = 1.
        affine: (4, 4) float64, voxel index -> world (RAS+) in `unit`.
        unit: what one world step is.

    Raises:
        GeometryError: an axis is empty, or the affine is not finite, beyond all measure, singular or not 4 x 4.
    """

    shape: Shape
    affine: Affine
    unit: Unit = "mm"

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise GeometryError(f"expected three axes of at least one voxel, got shape {shape}")
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise GeometryError("the affine is not a finite 4 x 4 matrix; repair the file's header")
        if np.abs(affine).max() > _LARGEST:
            raise GeometryError(f"the affine holds numbers beyond {_LARGEST:g}; repair the file's header")
        if _is_singular(affine[:3, :3]):
            raise GeometryError("the affine is singular (an axis has no length); repair the file's header")
        affine.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)

    def __eq__(self, other: object) -> bool:
        """Equal to the bit: same shape, unit and affine."""
        if not isinstance(other, Geometry):
            return NotImplemented
        return self.shape == other.shape and self.unit == other.unit and np.array_equal(self.affine, other.affine)

    __hash__ = None  # type: ignore[assignment]  # holds an array

    @classmethod
    def of_picture(cls, width: int, height: int) -> "Geometry":
        """A 2D image's grid: I runs right along a row, J down along a column, in pixels.

        Right and down are the world's L and P, so that a picture and an axial slice of a volume
        are laid out for the screen by the same rule.
        """
        return cls((width, height, 1), np.diag([-1.0, -1.0, 1.0, 1.0]), "pixel")

    @classmethod
    def with_spacing(cls, shape: Shape, spacing: ArrayLike, unit: Unit = "mm") -> "Geometry":
        """An axis-aligned RAS+ grid that starts at the origin."""
        return cls(shape, np.diag([*np.asarray(spacing, dtype=np.float64), 1.0]), unit)

    @property
    def is_2d(self) -> bool:
        """Whether the grid is a single slice."""
        return self.shape[2] == 1

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxels along I, J, K, in `unit`."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(i), float(j), float(k)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """`spacing` in millimetres, in which models and thresholds are; as it is where the unit is the pixel."""
        i, j, k = (step * millimetres(self.unit) for step in self.spacing)
        return i, j, k

    def in_unit(self, unit: Unit) -> "Geometry":
        """The same grid with its world measured in another unit; unchanged where either unit is the pixel."""
        factor = conversion(self.unit, unit)
        if factor == 1.0:
            return self
        affine = self.affine.copy()
        affine[:3] *= factor
        return Geometry(self.shape, affine, unit)

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in `unit` cubed (area of a pixel where the unit is the pixel)."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def world_axes(self) -> tuple[int, int, int]:
        """For I, J, K the world axis (0, 1, 2) that each follows most closely; each once."""
        directions = np.abs(self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0))
        axes = [-1, -1, -1]
        for _ in range(3):
            world, voxel = np.unravel_index(np.argmax(directions), (3, 3))
            axes[int(voxel)] = int(world)
            directions[world, :] = -1.0
            directions[:, voxel] = -1.0
        return axes[0], axes[1], axes[2]

    @property
    def orientation(self) -> str:
        """Axis codes of I, J, K, such as 'RAS' or 'LPI'; the closest codes of oblique axes."""
        return "".join(
            (_POSITIVE if self.affine[world, voxel] >= 0 else _NEGATIVE)[world]
            for voxel, world in enumerate(self.world_axes)
        )

    @property
    def is_sheared(self) -> bool:
        """Whether the axes are not at right angles (an uncorrected gantry tilt, say)."""
        directions = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        return not np.allclose(directions.T @ directions, np.eye(3), atol=1e-3)

    def fits(self, other: "Geometry") -> bool:
        """Whether both grids have the same voxels, up to a hundredth of a voxel at every corner.

        Where one was stored as float32, as NIfTI does, what that cannot tell apart is no difference either.
        """
        if self.shape != other.shape:
            return False
        corners = np.array(
            [[i, j, k, 1.0] for i in (0, self.shape[0]) for j in (0, self.shape[1]) for k in (0, self.shape[2])]
        )
        apart = np.abs(corners @ (self.affine - other.affine).T)[:, :3]
        rounding = np.spacing(np.float32(np.abs(self.affine).max()))
        return bool(apart.max() <= 0.01 * min(self.spacing) + rounding)

    def part(self, region: tuple[slice, slice, slice]) -> "Geometry":
        """The grid of a region, whose ends may be open."""
        bounds = [part.indices(n) for part, n in zip(region, self.shape, strict=True)]
        affine = self.affine.copy()
        affine[:3, 3] += self.affine[:3, :3] @ [start for start, _, _ in bounds]
        i, j, k = (stop - start for start, stop, _ in bounds)
        return Geometry((i, j, k), affine, self.unit)

    def reoriented(self, orientation: str) -> "Geometry":
        """The same grid with axes permuted and flipped to `orientation` (such as 'RAS')."""
        return AxisMap.between(self, orientation).geometry(self)


@dataclass(frozen=True)
class AxisMap:
    """A permutation and flip of a grid's axes: voxels keep their values and change their places in the array.

    Attributes:
        order: for each new axis, the old axis.
        flipped: for each new axis, whether the direction is reversed.
    """

    order: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]

    @classmethod
    def between(cls, geometry: Geometry, orientation: str) -> "AxisMap":
        """The map from a grid's own axes to those of `orientation`."""
        own, wanted = geometry.orientation, orientation.upper()
        pairs = [{_POSITIVE[w], _NEGATIVE[w]} for w in range(3)]
        if sorted(min(p) for c in wanted for p in pairs if c in p) != sorted(min(p) for p in pairs):
            raise GeometryError(f"'{orientation}' is not an orientation; use three letters such as RAS or LPS")
        same_axis = {code: own.index(next(iter(pair & set(own)))) for pair in pairs for code in pair}
        order = [same_axis[code] for code in wanted]
        flips = [own[axis] != code for axis, code in zip(order, wanted, strict=True)]
        return cls((order[0], order[1], order[2]), (flips[0], flips[1], flips[2]))

    def reversed_order(self) -> "AxisMap":
        """The same axes, last first: numpy's order for a viewer that shows the last two."""
        return AxisMap(self.order[::-1], self.flipped[::-1])

    def apply(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Permute and flip the last three axes of an array; returns a view where numpy can."""
        lead = array.ndim - 3
        moved = array.transpose(*range(lead), *(lead + axis for axis in self.order))
        return self._flip(moved)

    def undo(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """The inverse of `apply`."""
        lead = array.ndim - 3
        return self._flip(array).transpose(*range(lead), *(lead + self.order.index(axis) for axis in range(3)))

    def _flip(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        i, j, k = (slice(None, None, -1 if flip else 1) for flip in self.flipped)
        return array[..., i, j, k]

    def geometry(self, geometry: Geometry) -> Geometry:
        """The grid of the mapped array: world positions stay, indices change."""
        matrix = np.zeros((4, 4))  # new index -> old index
        matrix[3, 3] = 1.0
        for new, (old, flip) in enumerate(zip(self.order, self.flipped, strict=True)):
            matrix[old, new] = -1.0 if flip else 1.0
            matrix[old, 3] = geometry.shape[old] - 1.0 if flip else 0.0
        i, j, k = (geometry.shape[axis] for axis in self.order)
        return Geometry((i, j, k), geometry.affine @ matrix, geometry.unit)


def _is_singular(linear: NDArray[np.float64]) -> bool:
    lengths = np.linalg.norm(linear, axis=0)
    return bool((lengths == 0).any() or abs(np.linalg.det(linear / np.where(lengths > 0, lengths, 1.0))) < 1e-6)
