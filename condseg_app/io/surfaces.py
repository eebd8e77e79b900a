"""The surface of a mask: a closed triangle mesh in the image's world."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Geometry, extent_of


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
    """The surface half-way between the voxels inside and those outside; without triangles if the mask is empty.

    Marching cubes (Lorensen & Cline 1987) on the mask with a voxel of background around it, so that the mesh is closed
    where the mask touches the image's border, too. Voxels keep their steps: nothing is smoothed.

    Args:
        mask: (I, J, K).
        geometry: its grid; any affine, left-handed ones as well.
    """
    from skimage.measure import marching_cubes

    box = extent_of(mask)
    if box is None:
        return Surface(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
    padded = np.pad(mask[box], 1)
    # Not 'lewiner', whose meshes are open where voxels touch with an edge only.
    found, faces, _, _ = marching_cubes(padded, 0.5, method="lorensen", gradient_direction="ascent")
    voxels = found.astype(np.float64) - 1 + [part.start for part in box]
    if np.linalg.det(geometry.affine[:3, :3]) < 0:  # mirrored: what was counter-clockwise runs the other way
        faces = faces[:, ::-1]
    return Surface(voxels @ geometry.affine[:3, :3].T + geometry.affine[:3, 3], faces.astype(np.int64))
