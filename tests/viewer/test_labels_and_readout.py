from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from condseg_app.data import ClassTable, Image, LabelMap
from condseg_app.errors import GeometryError
from condseg_app.session import fusing
from condseg_app.viewer import LayerBinding, label_layer, label_map_of
from condseg_app.viewer.contrast import contrast_limits
from condseg_app.viewer.readout import readout
from condseg_app.viewer.samples import SAMPLES
from tests.classes import id_of


def test_a_label_map_comes_back_from_its_layer(scan: Image) -> None:
    labels = LabelMap(scan.voxels()[0].astype(np.uint8), scan.geometry, ClassTable.from_names(["a", "b", "c"]))
    layer = label_layer(labels, "labels")
    back = label_map_of(layer)
    assert back.geometry == labels.geometry
    assert back.classes == labels.classes
    assert np.array_equal(back.values, labels.values)
    layer.data[0, 0, 0] = 9
    named = label_map_of(layer).classes
    assert [entry.value for entry in named] == [1, 2, 3, 9]


def test_a_layer_of_other_origin_is_written_where_it_is() -> None:
    data = np.zeros((3, 4, 5), int)
    data[1, 2, 3] = 2
    labels = label_map_of(Labels(data, scale=(3, 2, 1), units=("mm",) * 3))
    assert labels.geometry.spacing == pytest.approx((1, 2, 3))
    assert labels.array[3, 2, 1] == 2
    assert labels.classes.names == ("class 2",)
    flat = label_map_of(Labels(data[1]))
    assert flat.array.shape == (5, 4, 1)
    with pytest.raises(GeometryError, match="4 axes"):
        label_map_of(Labels(np.zeros((2, 2, 2, 2), int)))


def test_readout_names_voxel_value_and_class(stage: Any, scan: Image) -> None:
    viewer = ViewerModel()
    binding = LayerBinding(stage.session, viewer)
    stage.session.images.show(scan)
    stage.predict_all()
    assert binding.placement is not None
    i, j, k = (int(v) for v in np.argwhere(scan.voxels()[0] == 2)[0])
    voxel = (i, j, k)
    binding.sight.go_to(voxel)  # type: ignore[union-attr]
    world = viewer.layers[0].data_to_world(binding.placement.position(voxel))
    assert readout(binding, tuple(world)) == f"voxel {', '.join(map(str, voxel))}    value 2    spleen"
    assert readout(binding, (1e4, 0, 0)) == ""
    binding.close()


def test_nothing_is_read_out_between_two_images(stage: Any, scan: Image) -> None:
    """Moves of the mouse that wait while painting are passed on as the brush is put down for another image."""
    viewer = ViewerModel()
    binding = LayerBinding(stage.session, viewer)
    stage.session.images.show(scan)
    assert binding.placement is not None
    last = tuple(n - 1 for n in scan.geometry.shape)
    world = tuple(viewer.layers[0].data_to_world(binding.placement.position(last)))
    assert readout(binding, world) != ""
    binding.begin_painting(id_of(binding.session, stage.session.state.classes.names[0]))
    told: list[str] = []
    binding.annotation.in_hand.connect(lambda _: told.append(readout(binding, world)), check_nargs=False)
    smaller = replace(scan.geometry, shape=(scan.geometry.shape[0], scan.geometry.shape[1], 2))
    stage.session.images.show(replace(scan, array=scan.voxels()[..., :2], geometry=smaller))
    assert told == [""]
    binding.close()


def test_a_ct_is_shown_as_soft_tissue(scan: Image) -> None:
    hu = np.linspace(-1000, 1500, scan.voxels().size).reshape(scan.voxels().shape)
    rng = np.random.default_rng(0)
    assert contrast_limits(replace(scan, array=rng.permutation(hu.ravel()).reshape(hu.shape))) == (-160, 240)
    low, high = contrast_limits(scan)
    assert low < high
    assert contrast_limits(replace(scan, array=np.full_like(hu, np.nan))) == (0, 1)


def test_samples_are_there_and_small() -> None:
    for sample in SAMPLES:
        assert 0 < sample.path.stat().st_size < 300_000


def test_the_map_of_all_classes_and_the_brush_are_saved_with_their_names(stage: Any, scan: Image) -> None:
    stage.session.images.show(scan)
    binding = LayerBinding(stage.session, ViewerModel())
    stage.session.classes.choose(id_of(stage.session, "liver"))
    stage.predict_all()
    stage.session.classes.rename(id_of(stage.session, "liver"), "Leber")
    binding.begin_painting(id_of(binding.session, "Leber"))
    drawn, brush = binding.results.class_map.layer, binding.annotation.layer
    assert drawn is not None
    assert brush is not None
    assert label_map_of(drawn).classes == stage.session.state.classes
    saved = label_map_of(brush)
    assert (saved.classes.names, saved.geometry) == (("Leber",), scan.geometry)
    assert np.array_equal(saved.mask("Leber"), fusing.mask(stage.session.state, id_of(stage.session, "Leber")))
    binding.close()
