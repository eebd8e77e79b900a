"""The polygon: everything inside a closed line on a slice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from skimage.draw import polygon2mask

from condseg_app.session.drawing.piece import Mask, Piece, Spacing, Voxel
from condseg_app.session.drawing.slices import Axis


@dataclass(frozen=True)
class Polygon:
    """Add, or erase, everything inside a closed line on a slice.

    Attributes:
        axis: of the slices.
        index: of the slice, in the image.
        corners: of the line, in voxels along the other two axes in their order.
        erases: whether the inside is taken away instead.
    """

    axis: Axis
    index: int
    corners: Sequence[tuple[float, float]]
    erases: bool = False

    @property
    def title(self) -> str:
        """The tool's effect, for the history."""
        return "Erase a polygon" if self.erases else "Draw a polygon"

    def margin(self, spacing: Spacing) -> Voxel:
        """Nothing around the polygon is changed."""
        return 0, 0, 0

    def __call__(self, piece: Piece) -> Mask:
        """The mask with, or without, the voxels whose centre is inside."""
        slices = np.moveaxis(piece.mask.copy(), self.axis, 0)
        first = [start for axis, start in enumerate(piece.start) if axis != self.axis]
        inside = polygon2mask(slices.shape[1:], np.asarray(self.corners, float) - first)
        at = self.index - piece.start[self.axis]
        slices[at] = slices[at] & ~inside if self.erases else slices[at] | inside
        return np.moveaxis(slices, 0, self.axis)
