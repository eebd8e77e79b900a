"""The viewer's present view, in voxels of the image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from numpy.typing import NDArray

from condseg_app.data import Image, Region
from condseg_app.viewer.contrast import telling_slice
from condseg_app.viewer.placement import Placement


@dataclass(frozen=True)
class Sight:
    """A viewer's view of an image.

    Attributes:
        viewer: the viewer.
        layer: a layer of the image, by which world positions are converted.
        placement: layout of the image.
    """

    viewer: ViewerModel
    layer: Layer
    placement: Placement

    def near(self) -> tuple[int, int, int]:
        """The voxel in the middle of the view, on the slice that is shown."""
        dims = self.viewer.dims
        point = np.array(dims.point[-self.layer.ndim :], float)
        if dims.ndisplay == 2:
            for number, axis in enumerate(dims.displayed):
                point[axis - dims.ndim] = self.viewer.scene.camera.center[number + 1]
        return self.voxel_at(point)

    def voxel_at(self, world: Sequence[float] | NDArray[np.float64]) -> tuple[int, int, int]:
        """The voxel nearest to a world position of the viewer."""
        return self.placement.voxel([float(p) for p in self._position(world)])

    def is_inside(self, world: Sequence[float] | NDArray[np.float64]) -> bool:
        """Whether a world position lies in the image."""
        position, shape = self._position(world), np.asarray(self.placement.display_shape)
        return bool((position >= -0.5).all() and (position <= shape - 0.5).all())

    def visible_slice(self) -> Region | None:
        """The part of the image on screen: a slice, or all of a 2D image; None in a 3D view."""
        dims = self.viewer.dims
        if self.placement.ndim == 2:
            return self.placement.region([slice(None)] * 2)
        if dims.ndisplay != 2 or dims.ndim < self.placement.ndim:  # the image's layers are just being removed
            return None
        axis = next(a for a in (d - dims.ndim + 3 for d in dims.not_displayed) if a >= 0)
        index = round(float(self._position(dims.point)[axis]))
        index = min(max(index, 0), self.placement.display_shape[axis] - 1)
        key = [slice(None)] * 3
        key[axis] = slice(index, index + 1)
        return self.placement.region(key)

    def across(self) -> int | None:
        """The image's scroll axis; None for a single slice."""
        if self.placement.ndim == 2:
            return None
        dims = self.viewer.dims
        return self.placement.source_axis(dims.order[-3] - dims.ndim + 3)

    def slice_beside(self, by: int) -> int | None:
        """The slice so many steps of the slider on, on the scroll axis of the image; None without a slice in view."""
        across, seen = self.across(), self.visible_slice()
        if across is None or seen is None:
            return None
        return int(seen[across].start) + by * (self.slider_at(across, 1) - self.slider_at(across, 0))

    def slider_at(self, axis: int, index: int) -> int:
        """Slider position of an axis of the image on one of its slices."""
        position = self.placement.position([index if a == axis else 0 for a in range(3)])
        return next(p for shown, p in enumerate(position) if self.placement.source_axis(shown) == axis)

    def go_to_first_slice(self, image: Image) -> None:
        """Show a slice with some content, across the first display axis."""
        self.viewer.dims.order = tuple(range(self.viewer.dims.ndim))
        across = self.across()
        if across is not None:
            i, j, k = (
                telling_slice(image, axis) if axis == across else n // 2 for axis, n in enumerate(self.placement.shape)
            )
            self.go_to((i, j, k))

    def go_to_slice(self, axis: int, index: int) -> None:
        """Show a slice, where the scroll axis is an axis of the image."""
        i, j, k = (index if a == axis else n for a, n in enumerate(self.near()))
        self.viewer.dims.ndisplay = 2
        self.go_to((i, j, k))

    def go_to(self, voxel: tuple[int, int, int]) -> None:
        """Show the slice that a voxel is on."""
        dims = self.viewer.dims
        world = np.asarray(self.layer.data_to_world(self.placement.position(voxel)), float)
        dims.point = (*dims.point[: dims.ndim - len(world)], *(float(w) for w in world))

    def _position(self, world: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.layer.world_to_data(np.asarray(world, float)[-self.layer.ndim :]), float)


def overlaps(a: Region | None, b: Region | None) -> bool:
    """Whether two regions share a voxel; None stands for everything."""
    if a is None or b is None:
        return True
    return all(_starts(p) < _stops(q) and _starts(q) < _stops(p) for p, q in zip(a, b, strict=True))


def _starts(part: slice) -> float:
    return 0 if part.start is None else float(part.start)


def _stops(part: slice) -> float:
    return float("inf") if part.stop is None else float(part.stop)


class Upright:
    """Keeps a body head up and unmirrored, in every slicing direction.

    Display axes run to the patient's back and left and, from slice to slice, to the head. Rows of an axial
    slice go down the screen; where the head's axis is vertical, this axis has to go up. In 3D the head's axis
    has to point away from a viewer who looks from the feet, or left and right would be exchanged.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._before = viewer.scene.camera.orientation
        self._order = viewer.dims.order
        self._on = False
        viewer.dims.events.order.connect(self._on_order)
        viewer.dims.events.ndisplay.connect(self._turn)

    def set_on(self, on: bool) -> None:
        """Start or stop; stopping restores the original camera."""
        if on and not self._on:
            self._before = self._viewer.scene.camera.orientation
        elif self._on and not on:
            self._viewer.scene.camera.orientation = self._before
        self._on, self._order = on, self._viewer.dims.order
        self._turn()

    def _on_order(self) -> None:
        dims, before = self._viewer.dims, self._order
        if self._on and dims.ndim == 3 and dims.ndisplay == 2:
            dims.order = upright_order(before, dims.order)
        self._order = dims.order
        self._turn()

    def _turn(self) -> None:
        if not self._on or self._viewer.dims.ndim != 3:
            return
        vertical = self._viewer.dims.displayed[-2]
        head_up = self._viewer.dims.ndisplay == 2 and vertical == 0
        self._viewer.scene.camera.orientation = ("away", "up" if head_up else "down", "right")

    def close(self) -> None:
        """Let the viewer go."""
        self.set_on(False)
        self._viewer.dims.events.order.disconnect(self._on_order)
        self._viewer.dims.events.ndisplay.disconnect(self._turn)


def upright_order(before: Sequence[int], wanted: Sequence[int]) -> tuple[int, ...]:
    """The order of three axes in which a newly chosen plane stands upright; rows and columns exchanged stay so.

    napari rolls the axes, which lays the coronal plane on its side. Rolling on from an upright plane
    would never return to the first plane, so that a roll is taken for the next plane.
    """
    if tuple(wanted) == (before[-1], *before[:-1]):
        across = (before[0] - 1) % 3
    elif wanted[0] != before[0]:
        across = wanted[0]
    else:
        return tuple(wanted)
    return (across, *(axis for axis in range(3) if axis != across))
