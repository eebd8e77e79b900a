from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Labels

from condseg_app.data import Geometry, Image, Pick
from condseg_app.errors import GeometryError
from condseg_app.viewer import LayerBinding
from condseg_app.viewer.adopt import image_from_layer
from condseg_app.viewer.source import image_layers, image_of


def test_a_volume_in_memory_keeps_its_place() -> None:
    data = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    layer = ImageLayer(data, name="mine", scale=(2, 0.5, 0.25), translate=(7, 8, 9), units=("mm",) * 3)
    image, placement = image_from_layer(layer)
    assert image.geometry.shape == (5, 4, 3)
    assert image.geometry.spacing == pytest.approx((0.25, 0.5, 2))
    assert image.geometry.orientation == "LPS"
    assert np.shares_memory(image.voxels(), data)
    assert np.array_equal(placement.to_display(image.voxels()[0]), data)
    assert image.geometry.affine @ [0, 0, 0, 1] == pytest.approx([-9, -8, 7, 1])


@pytest.mark.parametrize(("unit", "ours", "spacing"), [("um", "µm", 2), ("nm", "µm", 0.002), ("cm", "mm", 20)])
def test_units_are_converted(unit: str, ours: str, spacing: float) -> None:
    image, _ = image_from_layer(ImageLayer(np.zeros((4, 4)), scale=(2, 2), units=(unit, unit)))
    assert image.geometry.unit == ours
    assert image.geometry.spacing[:2] == pytest.approx((spacing, spacing))


def test_each_axis_may_have_a_unit_of_its_own() -> None:
    layer = ImageLayer(np.zeros((4, 5, 6)), scale=(0.002, 400, 0.3), translate=(1, 2000, 3), units=("mm", "nm", "um"))
    geometry = image_from_layer(layer)[0].geometry
    assert geometry.unit == "µm"
    assert geometry.spacing == pytest.approx((0.3, 0.4, 2.0))
    assert geometry.affine[:3, 3] == pytest.approx((-3.0, -2.0, 1000.0))


def test_lengths_mixed_with_pixels_are_told() -> None:
    image, _ = image_from_layer(ImageLayer(np.zeros((4, 5, 6)), units=("pixel", "um", "um")))
    assert image.geometry.unit == "pixel"
    assert "mixed with pixels" in image.warnings[0]


def test_a_layer_without_units_has_pixels_and_colours_are_channels() -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    image, placement = image_from_layer(ImageLayer(rgb, rgb=True))
    assert image.geometry == Geometry.of_picture(8, 6)
    assert image.is_rgb
    assert np.array_equal(np.moveaxis(placement.to_display(image.voxels()), 0, -1), rgb)


def test_a_rotated_layer_keeps_its_rotation() -> None:
    layer = ImageLayer(np.zeros((5, 6)), rotate=30, scale=(1, 2), units=("mm", "mm"))
    image, placement = image_from_layer(layer)
    results = Labels(np.zeros((5, 6), int), **placement.layer)
    for corner in ((0, 0), (4, 0), (0, 5)):
        assert results.data_to_world(corner) == pytest.approx(layer.data_to_world(corner))
    world = image.geometry.affine @ [5, 4, 0, 1]
    assert [-world[1], -world[0]] == pytest.approx(layer.data_to_world((4, 5)))


def test_what_cannot_be_used_is_refused_in_a_sentence() -> None:
    with pytest.raises(GeometryError, match="is not an image"):
        image_from_layer(Labels(np.zeros((3, 3), int)))
    with pytest.raises(GeometryError, match="4 axes"):
        image_from_layer(ImageLayer(np.zeros((2, 3, 4, 5))))
    with pytest.raises(GeometryError, match="pyramid"):
        image_from_layer(ImageLayer([np.zeros((64, 64)), np.zeros((32, 32))], multiscale=True))


def test_a_layer_of_ours_gives_its_image_back(scan: Image) -> None:
    (layer,) = image_layers(scan)
    data, meta, kind = layer.as_layer_data_tuple()
    viewer = ViewerModel()
    again = viewer._add_layer_from_data(data, meta, kind)[0]
    assert image_of(again) is scan


def test_channels_are_layers_of_their_own() -> None:
    image = Image(
        np.zeros((2, 4, 5, 3), np.uint16), Geometry.with_spacing((4, 5, 3), (1, 1, 1)), "cells", ("dna", "actin")
    )
    assert [layer.name for layer in image_layers(image)] == ["cells dna", "cells actin"]


def test_of_several_channels_that_of_the_layer_is_taken(scan: Image, stage: Any) -> None:
    voxels = np.concatenate([scan.voxels(), scan.voxels() + 1])
    cells = replace(scan, array=voxels, channels=("DAPI", "GFP"))
    viewer = ViewerModel()
    viewer.layers.extend(image_layers(cells))
    binding = LayerBinding(stage.session, viewer)
    for layer, name, channel in zip(list(viewer.layers), cells.channels, voxels, strict=True):
        binding.use_layer(layer)
        assert stage.session.state.image.channels == (name,)
        assert stage.session.state.image.pick == Pick(channel=name)
        assert np.array_equal(stage.session.state.image.voxels()[0], channel)
    assert stage.failures == []
    assert len(viewer.layers) == 2
