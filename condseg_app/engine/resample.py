"""Resampling along an axis in whole numbers: the same to the bit for any part and in any order.

Values and weights are whole numbers below 2**15 and up to 2**8, so that their sums are exact in float32; cubic weights
are up to 2**17, and their sums exact in float64.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_WHOLE, _WHOLE_CUBIC = 1 << 8, 1 << 16
_POLE, _REACH = 3**0.5 - 2, 10
# Rows of the weights' matrix that are filled at a time: of a long axis only a band of the matrix is not empty.
_ROWS = 512


@dataclass(frozen=True, eq=False)
class InterpolationWeights:
    """Interpolation weights of the new voxels along an axis.

    Both grids cover the same space.

    Attributes:
        old: (new, taps) old voxels, ascending; those at the ends may be repeated.
        weight: (new, taps) of each, whole parts of `one` that sum to `one`; float32 or float64.
        one: the sum.
    """

    old: Tensor
    weight: Tensor
    one: int = _WHOLE

    @classmethod
    def between(cls, old: int, new: int) -> "InterpolationWeights":
        """Linear interpolation from so many voxels to so many.

        In downsampling each new voxel is a weighted mean (a triangle) of all old voxels below: nothing thin is skipped.
        """
        ratio = old / new
        reach = max(1.0, ratio)
        centres = (torch.arange(new, dtype=torch.float64) + 0.5) * ratio - 0.5
        # A voxel at a triangle's very end has weight 0.
        first = ((centres - reach).floor().long() + 1).clamp(min=0)
        last = ((centres + reach).ceil().long() - 1).clamp(max=old - 1)
        index = first[:, None] + torch.arange(int((last - first).max()) + 1)
        weight = 1.0 - (index - centres[:, None]).abs() / reach
        weight = torch.where(index <= last[:, None], weight, 0.0)
        weight = _whole_parts(weight / weight.sum(dim=1, keepdim=True), _WHOLE)
        return cls(torch.minimum(index, last[:, None]), weight.float())

    @classmethod
    def cubic(cls, old: int, new: int) -> "InterpolationWeights":
        """A cubic spline through so many voxels, at so many places; beyond its ends an axis goes on as there.

        The spline depends on all voxels, but on those further away than `_REACH` by less than a weight's last digit.
        Source: Unser, Splines: a perfect fit for signal and image processing, IEEE SPM 16(6), 1999.
        """
        centres = (torch.arange(new, dtype=torch.float64) + 0.5) * (old / new) - 0.5
        index = centres.floor().long()[:, None] + torch.arange(1 - _REACH, 1 + _REACH)
        away = centres[:, None] - index
        knots = (away.floor() + n for n in (-1, 0, 1, 2))
        weight = sum((3**0.5 * _POLE ** knot.abs() * _b_spline(away - knot) for knot in knots), torch.zeros(()))
        return cls(index.clamp(0, old - 1), _whole_parts(weight, _WHOLE_CUBIC), _WHOLE_CUBIC)

    def cropped(self, box: slice) -> "InterpolationWeights":
        """From a longer axis, of which the old voxels are a part."""
        return replace(self, old=self.old + box.start)

    def padded(self, box: slice, new: int) -> "InterpolationWeights":
        """To a longer axis, of which the new voxels are a part; voxels outside become 0."""
        rows = (torch.arange(new) - box.start).clamp(0, len(self.old) - 1)
        inside = (torch.arange(new) >= box.start) & (torch.arange(new) < box.stop)
        return replace(self, old=self.old[rows], weight=self.weight[rows] * inside[:, None])

    def needed_by(self, new: slice) -> slice:
        """The range of old voxels that a range of new voxels depends on."""
        return slice(int(self.old[new].min()), int(self.old[new].max()) + 1)

    def touched_by(self, old: slice) -> slice:
        """The range of new voxels that depend on a range of old voxels; may be empty."""
        part = (self.old >= old.start) & (self.old < old.stop) & (self.weight > 0)
        rows = part.any(dim=1).nonzero()[:, 0]
        return slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else slice(0, 0)

    def apply(self, x: Tensor, axis: int, new: slice) -> Tensor:
        """A range of new voxels along an axis, rounded to whole numbers.

        Args:
            x: whole numbers; along the axis the range `needed_by(new)`.
            axis: of x.
            new: the range.
        """
        first = self.needed_by(new).start
        lines = x.movedim(axis, -1).to(self.weight.dtype)
        made = []
        for start in range(new.start, new.stop, _ROWS):
            rows = slice(start, min(start + _ROWS, new.stop))
            old = self.needed_by(rows)
            band = torch.zeros(rows.stop - rows.start, old.stop - old.start, dtype=lines.dtype)
            band.scatter_add_(1, self.old[rows] - old.start, self.weight[rows])
            made.append(lines[..., old.start - first : old.stop - first] @ band.T)
        whole = made[0] if len(made) == 1 else torch.cat(made, dim=-1)
        return whole.div_(self.one).round_().movedim(-1, axis)


def holding_any(marked: NDArray[np.bool_], axis: int, new: int) -> NDArray[np.bool_]:
    """Voxels of a coarser axis that hold the centre of a true voxel; of a finer axis, those that lie in a true voxel.

    So even the thinnest mask leaves a voxel, never further away than the nearest voxel.
    """
    old = marked.shape[axis]
    found: NDArray[np.bool_]
    if new >= old:
        found = marked.take((2 * np.arange(new) + 1) * old // (2 * new), axis)
    else:
        holder = (2 * np.arange(old) + 1) * new // (2 * old)
        found = np.logical_or.reduceat(marked, np.searchsorted(holder, np.arange(new)), axis=axis)
    return found


def _b_spline(x: Tensor) -> Tensor:
    """The cubic B-spline."""
    x = x.abs()
    return torch.where(x < 1, 2 / 3 - x**2 + x**3 / 2, (2 - x).clamp(min=0) ** 3 / 6)


def _whole_parts(weight: Tensor, one: int) -> Tensor:
    """Whole numbers in proportion to weights that sum to 1, and whose sum is `one`."""
    exact = weight * one
    whole = exact.round()
    rows, largest = torch.arange(len(whole)), exact.argmax(dim=1)
    whole[rows, largest] += one - whole.sum(dim=1)
    return whole
