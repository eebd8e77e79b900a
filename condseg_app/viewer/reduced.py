"""A large volume in 3D: the image and its classes subsampled at regular steps."""

import time
from collections.abc import Generator, Iterator, Sequence
from itertools import chain, product
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from condseg_app.data import Region
from condseg_app.viewer.layer_list import add_quietly, remove
from condseg_app.viewer.overlay import ReadLabels, forbid_drawing
from condseg_app.viewer.placement import Placement
from condseg_app.viewer.source import SourceLayers

MOST_VOXELS = 2**25
"""Largest volume that a graphics card draws in 3D, and napari reads, without a halt."""
MOST_VOXELS_IN_SOFTWARE = 2**21
"""Largest volume for a processor: about half a second a frame on two idle cores."""
_BOX = 32  # voxels of the reduced volume along an edge of a box that is read at once
_MOMENT = 0.015  # seconds of reading at a time; the window is drawn and used in between


class ReducedVolume:
    """Replaces layers that are too large for 3D, and restores them.

    The reduced volume is read in short moments on the caller's thread, so that no data changes meanwhile: call
    `advance` from a timer.

    Args:
        viewer: the viewer.
        source: layers of the image.

    Attributes:
        most_voxels: largest volume that is drawn whole.
        is_leaving: whether `leave` is at work.
    """

    def __init__(self, viewer: ViewerModel, source: SourceLayers) -> None:
        self._viewer, self._source = viewer, source
        self.most_voxels = MOST_VOXELS
        self._images: list[Layer] = []
        self._labels: Labels | None = None
        self._hidden: list[tuple[Layer, bool]] = []
        self._read: ReadLabels | None = None
        self._placement: Placement | None = None
        self._colormap: DirectLabelColormap | None = None
        self._labels_are_old = False
        self._work: Iterator[None] | None = None
        self.is_leaving = False

    def __contains__(self, layer: object) -> bool:
        return any(layer == own for own in self._own)

    @property
    def is_on(self) -> bool:
        """Whether the reduced volume is shown or being prepared."""
        return self._placement is not None

    @property
    def is_working(self) -> bool:
        """Whether `advance` has something to do."""
        return self._work is not None or self._labels_are_old

    @property
    def is_due(self) -> bool:
        """Whether the viewer shows a volume in 3D that is too large to be drawn whole."""
        return self._viewer.dims.ndisplay == 3 and self.is_needed

    @property
    def is_needed(self) -> bool:
        """Whether the image is too large to be drawn whole."""
        placement = self._source.placement
        return placement is not None and placement.ndim == 3 and int(np.prod(placement.shape)) > self.most_voxels

    def prepare(self, covers: Sequence[Layer | None], read: ReadLabels) -> None:
        """Begin to read the reduced volume; once read, it replaces the image's layers and others, in 3D.

        Args:
            covers: further layers to hide.
            read: the label map in a region of the image.
        """
        self.clear()
        self._read, self._placement = read, self._source.placement
        images = self._source.layers
        self._work = self._show(images, [layer for layer in (*images, *covers) if layer is not None])

    def draw(self, colormap: DirectLabelColormap | None) -> None:
        """Draw the present classes, in a map's colours, as soon as they are read; nothing without a map."""
        self._colormap = colormap
        self._labels_are_old = self._placement is not None and colormap is not None and not self.is_leaving

    def advance(self) -> None:
        """Work for a moment."""
        ends = time.monotonic() + _MOMENT
        while self.is_working and time.monotonic() < ends:
            if self._work is None:
                self._labels_are_old, self._work = False, self._draw_labels()
            try:
                next(self._work)
            except StopIteration:
                self._work = None

    def hide(self, layers: Sequence[Layer]) -> None:
        """Hide layers until `clear`."""
        known = [layer for layer, _ in self._hidden]
        self._hidden += [(layer, layer.visible) for layer in layers if layer not in known]
        for layer in layers:
            layer.visible = False

    def hide_images(self) -> None:
        """Hide the image's layers until `clear`."""
        self.hide(self._source.layers)

    def leave(self) -> None:
        """Begin to turn back to slices and to clear; at once, napari would halt the window for half a second."""
        if self.is_on and not self.is_leaving:
            self._work, self._labels_are_old, self.is_leaving = self._leave(), False, True

    def clear(self) -> None:
        """Remove the reduced volume and restore the replaced layers, now."""
        self._work, self._labels_are_old, self.is_leaving = None, False, False
        self._placement, self._read = None, None
        for _ in chain(self._remove(), self._restore()):
            pass

    def _leave(self) -> Iterator[None]:
        """Turn back to slices, restore the replaced layers, and remove the reduced volume, step by step."""
        for layer in self._own:
            layer.visible = False  # or napari would look at it in 2D
            yield
        turned = self._viewer.dims.ndisplay == 2
        self._viewer.dims.ndisplay = 2
        yield
        yield from self._restore()
        if not turned:
            self._viewer.reset_view()
            yield
        yield from self._remove()
        self.clear()

    def _restore(self) -> Iterator[None]:
        while self._hidden:
            layer, visible = self._hidden.pop(0)
            if layer in self._viewer.layers:
                layer.visible = visible
            yield

    def _remove(self) -> Iterator[None]:
        for layer in self._own:
            remove(self._viewer, layer)
            yield
        self._images, self._labels = [], None

    @property
    def _own(self) -> list[Layer]:
        return [layer for layer in (*self._images, self._labels) if layer is not None]

    def _show(self, images: Sequence[Layer], replaced: Sequence[Layer]) -> Iterator[None]:
        """Read the image, then turn into 3D with the reduced layers in place of others."""
        steps = self._steps()
        read: list[Image] = []
        for layer in images:
            if isinstance(layer, Image):
                read.append((yield from _reduced(layer, steps)))
        self.hide(replaced)
        yield
        turned = self._viewer.dims.ndisplay == 3
        self._viewer.dims.ndisplay = 3
        for layer in read:
            yield
            self._images.append(layer)
            add_quietly(self._viewer, layer)
        if not turned:
            self._viewer.reset_view()

    def _draw_labels(self) -> Iterator[None]:
        """Read the label map, then show it in the reduced layer."""
        if self._placement is None or self._read is None:
            return
        steps = self._steps()
        labels = yield from reduced_labels(self._read, self._placement, steps)
        if self._labels is not None:
            self._labels.colormap = self._colormap
            self._labels.data = labels
            return
        self._labels = Labels(
            labels,
            name="classes, reduced",
            opacity=0.55,
            iso_gradient_mode="smooth",
            colormap=self._colormap,
            **_spread(self._placement.layer, steps),
        )
        forbid_drawing(self._labels)
        add_quietly(self._viewer, self._labels)

    def _steps(self) -> tuple[int, ...]:
        at = self._placement
        return () if at is None else steps_within(at.display_shape, at.layer["scale"], self.most_voxels)


def steps_within(shape: Sequence[int], spacing: Sequence[float], most: int) -> tuple[int, ...]:
    """Steps along each axis that leave so many voxels at most, of edges as equal as can be."""
    steps = [1] * len(shape)
    while np.prod([-(-n // step) for n, step in zip(shape, steps, strict=True)]) > most:
        edges = [step * width if step < n else np.inf for step, width, n in zip(steps, spacing, shape, strict=True)]
        steps[int(np.argmin(edges))] += 1
    return tuple(steps)


def reduced_labels(
    read: ReadLabels, at: Placement, steps: Sequence[int]
) -> Generator[None, None, NDArray[np.unsignedinteger]]:
    """Every so many voxels of a label map in display order, read box by box: empty boxes cost next to nothing."""
    shape, edges = at.display_shape, [_BOX * step for step in steps]
    found: NDArray[np.unsignedinteger] = np.zeros([-(-n // step) for n, step in zip(shape, steps, strict=True)], "u2")
    for corner in product(*(range(0, n, edge) for n, edge in zip(shape, edges, strict=True))):
        box = [slice(c, min(c + edge, n)) for c, edge, n in zip(corner, edges, shape, strict=True)]
        block = at.to_display(read(at.region(box)))[tuple(slice(None, None, step) for step in steps)]
        beside = (slice(c // s, c // s + n) for c, s, n in zip(corner, steps, block.shape, strict=True))
        found[tuple(beside)] = block
        yield
    return found.astype(np.uint8) if found.max(initial=0) <= 255 else found


def nothing_in(region: Region, shape: Sequence[int]) -> NDArray[np.uint8]:
    """Zeros for a region of an image, at no cost."""
    return np.broadcast_to(np.uint8(0), [len(range(*part.indices(n))) for part, n in zip(region, shape, strict=True)])


def _reduced(layer: Image, steps: Sequence[int]) -> Generator[None, None, Image]:
    first, *others = (slice(None, None, step) for step in steps)
    slices: list[NDArray[Any]] = []
    for n in range(layer.data.shape[0])[first]:  # slice by slice: of a file only the shown part is read
        slices.append(np.array(layer.data[n][tuple(others)]))
        yield
    spread = {"scale": layer.scale, "translate": layer.translate, "units": layer.units}
    return Image(
        np.stack(slices),
        rgb=layer.rgb,
        name=f"{layer.name}, reduced",
        contrast_limits=layer.contrast_limits,
        colormap=layer.colormap,
        blending=layer.blending,
        rendering=layer.rendering,
        axis_labels=layer.axis_labels,
        **_spread(spread, steps),
    )


def _spread(place: dict[str, Any], steps: Sequence[int]) -> dict[str, Any]:
    """A layer's place with voxels that are so many times as large."""
    return {**place, "scale": [width * step for width, step in zip(place["scale"], steps, strict=True)]}
