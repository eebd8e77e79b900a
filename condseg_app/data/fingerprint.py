"""Properties of a model's training images, and how an image differs from them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from condseg_app.data.geometry import Geometry
from condseg_app.data.image import Image
from condseg_app.data.units import Unit

Span = tuple[float, float]
"""The smallest and the largest that occurred."""

_SPACING_APART, _EXTENT_APART = 1.5, 2.0
"""Factors beyond the training range from which a voxel size or a length counts as unlike."""
_COVERED = 0.5
"""Part of an image's intensities that should lie within those of the training."""
_SLICES, _WIDEST = 9, 1024


@dataclass(frozen=True)
class Fingerprint:
    """Common properties of a model's training images.

    Attributes:
        unit: of spacing and extent.
        spacing: of voxels, along R, A and S (a picture's width, height and 1).
        extent: lengths of the field of view, along the same axes.
        intensity: from the lowest to the highest, but for a hundredth at each end.
        generated: whether the images were made by formulas, so that the model says nothing of real images.
    """

    unit: Unit
    spacing: tuple[Span, Span, Span]
    extent: tuple[Span, Span, Span]
    intensity: Span
    generated: bool = False

    def plain(self) -> dict[str, Any]:
        """As plain values, for a model's training record."""
        return asdict(self)

    @classmethod
    def of_plain(cls, content: object) -> "Fingerprint | None":
        """From plain values; None for other content."""
        try:
            found = dict(content)  # type: ignore[call-overload]
            spacing, extent = ([(float(a), float(b)) for a, b in found[key]] for key in ("spacing", "extent"))
            low, high = found["intensity"]
            spans = ((spacing[0], spacing[1], spacing[2]), (extent[0], extent[1], extent[2]))
            return cls(found["unit"], *spans, (float(low), float(high)), bool(found.get("generated")))
        except (TypeError, ValueError, KeyError, IndexError):
            return None

    @classmethod
    def of(cls, images: Sequence[Image], *, generated: bool) -> "Fingerprint | None":
        """Of a training's images, or some of them; None without images, or where only some have a voxel size."""
        units = {image.geometry.unit for image in images}
        if not units or (len(units) > 1 and "pixel" in units):
            return None
        unit: Unit = units.pop() if len(units) == 1 else "mm"
        grids = [_upright(image.geometry.in_unit(unit)) for image in images]
        extents = [np.multiply(grid.shape, grid.spacing) for grid in grids]
        ranges = [intensity_range(image) for image in images]
        spans = (_spans([grid.spacing for grid in grids]), _spans(extents))
        lowest, highest = min(low for low, _ in ranges), max(high for _, high in ranges)
        return cls(unit, *spans, (lowest, highest), generated)

    def unlike(self, geometry: Geometry, intensity: Span | None, *, absolute: bool) -> tuple[str, ...]:
        """Differences between an image and the training images, as ends of a sentence.

        Args:
            geometry: the image's grid.
            intensity: the image's `intensity_range`, if known by now.
            absolute: whether the model uses absolute intensities (CT); otherwise only the sign matters.
        """
        return (*self._grid(geometry), *self._intensities(intensity, absolute))

    def _grid(self, geometry: Geometry) -> tuple[str, ...]:
        unit = self.unit
        if geometry.unit == "pixel" and unit != "pixel":
            return (f"no voxel size, trained on {_lengths(self.spacing)} {unit}",)
        # For training on pixels, lengths in pixels count, whatever the physical size.
        grid = _upright(geometry if unit == "pixel" else geometry.in_unit(unit))
        spacing, shape = np.ones(3) if unit == "pixel" else np.array(grid.spacing), np.array(grid.shape)
        found: list[str] = []
        if not _within(spacing, self.spacing, _SPACING_APART):
            found.append(f"spacing {_lengths(_same(spacing))} {unit}, trained on {_lengths(self.spacing)} {unit}")
        if not _within(spacing * shape, self.extent, _EXTENT_APART):
            noun = "pixels" if unit == "pixel" else unit
            size, known = _sizes(_same(spacing * shape)), _sizes(self.extent)
            found.append(f"size {size} {noun}, trained on {known} {noun}")
        return tuple(found)

    def _intensities(self, intensity: Span | None, absolute: bool) -> tuple[str, ...]:
        if intensity is None:
            return ()
        (low, high), (lowest, highest) = intensity, self.intensity
        covered = max(0.0, min(high, highest) - max(low, lowest)) / max(high - low, 1e-9)
        negative = low < 0 <= lowest and -low > (high - low) * (1 - _COVERED) / 2
        if (covered >= _COVERED) if absolute else not negative:
            return ()
        return (f"intensities {low:,.0f} to {high:,.0f}, trained on {lowest:,.0f} to {highest:,.0f}",)


def intensity_range(image: Image) -> Span:
    """The first and the last hundredth of an image's intensities, from some of the slices."""
    _, i, j, k = image.array.shape
    slices = sorted({round(n) for n in np.linspace(0, k - 1, min(k, _SLICES))})
    wide, high = (slice(max(0, (n - _WIDEST) // 2), (n + _WIDEST) // 2 + 1) for n in (i, j))
    voxels = np.concatenate([np.asarray(image.array[:, wide, high, n], np.float64).ravel() for n in slices])
    finite = voxels[np.isfinite(voxels)]
    if not finite.size:
        return 0.0, 0.0
    low, top = np.percentile(finite, (1, 99))
    return float(low), float(top)


def _upright(geometry: Geometry) -> Geometry:
    return geometry if geometry.unit == "pixel" else geometry.reoriented("RAS")


def _spans(rows: Sequence[Sequence[float] | np.ndarray[Any, Any]]) -> tuple[Span, Span, Span]:
    table = np.array(rows, np.float64)
    low, high = table.min(axis=0), table.max(axis=0)
    first, second, third = ((round(float(a), 4), round(float(b), 4)) for a, b in zip(low, high, strict=True))
    return first, second, third


def _same(numbers: Sequence[float] | np.ndarray[Any, Any]) -> tuple[Span, Span, Span]:
    return _spans([numbers])


def _within(numbers: np.ndarray[Any, Any], spans: Sequence[Span], factor: float) -> bool:
    return all(low / factor <= number <= high * factor for number, (low, high) in zip(numbers, spans, strict=True))


def _lengths(spans: Sequence[Span]) -> str:
    """'1.0', '0.7–1.0', '0.8 × 0.8 × 5.0'; a single figure where all three are equal."""
    return _joined([f"{low:.3g}" if f"{low:.3g}" == f"{high:.3g}" else f"{low:.3g}–{high:.3g}" for low, high in spans])


def _sizes(spans: Sequence[Span]) -> str:
    """'36 × 50 × 35', '30–40 × 50 × 35'; a picture's third axis is left out."""
    texts = [f"{low:.0f}" if round(low) == round(high) else f"{low:.0f}–{high:.0f}" for low, high in spans]
    return " × ".join(texts[:2] if texts[2] == "1" else texts)


def _joined(texts: Sequence[str]) -> str:
    plain = [f"{text}.0" if text.isdigit() else text for text in texts]
    return plain[0] if len(set(plain)) == 1 else " × ".join(plain)
