"""Tools that look at intensities: keep a range, fill from a voxel."""

from dataclasses import dataclass

import numpy as np
from skimage.segmentation import flood

from condseg_app.session.drawing.piece import Mask, Piece, Spacing, Voxel


@dataclass(frozen=True)
class KeepRange:
    """Keep the voxels of a mask whose intensity is in a range.

    Attributes:
        low: lowest intensity kept.
        high: highest intensity kept.
    """

    low: float
    high: float

    @property
    def title(self) -> str:
        """The tool's effect, for the history."""
        return f"Keep intensities of {self.low:g} to {self.high:g}"

    def margin(self, spacing: Spacing) -> Voxel:
        """Nothing around the mask is changed."""
        return 0, 0, 0

    def __call__(self, piece: Piece) -> Mask:
        """The mask where the intensity is in the range; values that are no numbers are in none."""
        return piece.mask & (piece.intensities >= self.low) & (piece.intensities <= self.high)


@dataclass(frozen=True)
class Fill:
    """Add the connected voxels whose intensity is near that of a voxel.

    Attributes:
        seed: the voxel, in the image.
        tolerance: largest difference from the seed's intensity.
        reach: largest distance from the seed along each axis, in the spacing's unit.
    """

    seed: Voxel
    tolerance: float
    reach: float

    @property
    def title(self) -> str:
        """The tool's effect, for the history."""
        return "Fill"

    def margin(self, spacing: Spacing) -> Voxel:
        """Voxels along each axis within reach of the seed."""
        i, j, k = (int(self.reach / step) for step in spacing)
        return i, j, k

    def __call__(self, piece: Piece) -> Mask:
        """The mask with the connected voxels, as far as the piece goes."""
        at = tuple(voxel - first for voxel, first in zip(self.seed, piece.start, strict=True))
        values = np.asarray(piece.intensities, np.float64)
        if not np.isfinite(values[at]):
            return piece.mask.copy()
        near = flood(np.nan_to_num(values, nan=np.inf), at, tolerance=self.tolerance)
        return np.asarray(piece.mask | near)
