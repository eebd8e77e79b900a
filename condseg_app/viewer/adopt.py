"""A layer of the user's own as an image: axes reversed, geometry from scale, position and units."""

from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from numpy.typing import NDArray

from condseg_app.data import AxisMap, CommonUnit, Geometry, Image, Model, common_unit
from condseg_app.errors import GeometryError
from condseg_app.viewer.placement import Placement
from condseg_app.viewer.source import channel_of, image_of

# World axes of a layer are taken as those of our own: (S, P, L), last first; RAS+ has L and P negative.
_TO_RAS = np.diag([-1.0, -1.0, 1.0])


def adopted(layer: Layer, model: Model | None) -> tuple[Image, Placement]:
    """A layer's image and its placement: the image that the layer was made of, if any.

    Of several channels the layer's own is taken alone, unless the model takes all. Raises as `image_from_layer`.
    """
    image = image_of(layer)
    if image is None:
        return image_from_layer(layer)
    takes_all = model is not None and model.preprocessing.channels == len(image.channels)
    return image if takes_all else channel_of(layer, image), Placement.of(image.geometry)


def image_from_layer(layer: Layer) -> tuple[Image, Placement]:
    """An image layer as an image, and the placement that lays results over that very layer.

    Raises:
        GeometryError: the layer is no image of two or three axes.
    """
    if not isinstance(layer, ImageLayer):
        raise GeometryError(f"layer '{layer.name}' is not an image; choose an image layer")
    if layer.multiscale or layer.ndim not in (2, 3):
        what = "a pyramid" if layer.multiscale else f"of {layer.ndim} axes"
        raise GeometryError(f"layer '{layer.name}' is {what}; choose an image layer of 2 or 3 axes at full resolution")
    source = _as_source(np.asarray(layer.data), layer.ndim, layer.rgb)
    channels = ("red", "green", "blue") if layer.rgb else ("intensity",)
    geometry = geometry_of(layer)
    warnings = _units_of(layer).warnings
    return Image(source, geometry, layer.name, channels, warnings=warnings), _placement_over(layer, geometry)


def geometry_of(layer: Layer) -> Geometry:
    """Voxel positions of a layer, with axes reversed: (X, Y, Z), and Z = 1 for two axes."""
    units = _units_of(layer)
    shape = (*reversed(layer.data.shape[: layer.ndim]), 1)
    return Geometry((shape[0], shape[1], shape[2]), _affine_of(layer, units), units.unit)


def _as_source(array: NDArray[Any], ndim: int, rgb: bool) -> NDArray[Any]:
    """(Z, Y, X), (Y, X) or (Y, X, colours) as (C, X, Y, Z): a view, nothing is copied."""
    colors = np.moveaxis(array, -1, 0)[:3] if rgb else array[None]
    if ndim == 2:
        colors = colors[:, None]
    return colors.transpose(0, 3, 2, 1)


def _affine_of(layer: Layer, units: CommonUnit) -> NDArray[np.float64]:
    """Voxel (X, Y, Z) -> RAS+ world, from the layer's own transform."""
    n = layer.ndim
    origin = np.asarray(layer.data_to_world(np.zeros(n)), float)
    steps = np.stack([np.asarray(layer.data_to_world(row), float) - origin for row in np.eye(n)], axis=1)
    factors = np.array(units.factors[::-1])
    affine = np.eye(4)
    affine[:n, :n] = steps[::-1, ::-1] * factors[:, np.newaxis]
    affine[:n, 3] = origin[::-1] * factors
    affine[:3] = _TO_RAS @ affine[:3]
    return affine


def _units_of(layer: Layer) -> CommonUnit:
    return common_unit([str(unit) for unit in layer.units], "pixel")


def _placement_over(layer: Layer, geometry: Geometry) -> Placement:
    over = {
        "affine": layer.affine,
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }
    axis_map = AxisMap((2, 1, 0), (False, False, False))
    return Placement(geometry.shape, axis_map, 0 if layer.ndim == 2 else None, over)
