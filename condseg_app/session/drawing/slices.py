"""Tools along slices: interpolate between painted slices, copy a slice to the next."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.ndimage import distance_transform_edt, shift

from condseg_app.session.drawing.piece import Mask, Piece, Spacing, Voxel

Axis = Literal[0, 1, 2]
AXES: tuple[Axis, ...] = (0, 1, 2)


@dataclass(frozen=True)
class FillBetween:
    """Fill the slices between two annotated slices with the class, by interpolated signed distances.

    Attributes:
        axis: of the slices.

    Both shapes are moved to a common centre first, or shapes that hardly overlap would vanish between.

    Source: Raya & Udupa, Shape-based interpolation of multidimensional objects, IEEE TMI 9(1), 1990.
    """

    axis: Axis

    @property
    def title(self) -> str:
        """The tool's effect, for the history."""
        return "Interpolate between slices"

    def margin(self, spacing: Spacing) -> Voxel:
        """A voxel around the mask, so that distances to the outside are known."""
        return 1, 1, 1

    def __call__(self, piece: Piece) -> Mask:
        """The mask with other slices between annotated slices; annotated slices stay."""
        found = np.moveaxis(piece.mask.copy(), self.axis, 0)
        spacing = [step for axis, step in enumerate(piece.spacing) if axis != self.axis]
        annotated = np.flatnonzero(np.moveaxis(piece.annotated, self.axis, 0).any(axis=(1, 2)))
        for first, last in pairwise(annotated):
            if found[first].any() and found[last].any():
                found[first + 1 : last] = _between(found[first], found[last], int(last - first), spacing)
        return np.moveaxis(found, 0, self.axis)


@dataclass(frozen=True)
class CopySlice:
    """Copy the class on a slice to another slice, beside the class there.

    Attributes:
        axis: of the slices.
        source: index of the copied slice, in the image.
        target: index of the slice that gets the copy.
    """

    axis: Axis
    source: int
    target: int

    @property
    def title(self) -> str:
        """The tool's effect, for the history."""
        return "Copy to another slice"

    def margin(self, spacing: Spacing) -> Voxel:
        """Slices between the two."""
        i, j, k = (abs(self.target - self.source) if axis == self.axis else 0 for axis in range(3))
        return i, j, k

    def __call__(self, piece: Piece) -> Mask:
        """The mask with the copy; unchanged where the class or the image does not reach that far."""
        slices = np.moveaxis(piece.mask.copy(), self.axis, 0)
        source, target = (at - piece.start[self.axis] for at in (self.source, self.target))
        if min(source, target) >= 0 and max(source, target) < len(slices):
            slices[target] |= slices[source]
        return np.moveaxis(slices, 0, self.axis)


def _between(first: Mask, last: Mask, steps: int, spacing: list[float]) -> Mask:
    """The slices between two, (steps - 1, a, b): distances are interpolated around a centre that moves evenly."""
    distances = [_signed_distance(mask, spacing) for mask in (first, last)]
    centres = [np.argwhere(mask).mean(axis=0) for mask in (first, last)]
    found = np.zeros((steps - 1, *first.shape), bool)
    for at in range(1, steps):
        weights = (1 - at / steps, at / steps)
        centre = np.average(centres, axis=0, weights=weights)
        moved = [shift(d, centre - c, order=1, mode="nearest") for d, c in zip(distances, centres, strict=True)]
        found[at - 1] = np.average(moved, axis=0, weights=weights) > 0
    return found


def _signed_distance(mask: Mask, spacing: list[float]) -> np.ndarray:
    """Distance to the mask's edge: positive inside, negative outside."""
    inside = distance_transform_edt(mask, sampling=spacing)
    outside = distance_transform_edt(~mask, sampling=spacing)
    return np.asarray(inside - outside)
