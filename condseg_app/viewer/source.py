"""The image itself as layers, and the viewer's own layers as an image."""

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Layer

from condseg_app.data import Image, Region
from condseg_app.io.images import one_channel
from condseg_app.viewer.contrast import contrast_limits
from condseg_app.viewer.layer_list import add_quietly, select
from condseg_app.viewer.lazy import LazyView
from condseg_app.viewer.placement import Placement

METADATA_KEY = "condseg"
CLASSES_KEY = "condseg_classes"
CHANNEL_KEY = "condseg_channel"
_CHANNEL_COLORS = ("gray", "green", "magenta", "cyan", "yellow", "red", "blue")


def image_layers(image: Image) -> list[ImageLayer]:
    """Layers that show an image: a single layer for grey and colour pictures, otherwise one per channel.

    Each carries the image in its metadata, so that a layer made by the reader becomes the session's
    image again with its true affine, name and source; the layer of one channel of several names the channel.
    """
    placement = Placement.of(image.geometry)
    common = {**placement.layer, "metadata": {METADATA_KEY: image}}
    if image.is_rgb:
        colors = _colors(image, placement)
        # With depth this layer would hide those above: all layers of a picture are in one plane.
        return [ImageLayer(colors, rgb=True, name=image.name, blending="translucent_no_depth", **common)]
    layers = []
    for channel, channel_name in enumerate(image.channels):
        single = len(image.channels) == 1
        layers.append(
            ImageLayer(
                _channel(image, placement, channel),
                name=image.name if single else f"{image.name} {channel_name}",
                contrast_limits=contrast_limits(image, channel),
                colormap="gray" if single else _CHANNEL_COLORS[channel % len(_CHANNEL_COLORS)],
                blending="translucent_no_depth" if channel == 0 else "additive",
                rendering="attenuated_mip",
                **{**common, "metadata": {METADATA_KEY: image, CHANNEL_KEY: channel_name}},
            )
        )
    return layers


def image_of(layer: Layer) -> Image | None:
    """The image that `image_layers` put into a layer, None for a layer of other origin."""
    image = layer.metadata.get(METADATA_KEY)
    return image if isinstance(image, Image) else None


def channel_of(layer: Layer, image: Image) -> Image:
    """The channel of an image that its layer shows; the whole image where the layer shows all."""
    name = layer.metadata.get(CHANNEL_KEY)
    return one_channel(image, name) if name in image.channels and len(image.channels) > 1 else image


class SourceLayers:
    """The layers of the session's image: its own, or an existing layer of the user's.

    Attributes:
        placement: layout of the image in the layers; None without an image.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.placement: Placement | None = None
        self._layers: list[Layer] = []
        self._adopted = False
        self._left: list[Layer] = []

    def __contains__(self, layer: object) -> bool:
        return any(layer == own for own in self._layers)  # napari hands plugins stand-ins of its layers

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The image's layers, one a channel."""
        return tuple(self._layers)

    @property
    def main(self) -> Layer | None:
        """The layer that positions are converted by, None without an image."""
        return self._layers[0] if self._layers else None

    def show(self, image: Image) -> None:
        """Put an image's layers at the bottom; the user's layer of the former image would cover them.

        The former layers go afterwards: without any layer napari would rebuild its sliders twice.
        """
        former = self._forget()
        for layer in self._left:
            layer.visible = False
        self._layers, self.placement = list(image_layers(image)), Placement.of(image.geometry)
        for position, layer in enumerate(self._layers):
            add_quietly(self._viewer, layer, position)
        select(self._viewer, self._layers[-1])
        for layer in former:
            self._viewer.layers.remove(layer)

    def adopt(self, layer: Layer, placement: Placement) -> None:
        """Use a layer that is in the viewer already; the layer stays the user's."""
        self.clear()
        for hidden in self._left:
            hidden.visible = hidden.visible or hidden == layer
        self._layers, self._adopted, self.placement = [layer], True, placement

    def clear(self) -> None:
        """Remove the own layers; an adopted layer stays."""
        for layer in self._forget():
            self._viewer.layers.remove(layer)

    def _forget(self) -> list[Layer]:
        """The own layers, which are to be removed; an adopted layer stays."""
        layers, adopted = [layer for layer in self._layers if layer in self._viewer.layers], self._adopted
        self._layers, self._adopted, self.placement = [], False, None
        if adopted:
            self._left = layers
            return []
        return layers


def _colors(image: Image, placement: Placement) -> Any:
    if isinstance(image.array, np.ndarray):
        return np.moveaxis(placement.to_display(image.array), 0, -1)
    return LazyView(lambda region: image.array[(slice(None), *region)], placement, image.array.dtype, colors=3)


def _channel(image: Image, placement: Placement, channel: int) -> Any:
    if isinstance(image.array, np.ndarray):
        return placement.to_display(image.array[channel])

    def read(region: Region) -> np.ndarray[Any, np.dtype[Any]]:
        return np.asarray(image.array[(channel, *region)])

    return LazyView(read, placement, image.array.dtype)
