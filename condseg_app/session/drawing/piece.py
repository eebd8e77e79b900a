"""A part of an image with a class's mask, as drawing tools see it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Voxel = tuple[int, int, int]
Spacing = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Piece:
    """A box of an image.

    Attributes:
        mask: (i, j, k) of the class, as predicted and annotated.
        annotated: (i, j, k), where a person decided.
        read: reads the intensities, which few tools need.
        spacing: of the voxels along i, j, k, in the image's unit; 1 across a 2D image.
        start: the box's first voxel in the image.
    """

    mask: Mask
    annotated: Mask
    read: Callable[[], NDArray[np.float32]]
    spacing: Spacing
    start: Voxel = (0, 0, 0)

    @cached_property
    def intensities(self) -> NDArray[np.float32]:
        """(i, j, k) of the image's first channel, or of the mean over colours."""
        return self.read()


class Tool(Protocol):
    """A drawing tool. `condseg_app.session.drawing` has them all."""

    @property
    def title(self) -> str:
        """The tool's effect, for the history: 'Grow by 2 mm'."""

    def margin(self, spacing: Spacing) -> Voxel:
        """Voxels along each axis by which the mask may grow, and which the tool must see around the mask."""

    def __call__(self, piece: Piece) -> Mask:
        """The new mask; a new array."""
