"""Tools that move a mask's surface: grow, shrink, smooth."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from condseg_app.session.drawing.piece import Mask, Piece, Spacing, Voxel

_SIGMAS = 4.0
"""Beyond so many standard deviations scipy's Gaussian is cut."""


@dataclass(frozen=True)
class Grow:
    """Add all voxels within a distance.

    Attributes:
        distance: in the unit of the spacing.
    """

    distance: float

    @property
    def title(self) -> str:
        """The tool's effect, for the history."""
        return f"Grow by {self.distance:g}"

    def margin(self, spacing: Spacing) -> Voxel:
        """Voxels along each axis within the distance."""
        return _voxels(self.distance, spacing)

    def __call__(self, piece: Piece) -> Mask:
        """The mask with all voxels whose centre is within the distance of a centre in the mask."""
        if not piece.mask.any():
            return piece.mask.copy()
        return np.asarray(_distance(~piece.mask, piece.spacing) <= self.distance)


@dataclass(frozen=True)
class Shrink:
    """Remove all voxels within a distance of the outside.

    Attributes:
        distance: in the unit of the spacing.
    """

    distance: float

    @property
    def title(self) -> str:
        """The tool's effect, for the history."""
        return f"Shrink by {self.distance:g}"

    def margin(self, spacing: Spacing) -> Voxel:
        """The voxels around the mask: a layer, beyond the image's rim too."""
        return 1, 1, 1

    def __call__(self, piece: Piece) -> Mask:
        """The mask without all voxels whose centre is within the distance of a centre outside."""
        if piece.mask.all():
            return piece.mask.copy()
        return np.asarray(_distance(piece.mask, piece.spacing) > self.distance)


@dataclass(frozen=True)
class Smooth:
    """Smooth a mask's surface; details smaller than the distance go.

    Attributes:
        distance: standard deviation of the Gaussian, in the unit of the spacing.
    """

    distance: float

    @property
    def title(self) -> str:
        """The tool's effect, for the history."""
        return f"Smooth by {self.distance:g}"

    def margin(self, spacing: Spacing) -> Voxel:
        """Voxels along each axis that the Gaussian reaches."""
        return _voxels(_SIGMAS * self.distance, spacing)

    def __call__(self, piece: Piece) -> Mask:
        """The mask where its blurred form is at least one half."""
        flat = [n == 1 for n in piece.mask.shape]
        sigma = [0.0 if is_flat else self.distance / s for is_flat, s in zip(flat, piece.spacing, strict=True)]
        blurred = gaussian_filter(piece.mask.astype(np.float32), sigma, mode="nearest", truncate=_SIGMAS)
        return np.asarray(blurred >= 0.5)


def _voxels(distance: float, spacing: Spacing) -> Voxel:
    i, j, k = (math.ceil(distance / step) for step in spacing)
    return i, j, k


def _distance(inside: Mask, spacing: Spacing) -> np.ndarray:
    """Distance of each voxel inside to the nearest voxel outside."""
    return np.asarray(distance_transform_edt(inside, sampling=spacing))
