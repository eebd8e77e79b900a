"""Tools for connected parts: fill holes, keep the largest part, remove small parts."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import binary_fill_holes, generate_binary_structure, label

from condseg_app.session.drawing.piece import Mask, Piece, Spacing, Voxel

_TOUCHING = generate_binary_structure(3, 3)
"""Voxels of a part touch at faces, edges or corners."""


@dataclass(frozen=True)
class FillHoles:
    """Fill the holes of a mask.

    Attributes:
        axis: of the slices to be filled one by one; None for holes closed on all sides.
    """

    axis: Literal[0, 1, 2] | None = None

    @property
    def title(self) -> str:
        """The tool's effect, for the history."""
        return "Fill holes" if self.axis is None else "Fill holes slice by slice"

    def margin(self, spacing: Spacing) -> Voxel:
        """Nothing around the mask is changed."""
        return 0, 0, 0

    def __call__(self, piece: Piece) -> Mask:
        """The mask with everything that the mask encloses."""
        axis = next((at for at, n in enumerate(piece.mask.shape) if n == 1), None) if self.axis is None else self.axis
        if axis is None:
            return np.asarray(binary_fill_holes(piece.mask))
        slices = np.moveaxis(piece.mask, axis, 0)
        return np.moveaxis(np.stack([binary_fill_holes(part) for part in slices]), 0, axis)


@dataclass(frozen=True)
class KeepLargest:
    """Keep the largest connected part."""

    @property
    def title(self) -> str:
        """The tool's effect, for the history."""
        return "Keep the largest part"

    def margin(self, spacing: Spacing) -> Voxel:
        """Nothing around the mask is changed."""
        return 0, 0, 0

    def __call__(self, piece: Piece) -> Mask:
        """The part with the most voxels; the first of equal parts."""
        numbered, sizes = _parts(piece.mask)
        return np.asarray(numbered == sizes.argmax()) if len(sizes) > 1 else piece.mask.copy()


@dataclass(frozen=True)
class RemoveSmall:
    """Remove connected parts that are smaller than a size.

    Attributes:
        size: volume in the spacing's unit cubed; area of a 2D image.
    """

    size: float

    @property
    def title(self) -> str:
        """The tool's effect, for the history."""
        return f"Remove parts smaller than {self.size:g}"

    def margin(self, spacing: Spacing) -> Voxel:
        """Nothing around the mask is changed."""
        return 0, 0, 0

    def __call__(self, piece: Piece) -> Mask:
        """The parts of at least the size."""
        numbered, sizes = _parts(piece.mask)
        kept = sizes * float(np.prod(piece.spacing)) >= self.size
        kept[0] = False
        return np.asarray(kept[numbered])


def _parts(mask: Mask) -> tuple[np.ndarray, np.ndarray]:
    """The number of each voxel's part, 0 outside, and the voxels of each part, 0 for the outside."""
    numbered, count = label(mask, _TOUCHING)
    sizes = np.bincount(numbered.ravel(), minlength=count + 1)
    sizes[0] = 0
    return numbered, sizes
