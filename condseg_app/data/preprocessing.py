"""Preparation of images for a network, in small steps; kept with the weights, which are worthless without.

In files a step is its fields, and `kind` says which step.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from condseg_app.data.geometry import AxisMap, Geometry, Shape
from condseg_app.data.levels import extent_of
from condseg_app.data.regions import Region, whole
from condseg_app.errors import ModelError

Dimensions = Literal["2D", "2.5D", "3D"]


@dataclass(frozen=True, eq=False)
class Statistics:
    """Statistics of a channel's finite values; all 0 without finite values.

    Attributes:
        top: the greatest value of all channels.
        samples: (n,) values.
    """

    least: float
    greatest: float
    top: float
    mean: float
    deviation: float
    samples: NDArray[np.float32]


@dataclass(frozen=True)
class Channel:
    """A channel of an image, whose voxels are read only for a step that needs statistics.

    Attributes:
        kind: type of the voxels.
        everywhere: gives the statistics of all voxels.
        foreground: gives the statistics of the foreground.
    """

    kind: np.dtype[np.generic]
    everywhere: Callable[[], Statistics]
    foreground: Callable[[], Statistics]


@dataclass(frozen=True)
class Scaling:
    """Map of a channel's values to clip((value - shift) / width, low, high); a width of 0 counts as 1.

    Attributes:
        missing: replacement of values that are not finite.
        masked: whether voxels outside the foreground become 0.
    """

    shift: float
    width: float
    low: float
    high: float
    missing: float
    masked: bool = False


@dataclass(frozen=True)
class ZScore:
    """Mean 0 and deviation 1 per image.

    Attributes:
        masked: whether only the foreground counts; the rest becomes 0.
        limit: at which scores are cut: larger scores are artefacts (a bright implant); None for no limit.
    """

    masked: bool = False
    limit: float | None = 5.0
    kind: Literal["z_score"] = "z_score"

    def scaling(self, channel: Channel) -> Scaling:
        """The map of a channel."""
        seen = channel.foreground() if self.masked else channel.everywhere()
        low, high = ((end - seen.mean) / (seen.deviation or 1.0) for end in (seen.least, seen.greatest))
        if self.limit is not None:
            low, high = -self.limit, self.limit
        return Scaling(seen.mean, seen.deviation, low, high, seen.least, self.masked)


@dataclass(frozen=True)
class Window:
    """From `low` to `high`, in the image's own intensities (HU for CT), becomes 0 to 1; values outside are cut."""

    low: float
    high: float
    kind: Literal["window"] = "window"

    def __post_init__(self) -> None:
        _check_range(self.low, self.high)

    def scaling(self, _channel: Channel) -> Scaling:
        """The map of a channel."""
        return Scaling(self.low, self.high - self.low, 0.0, 1.0, self.low)


@dataclass(frozen=True)
class Percentile:
    """From a percentile of the image to another becomes 0 to 1; values outside are cut."""

    low: float
    high: float
    kind: Literal["percentile"] = "percentile"

    def __post_init__(self) -> None:
        _check_range(self.low, self.high)
        if not (self.low >= 0 and self.high <= 100):
            raise ModelError(f"percentiles lie in 0 to 100, not at {self.low:g} and {self.high:g}; give other ones")

    def scaling(self, channel: Channel) -> Scaling:
        """The map of a channel."""
        seen = channel.everywhere()
        first, last = map(float, np.percentile(seen.samples, (self.low, self.high)))
        first, last = seen.least if self.low == 0 else first, seen.greatest if self.high == 100 else last
        return Scaling(first, last - first, 0.0, 1.0, seen.least)


@dataclass(frozen=True)
class CtNormalisation:
    """Cut at `low` and `high`, then mean 0 and deviation 1: figures of the training's foreground, as in nnU-Net."""

    low: float
    high: float
    mean: float
    deviation: float
    kind: Literal["ct_normalisation"] = "ct_normalisation"

    def __post_init__(self) -> None:
        _check_range(self.low, self.high)
        if not self.deviation > 0:
            raise ModelError(f"a deviation of intensities is above 0, not {self.deviation:g}; get the model again")

    def scaling(self, _channel: Channel) -> Scaling:
        """The map of a channel."""
        low, high = ((end - self.mean) / self.deviation for end in (self.low, self.high))
        return Scaling(self.mean, self.deviation, low, high, self.low)


@dataclass(frozen=True)
class UnitRange:
    """The type's range, 0 to 255 say, becomes 0 to 1; of floats, 0 to the greatest value, at least 1."""

    kind: Literal["unit_range"] = "unit_range"

    def scaling(self, channel: Channel) -> Scaling:
        """The map of a channel."""
        if np.issubdtype(channel.kind, np.integer):
            return Scaling(0.0, float(np.iinfo(str(channel.kind)).max), 0.0, 1.0, 0.0)
        seen = channel.everywhere()
        return Scaling(0.0, max(1.0, seen.top), -1.0, 1.0, seen.least)


@dataclass(frozen=True)
class Unchanged:
    """Intensities as they are."""

    kind: Literal["unchanged"] = "unchanged"

    def scaling(self, channel: Channel) -> Scaling:
        """The map of a channel."""
        seen = channel.everywhere()
        return Scaling(0.0, 1.0, seen.least, seen.greatest, seen.least)


IntensityStep = ZScore | Window | Percentile | CtNormalisation | UnitRange | Unchanged


@dataclass(frozen=True)
class Reorient:
    """Turn volumes so that their axes run along `codes`, such as 'RAS'."""

    codes: str
    kind: Literal["reorient"] = "reorient"

    def axes(self, source: Geometry) -> AxisMap:
        """From an image's axes to the working axes."""
        return AxisMap.between(source, self.codes)


@dataclass(frozen=True)
class Transpose:
    """Put the file's axes in another order, wherever they point."""

    order: tuple[int, int, int]
    kind: Literal["transpose"] = "transpose"

    def __post_init__(self) -> None:
        if sorted(self.order) != [0, 1, 2]:
            raise ModelError(f"an order of axes holds 0, 1 and 2 once each, not {self.order}; get the model again")

    def axes(self, _source: Geometry) -> AxisMap:
        """From an image's axes to the working axes."""
        return AxisMap(self.order, (False, False, False))


@dataclass(frozen=True)
class CropToForeground:
    """Leave out the border in which all channels are 0."""

    kind: Literal["foreground"] = "foreground"

    def box(self, foreground: NDArray[np.bool_]) -> Region:
        """The foreground's box; the whole image without foreground."""
        return extent_of(foreground) or whole(foreground.shape)


@dataclass(frozen=True)
class Spacing:
    """Resample volumes to voxels of a size.

    Attributes:
        size: in mm, per working axis.
        interpolation: of images: 'linear' between voxels, and a mean of all voxels below in downsampling; or 'cubic',
            a spline through the voxels.
    """

    size: tuple[float, float, float]
    interpolation: Literal["linear", "cubic"] = "linear"

    def __post_init__(self) -> None:
        if not all(0 < size < np.inf for size in self.size):
            raise ModelError(f"a spacing of {_by(self.size)} mm is none; give sizes above 0")

    def shape(self, old: Shape, spacing: Sequence[float]) -> Shape:
        """Shape of a grid after resampling, from its shape and voxel size in mm."""
        i, j, k = (max(1, round(n * own / wanted)) for n, own, wanted in zip(old, spacing, self.size, strict=True))
        return i, j, k


@dataclass(frozen=True)
class Preprocessing:
    """Steps from an image to the network's windows, in their order.

    Attributes:
        dimensions: '2D' (pictures), '2.5D' (a slice with its neighbours as channels) or '3D'.
        window: voxels of a sliding window (I, J, K); K is 1 for '2D' and '2.5D'.
        orientation: turning of the axes; None for the file's own axes.
        crop: of the image's border; None to leave all.
        intensity: a step for each channel of the image.
        spacing: resampling; None for the file's own voxels.
        neighbours: slices on each side that are shown as channels ('2.5D' only).
    """

    dimensions: Dimensions
    window: Shape
    intensity: tuple[IntensityStep, ...] = (ZScore(),)
    orientation: Reorient | Transpose | None = None
    crop: CropToForeground | None = None
    spacing: Spacing | None = None
    neighbours: int = 0

    def __post_init__(self) -> None:
        if min(self.window) < 1:
            raise ModelError(f"a window of {_by(self.window)} voxels is none; give sizes of at least 1")
        if not self.intensity or self.neighbours < 0:
            raise ModelError("a model needs an image of at least one channel, and no negative number of neighbours")

    @property
    def channels(self) -> int:
        """Channels of the image, before neighbouring slices are added."""
        return len(self.intensity)

    @property
    def network_channels(self) -> int:
        """Channels of the network's input."""
        return self.channels * (1 + 2 * self.neighbours)

    @property
    def absolute(self) -> bool:
        """Whether intensities mean the same in every image, as in CT."""
        return any(isinstance(step, Window | CtNormalisation) for step in self.intensity)

    def axes(self, source: Geometry) -> AxisMap:
        """From an image's axes to the working axes."""
        return (self.orientation or Transpose((0, 1, 2))).axes(source)

    def plain(self) -> dict[str, Any]:
        """Plain values; those of format version 1 where these suffice, for hashes and checkpoints made of them."""
        return _in_version_1(self) or asdict(self)


def intensity_step(kind: str, low: float = 0.0, high: float = 1.0) -> IntensityStep:
    """A step by its name in settings and files of format version 1: 'zscore', 'unit', 'window' or 'percentile'.

    Raises:
        ModelError: no such step, or an empty range.
    """
    match kind:
        case "zscore":
            return ZScore()
        case "unit":
            return UnitRange()
        case "window":
            return Window(low, high)
        case "percentile":
            return Percentile(low, high)
    raise ModelError(f"there is no intensity '{kind}'; choose zscore, unit, window or percentile")


def _in_version_1(steps: Preprocessing) -> dict[str, Any] | None:
    first = steps.intensity[0]
    low, high = getattr(first, "low", 0.0), getattr(first, "high", 1.0)
    names = {"z_score": "zscore", "unit_range": "unit"}
    name = names.get(first.kind, first.kind)
    if name not in ("zscore", "unit", "window", "percentile") or steps.crop or isinstance(steps.orientation, Transpose):
        return None
    if steps.spacing is not None and steps.spacing.interpolation != "linear":
        return None
    if steps.intensity != (intensity_step(name, low, high),) * steps.channels:
        return None
    return {
        "dimensions": steps.dimensions,
        "window": steps.window,
        "channels": steps.channels,
        "orientation": steps.orientation and steps.orientation.codes,
        "spacing": steps.spacing and steps.spacing.size,
        "intensity": name,
        "low": low,
        "high": high,
        "neighbours": steps.neighbours,
    }


def _check_range(low: float, high: float) -> None:
    if not low < high:
        raise ModelError(f"a window of intensities from {low:g} to {high:g} is empty; give the lower first")


def _by(sizes: Sequence[float]) -> str:
    return " x ".join(f"{size:g}" for size in sizes)
