"""How an image's own axes are laid out for the screen, and back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import AxisMap, Geometry, Region, Shape

# Display axes of a volume, first to last: slices, rows, columns. The reverse of LPS+, so that an axial slice
# stands as a radiologist expects: the front of the body on top, the patient's left at the right.
_VOLUME = "LPS"
# A single slice has no slice axis to keep; head up wherever possible.
_SLICE = "LPI"
_PIXEL_UNITS = {"mm": "mm", "µm": "um", "pixel": "pixel"}


@dataclass(frozen=True)
class Placement:
    """The mapping between an image's voxels (I, J, K) and a viewer's display axes.

    Attributes:
        shape: (I, J, K) of the image.
        axis_map: source axes -> three display axes (slices, rows, columns).
        dropped: the display axis that is not shown, for an image of a single slice; None for a volume.
        layer: settings of every layer of this image: scale, translate (or affine), units, axis labels.
        anatomical: whether the display axes are those of a body (so the view may be turned head up).
    """

    shape: Shape
    axis_map: AxisMap
    dropped: int | None
    layer: dict[str, Any] = field(default_factory=dict, compare=False)
    anatomical: bool = False

    @classmethod
    def of(cls, geometry: Geometry) -> "Placement":
        """The placement of an image with this geometry."""
        orientation = _SLICE if geometry.is_2d and geometry.world_axes[2] != 2 else _VOLUME
        axis_map = AxisMap.between(geometry, orientation).reversed_order()
        dropped = axis_map.order.index(2) if geometry.is_2d else None
        anatomical = geometry.unit == "mm"
        kept = [axis for axis in range(3) if axis != dropped]
        mapped = axis_map.geometry(geometry)
        labels = orientation[::-1] if anatomical else "zyx"
        origin = mapped.affine[:3, 3] * _display_signs(orientation)
        return cls(
            geometry.shape,
            axis_map,
            dropped,
            {
                "scale": [mapped.spacing[a] for a in kept],
                "translate": [float(origin[2 - a]) for a in kept],
                "units": [_PIXEL_UNITS[geometry.unit]] * len(kept),
                "axis_labels": [labels[a] for a in kept],
            },
            anatomical and not geometry.is_2d,
        )

    @property
    def ndim(self) -> int:
        """Number of axes on screen: 2 for one slice, 3 for a volume."""
        return 3 if self.dropped is None else 2

    @property
    def display_shape(self) -> tuple[int, ...]:
        """Shape of the array that is shown."""
        shape = [self.shape[axis] for axis in self.axis_map.order]
        return tuple(n for axis, n in enumerate(shape) if axis != self.dropped)

    def to_display(self, array: NDArray[Any]) -> NDArray[Any]:
        """A view of (..., I, J, K) in display order."""
        mapped = self.axis_map.apply(array)
        if self.dropped is None:
            return mapped
        return mapped[(..., *(0 if axis == self.dropped else slice(None) for axis in range(3)))]

    def to_source(self, array: NDArray[Any]) -> NDArray[Any]:
        """A view of a displayed array (..., rows, columns) as (..., I, J, K)."""
        if self.dropped is not None:
            array = np.expand_dims(array, array.ndim - 2 + self.dropped)
        return self.axis_map.undo(array)

    def region(self, key: Sequence[slice]) -> Region:
        """The part of the image that a part of the display shows; `key` has one slice per display axis."""
        full = list(key)
        if self.dropped is not None:
            full.insert(self.dropped, slice(0, 1))
        parts: list[slice] = [slice(0)] * 3
        for display, source in enumerate(self.axis_map.order):
            start, stop, _ = full[display].indices(self.shape[source])
            if self.axis_map.flipped[display]:
                start, stop = self.shape[source] - stop, self.shape[source] - start
            parts[source] = slice(start, stop)
        return parts[0], parts[1], parts[2]

    def voxel(self, position: Sequence[float]) -> tuple[int, int, int]:
        """The voxel (I, J, K) nearest to a position in the displayed array, kept inside the image."""
        full = list(position)
        if self.dropped is not None:
            full.insert(self.dropped, 0.0)
        voxel = [0, 0, 0]
        for display, source in enumerate(self.axis_map.order):
            last = self.shape[source] - 1
            index = min(max(round(full[display]), 0), last)
            voxel[source] = last - index if self.axis_map.flipped[display] else index
        return voxel[0], voxel[1], voxel[2]

    def position(self, voxel: Sequence[int]) -> tuple[int, ...]:
        """Position of a voxel (I, J, K) in the displayed array."""
        full = [
            self.shape[source] - 1 - voxel[source] if flipped else voxel[source]
            for source, flipped in zip(self.axis_map.order, self.axis_map.flipped, strict=True)
        ]
        return tuple(index for axis, index in enumerate(full) if axis != self.dropped)

    def source_axis(self, display_axis: int) -> int:
        """The axis of I, J, K that runs along a display axis."""
        if self.dropped is not None and display_axis >= self.dropped:
            display_axis += 1
        return self.axis_map.order[display_axis]


def _display_signs(orientation: str) -> NDArray[np.float64]:
    """Transform from RAS+ world coordinates to those of the display axes before reversal (x, y, z)."""
    return np.array([1.0 if code in "RAS" else -1.0 for code in orientation])
