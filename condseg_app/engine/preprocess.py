"""From an image as it was read to the grid and the intensities that a network works on, and back."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condseg_app.data import AxisMap, Geometry, Image, Preprocessing, Shape

# Z-scores beyond this are artefacts (a bright implant); left in, they would rule the first convolution.
_CLIP = 5.0


@dataclass(frozen=True)
class WorkingGrid:
    """The grid a network works on, and its place in an image's own grid.

    Attributes:
        source: the image's own grid.
        axes: from the image's axes to the working axes.
        turned: the shape after turning, before resampling.
        shape: the working shape (I, J, K).
    """

    source: Geometry
    axes: AxisMap
    turned: Shape
    shape: Shape

    @classmethod
    def of(cls, source: Geometry, preprocessing: Preprocessing) -> "WorkingGrid":
        """The working grid of an image; it covers the same space as the image."""
        axes = AxisMap.between(source, preprocessing.orientation or source.orientation)
        turned = axes.geometry(source)
        if preprocessing.spacing is None:
            return cls(source, axes, turned.shape, turned.shape)
        i, j, k = (
            max(1, round(n * own / wanted))
            for n, own, wanted in zip(turned.shape, turned.spacing, preprocessing.spacing, strict=True)
        )
        return cls(source, axes, turned.shape, (i, j, k))

    def to_working(self, array: NDArray[np.generic]) -> Tensor:
        """Turn and resample the last three axes of an array; float32."""
        turned = np.ascontiguousarray(self.axes.apply(array), dtype=np.float32)
        return resample(torch.from_numpy(turned), self.shape)


def prepare(image: Image, preprocessing: Preprocessing, grid: WorkingGrid) -> Tensor:
    """What the network is shown of an image: (C, I, J, K) float32 on the working grid."""
    voxels = image.voxels()
    scaled = normalise(voxels, preprocessing)
    return grid.to_working(scaled)


def normalise(voxels: NDArray[np.generic], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Intensities as the model wants them, (C, I, J, K) float32; voxels that are not finite become the lowest."""
    values = np.asarray(voxels, dtype=np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        values = np.where(finite, values, values[finite].min() if finite.any() else 0.0)
    match preprocessing.intensity:
        case "zscore":
            mean = values.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float64)
            deviation = values.std(axis=(1, 2, 3), keepdims=True, dtype=np.float64)
            scaled = (values - mean) / np.where(deviation > 0, deviation, 1.0)
            result = np.clip(scaled, -_CLIP, _CLIP)
        case "window":
            result = np.clip((values - preprocessing.low) / (preprocessing.high - preprocessing.low), 0.0, 1.0)
        case "percentile":
            ends = np.percentile(values, (preprocessing.low, preprocessing.high), axis=(1, 2, 3), keepdims=True)
            width = np.where(ends[1] > ends[0], ends[1] - ends[0], 1.0)
            result = np.clip((values - ends[0]) / width, 0.0, 1.0)
        case "unit":
            whole = np.issubdtype(voxels.dtype, np.integer)
            top = float(np.iinfo(str(voxels.dtype)).max) if whole else max(1.0, float(values.max()))
            result = values / top
    return np.asarray(result, dtype=np.float32)


def resample(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Resample the last three axes to `shape`, axis by axis, by triangle filters.

    Both grids cover the same space. Going up this is linear interpolation; going down each new voxel is a
    weighted mean of all the old ones it covers, so that nothing thin is skipped.
    """
    for axis, n in enumerate(shape):
        dim = x.dim() - 3 + axis
        if x.shape[dim] != n:
            x = along(x, dim, axis_weights(x.shape[dim], n).to(x))
    return x


def along(x: Tensor, dim: int, weights: Tensor) -> Tensor:
    """Apply a weight matrix (new, old) along one axis."""
    return torch.movedim(torch.movedim(x, dim, -1) @ weights.T, -1, dim)


def axis_weights(old: int, new: int) -> Tensor:
    """Matrix (new, old) whose rows say what each new voxel is made of; rows sum to 1."""
    ratio = old / new
    centres = (torch.arange(new, dtype=torch.float64) + 0.5) * ratio - 0.5
    distance = (torch.arange(old, dtype=torch.float64)[None] - centres[:, None]).abs()
    weights = (1.0 - distance / max(1.0, ratio)).clamp(min=0.0)
    return (weights / weights.sum(dim=1, keepdim=True)).float()


def whole_weights(old: int, new: int) -> Tensor:
    """`axis_weights` in whole 256ths, (new, old): float32 sums of these times whole numbers below 2**16 are exact."""
    exact = axis_weights(old, new) * 256
    weights = exact.round()
    rows, largest = torch.arange(new), exact.argmax(dim=1)
    weights[rows, largest] += 256 - weights.sum(dim=1)
    return weights
