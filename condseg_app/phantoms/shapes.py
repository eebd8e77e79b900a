"""Tools of phantoms: smooth noise, signed distances, and a canvas of blended tissues."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from condseg_app.data import Geometry

Field = NDArray[np.floating[Any]]  # float32 where speed matters
Point = tuple[float, float, float]

_FAR = 1e3  # mm; farther than any shape reaches


@dataclass(frozen=True, eq=False)
class Space:
    """Positions of voxels in an undeformed body; shapes are signed distances there, negative inside.

    Attributes:
        x: (I, J, K), mm towards the right of the body.
        y: (I, J, K), mm towards its front.
        z: (I, J, K), mm towards its head.
        spacing: of the voxels, mm.
        to_index: (3, 4), from (x, y, z, 1) to about the voxel's index, deformation left out.
        slack: the deformation's longest shift of a point, mm.
    """

    x: Field
    y: Field
    z: Field
    spacing: tuple[float, float, float]
    to_index: NDArray[np.float64]
    slack: float

    @classmethod
    def deformed(cls, geometry: Geometry, scale: ArrayLike, rng: np.random.Generator, amplitude: float) -> "Space":
        """The space of a body that is `scale` times the template and smoothly deformed.

        Args:
            geometry: the voxels; world (0, 0, 0) is the body's centre.
            scale: three factors.
            rng: where the deformation comes from.
            amplitude: of the deformation, mm (standard deviation).
        """
        factors = np.broadcast_to(np.asarray(scale, dtype=np.float64), (3,))
        to_body = np.diag([*(1 / factors), 1.0]) @ geometry.affine
        index = np.ix_(*(np.arange(n, dtype=np.float32) for n in geometry.shape))
        moved = []
        slack = 0.0
        for row in to_body[:3].astype(np.float32):
            bend = amplitude * smooth_noise(rng, geometry.shape, geometry.spacing, 75.0)
            slack = max(slack, float(np.abs(bend).max()))
            moved.append(row[0] * index[0] + row[1] * index[1] + row[2] * index[2] + row[3] + bend)
        return cls(moved[0], moved[1], moved[2], geometry.spacing, np.linalg.inv(to_body)[:3].astype(np.float64), slack)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels."""
        i, j, k = self.x.shape
        return i, j, k

    def noise(self, rng: np.random.Generator, scale: float) -> Field:
        """Smooth noise of standard deviation 1 whose bumps are about `scale` mm wide."""
        return smooth_noise(rng, self.shape, self.spacing, scale)

    def local(self, center: Point, angles: Point = (0.0, 0.0, 0.0)) -> tuple[Field, Field, Field]:
        """Coordinates around a centre, turned by angles (radians) about x, y and z."""
        dx, dy, dz = self.x - center[0], self.y - center[1], self.z - center[2]
        if not any(angles):
            return dx, dy, dz
        turned = [row[0] * dx + row[1] * dy + row[2] * dz for row in rotation(angles).T.astype(np.float32)]
        return turned[0], turned[1], turned[2]

    def ellipsoid(self, center: Point, radii: Point, angles: Point = (0.0, 0.0, 0.0)) -> Field:
        """Distance to an ellipsoid."""
        return ellipsoid(self.local(center, angles), radii)

    def tube(self, points: ArrayLike, radii: ArrayLike) -> Field:
        """Distance to a tube along a line of points, (N, 3), whose radius changes from point to point."""
        line = np.asarray(points, dtype=np.float64)
        widths = np.broadcast_to(np.asarray(radii, dtype=np.float64), (len(line),))
        distance = np.full(self.shape, _FAR, dtype=np.float32)
        for start, end, first, last in zip(line[:-1], line[1:], widths[:-1], widths[1:], strict=True):
            box = self._box(start, end, max(first, last) + 8.0 + self.slack)
            part = _segment((self.x[box], self.y[box], self.z[box]), (start, end), (first, last))
            np.minimum(distance[box], part, out=distance[box])
        return distance

    def _box(self, start: NDArray[np.float64], end: NDArray[np.float64], margin: float) -> tuple[slice, slice, slice]:
        low, high = np.minimum(start, end) - margin, np.maximum(start, end) + margin
        corners = np.array(
            [[x, y, z, 1.0] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
        )
        index = corners @ self.to_index.T
        first = np.clip(np.floor(index.min(axis=0)), 0, self.shape).astype(int)
        last = np.clip(np.ceil(index.max(axis=0)) + 1, 0, self.shape).astype(int)
        return slice(first[0], last[0]), slice(first[1], last[1]), slice(first[2], last[2])


class Canvas:
    """Intensities and labels that shapes are painted on, the later over the earlier.

    Attributes:
        values: (I, J, K) float32.
        labels: (I, J, K) uint8.
    """

    def __init__(self, shape: tuple[int, int, int], background: float) -> None:
        self.values = np.full(shape, background, dtype=np.float32)
        self.labels = np.zeros(shape, dtype=np.uint8)

    def paint(self, distance: Field, value: float | Field, label: int | None = 0, soft: float = 3.5) -> None:
        """Lay a tissue over the canvas.

        Args:
            distance: signed, in mm, negative inside.
            value: intensity, a number or an array with a number per voxel.
            label: value of the inside in the label map; None leaves the labels unchanged.
            soft: width of the edge in mm, over which the tissues blend (the scanner's partial volumes).
        """
        touched = distance < soft / 2
        near = distance[touched]
        share = np.clip(0.5 - near / soft, 0.0, 1.0)
        tissue = value[touched] if isinstance(value, np.ndarray) else value
        self.values[touched] += share * (tissue - self.values[touched])
        if label is not None:
            self.labels[distance < 0] = label


def ellipsoid(local: tuple[Field, Field, Field], radii: Point) -> Field:
    """Distance to an ellipsoid around the origin of `local`: exact on its surface, close nearby."""
    u, v, w = (part / np.float32(radius) for part, radius in zip(local, radii, strict=True))
    level = np.sqrt(u * u + v * v + w * w)
    u, v, w = (part / np.float32(radius) for part, radius in zip((u, v, w), radii, strict=True))
    slope = np.sqrt(u * u + v * v + w * w) + np.float32(1e-6)
    distance: Field = level * (level - 1) / slope
    return np.where(level > 1e-3, distance, np.float32(-min(radii)))


def oval(x: Field, y: Field, radii: tuple[float, float], power: float = 2.3) -> Field:
    """Distance, along the ray from the middle, to a rounded rectangle (a superellipse)."""
    level = (np.abs(x / radii[0]) ** power + np.abs(y / radii[1]) ** power) ** (1 / power) + np.float32(1e-4)
    distance: Field = np.hypot(x, y) * (1 - 1 / level)
    return np.where(level > 0.05, distance, np.float32(-min(radii)))


def inside_all(*distances: Field, round_mm: float = 4.0) -> Field:
    """Distance to the intersection of several shapes, with edges rounded off."""
    shared = distances[0]
    for other in distances[1:]:
        blend = np.maximum(round_mm - np.abs(shared - other), 0) / round_mm
        shared = np.maximum(shared, other) + blend * blend * np.float32(round_mm / 4)
    return shared


def inside_any(*distances: Field, round_mm: float = 4.0) -> Field:
    """Distance to the union of several shapes, with seams rounded off."""
    return -inside_all(*(-distance for distance in distances), round_mm=round_mm)


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], spacing: Sequence[float], scale: float
) -> NDArray[np.float32]:
    """A random field of mean 0 and standard deviation about 1: cubic B-splines on a grid of `scale` mm."""
    bases = [_spline_basis(n, step / scale) for n, step in zip(shape, spacing, strict=True)]
    field = rng.standard_normal([basis.shape[1] for basis in bases]).astype(np.float32)
    for axis, basis in enumerate(bases):
        field = np.moveaxis(np.tensordot(basis, field, axes=(1, axis)), 0, axis)
    # A cubic B-spline keeps 0.479 of white noise's variance along an axis, on average.
    return np.ascontiguousarray(field / np.float32(0.479 ** (len(shape) / 2)))


def rotation(angles: Point) -> NDArray[np.float64]:
    """The (3, 3) matrix that turns by angles (radians) about x, then y, then z."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    turn: NDArray[np.float64] = about_z @ about_y @ about_x
    return turn


def curve(points: ArrayLike, steps: int = 5) -> NDArray[np.float64]:
    """A smooth line (Catmull-Rom) through points or rows of numbers, `steps` pieces between neighbours."""
    knots = np.asarray(points, dtype=np.float64)
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    t = (np.arange(steps) / steps)[:, None]
    pieces = []
    for before, start, end, after in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):
        linear, square = end - before, 2 * before - 5 * start + 4 * end - after
        pieces.append(0.5 * (2 * start + linear * t + square * t**2 + (3 * start - before - 3 * end + after) * t**3))
    return np.concatenate([*pieces, knots[-1:]])


def _segment(
    at: tuple[Field, Field, Field], ends: tuple[NDArray[np.float64], NDArray[np.float64]], radii: tuple[float, float]
) -> Field:
    start, along = ends[0].astype(np.float32), (ends[1] - ends[0]).astype(np.float32)
    dx, dy, dz = at[0] - start[0], at[1] - start[1], at[2] - start[2]
    length = np.float32(max(float(along @ along), 1e-6))
    t = np.clip((dx * along[0] + dy * along[1] + dz * along[2]) / length, 0, 1)
    off = np.sqrt((dx - t * along[0]) ** 2 + (dy - t * along[1]) ** 2 + (dz - t * along[2]) ** 2)
    distance: Field = off - (np.float32(radii[0]) + t * np.float32(radii[1] - radii[0]))
    return distance


def _spline_basis(count: int, step: float) -> NDArray[np.float32]:
    position = np.arange(count) * step
    knot = np.arange(int(np.ceil(position[-1])) + 4) - 1.5
    far = np.abs(position[:, None] - knot[None, :])
    near = 2 / 3 - far**2 + far**3 / 2
    tail = np.maximum(2 - far, 0) ** 3 / 6
    return np.where(far < 1, near, tail).astype(np.float32)
