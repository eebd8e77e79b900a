"""The outlines of a mask's pieces in a plane, exact to the pixel."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Point = tuple[int, int]
"""Column, row."""

# The four edges of a pixel, clockwise on screen, with the pixel on the right hand.
_STEPS: tuple[Point, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))
# For an outline at a corner, going on in each of these directions: the pixel on the right-hand side.
_PIXELS: tuple[Point, ...] = ((0, 0), (-1, 0), (-1, -1), (0, -1))


@dataclass(frozen=True, eq=False)
class Piece:
    """Edge-connected pixels of a mask.

    Attributes:
        row: of the first pixel of `mask` in the plane.
        column: of the first pixel of `mask` in the plane.
        mask: (rows, columns) of the piece's own box.
        has_hole: whether the piece surrounds a pixel outside the piece.
    """

    row: int
    column: int
    mask: NDArray[np.bool_]
    has_hole: bool

    def corners(self) -> list[Point]:
        """The outer outline along the pixels' edges: the pixel (0, 0) reaches from 0 to 1."""
        return _bends([corner for corner, _ in self._walk()])

    def centres(self) -> list[Point]:
        """The outer outline through the middles of the outermost pixels, where the pixel (0, 0) has its middle at 0."""
        middles = [pixel for _, pixel in self._walk()]
        return _bends([pixel for number, pixel in enumerate(middles) if pixel != middles[number - 1]])

    def _walk(self) -> Iterator[tuple[Point, Point]]:
        """Corner for corner once around the piece, clockwise on screen, each with the pixel on the right hand."""
        inside = np.pad(self.mask, 1)
        x, y = start = int(np.argmax(self.mask[0])), 0
        heading = 0
        while True:
            pixel = (x + _PIXELS[heading][0], y + _PIXELS[heading][1])
            yield (x + self.column, y + self.row), (pixel[0] + self.column, pixel[1] + self.row)
            x, y = x + _STEPS[heading][0], y + _STEPS[heading][1]
            # Turn right first: pixels that touch only at a corner are in different pieces.
            for turn in (1, 0, -1):
                after = (heading + turn) % 4
                column, row = x + _PIXELS[after][0], y + _PIXELS[after][1]
                left_column, left_row = column + _STEPS[after - 1][0], row + _STEPS[after - 1][1]
                if inside[row + 1, column + 1] and not inside[left_row + 1, left_column + 1]:
                    heading = after
                    break
            if (x, y) == start and heading == 0:
                return


def pieces(plane: NDArray[np.bool_]) -> Iterator[Piece]:
    """The pieces of a mask (rows, columns), from the first pixel on, row by row."""
    numbered, count = ndimage.label(plane)
    for number, (rows, columns) in enumerate(ndimage.find_objects(numbered, count), start=1):
        mask = numbered[rows, columns] == number
        yield Piece(rows.start, columns.start, mask, _has_hole(mask))


def _has_hole(mask: NDArray[np.bool_]) -> bool:
    if min(mask.shape) < 3 or mask.all():
        return False
    return bool(ndimage.binary_fill_holes(mask, np.ones((3, 3))).sum() > mask.sum())


def _bends(points: list[Point]) -> list[Point]:
    """A closed line's points without those that lie on the way between their neighbours."""
    kept = []
    for number, (x, y) in enumerate(points):
        (a, b), (c, d) = points[number - 1], points[(number + 1) % len(points)]
        if (x - a, y - b) != (c - x, d - y):
            kept.append((x, y))
    return kept
