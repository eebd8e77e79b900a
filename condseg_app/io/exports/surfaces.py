"""The surface of a mask: a closed triangle mesh in the image's world."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from condseg_app.data import Geometry, extent_of

Mesh = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Vertices (N, 3), and faces (M, 3) as vertex numbers."""

_AT_ONCE = 1 << 17
"""Voxels, for about ten milliseconds."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles around a mask.

    Attributes:
        vertices: (N, 3) float64, world positions (RAS+) in the grid's unit.
        faces: (M, 3) vertex numbers, counter-clockwise seen from outside.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]

    @property
    def area(self) -> float:
        """Of all triangles, in the grid's unit squared."""
        a, b, c = (self.vertices[self.faces[:, n]] for n in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def surface_of(mask: NDArray[np.bool_], geometry: Geometry) -> Surface:
    """The surface half-way between the voxels inside and outside; without triangles for an empty mask.

    Marching cubes (Lorensen & Cline 1987) on the mask with a voxel of background around it, so that the mesh is closed
    where the mask touches the image's border, too. Voxels keep their steps: nothing is smoothed.

    Args:
        mask: (I, J, K).
        geometry: the mask's grid; any affine, left-handed affines as well.
    """
    box = extent_of(mask)
    if box is None:
        return Surface(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
    found, faces = _joined(list(_slab_meshes(np.pad(mask[box], 1))))
    voxels = found - 1 + [part.start for part in box]
    if np.linalg.det(geometry.affine[:3, :3]) < 0:  # mirrored: counter-clockwise triangles have become clockwise
        faces = faces[:, ::-1]
    return Surface(voxels @ geometry.affine[:3, :3].T + geometry.affine[:3, 3], faces)


def _slab_meshes(padded: NDArray[np.bool_]) -> Iterator[Mesh]:
    """The triangles in a few planes at a time: the library lets no other thread run meanwhile, such as a window's."""
    thick = max(1, _AT_ONCE // padded[0].size)
    for start in range(0, len(padded) - 1, thick):
        slab = padded[start : start + thick + 1]
        if slab.any() and not slab.all():
            # Not 'lewiner', whose meshes are open where voxels touch with an edge only.
            vertices, faces, _, _ = marching_cubes(slab, 0.5, method="lorensen", gradient_direction="ascent")
            yield vertices.astype(np.float64) + np.array([start, 0, 0]), faces.astype(np.int64)


def _joined(meshes: Sequence[Mesh]) -> Mesh:
    """Several meshes as a single mesh, in which equal vertices are merged."""
    firsts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    vertices = np.concatenate([vertices for vertices, _ in meshes])
    faces = np.concatenate([faces + first for (_, faces), first in zip(meshes, firsts, strict=False)])
    halves = np.rint(2 * vertices).astype(np.int64)  # each lies in the middle between two voxels
    places = np.ravel_multi_index(tuple(halves.T), tuple(halves.max(axis=0) + 1))
    _, kept, number = np.unique(places, return_index=True, return_inverse=True)
    return vertices[kept], number[faces]
