"""Tools that look at intensities: keep a range."""

from dataclasses import dataclass

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
