import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer

from condseg_app.data import EVERYWHERE, ChunkedAnnotation, ClassTable, Geometry, Image
from condseg_app.io.labels.segmentations import Segmentation
from condseg_app.session import LabelsFound, fusing
from condseg_app.session.segmenting import annotation_of
from condseg_app.viewer import LayerBinding, Placement
from condseg_app.viewer.contrast import contrast_limits
from condseg_app.viewer.source import image_layers
from tests.classes import id_of, ids_of


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def binding(stage: Any, viewer: ViewerModel) -> Iterator[LayerBinding]:
    made = LayerBinding(stage.session, viewer)
    yield made
    made.close()


@pytest.fixture
def opened(binding: LayerBinding, scan: Image) -> LayerBinding:
    """A volume that is predicted, with the liver in hand."""
    binding.session.images.show(scan)
    binding.session.classes.choose(id_of(binding.session, "liver"))
    binding.session.predictions.start()
    assert binding.session.wait(20)
    while binding._redraw.pending:
        binding.flush()
    return binding


def shown(binding: LayerBinding, name: str) -> np.ndarray:
    """Where a class is drawn, in the image's own axes."""
    layer = binding.results.class_map.layer
    assert layer is not None
    assert layer.visible
    assert binding.placement is not None
    drawn: np.ndarray = binding.placement.to_source(layer.data[:] == binding.session.state.classes[name].value)
    return drawn


def test_no_qt_and_no_torch_are_imported() -> None:
    code = (
        "import sys, numpy as np\n"
        "from napari.components import ViewerModel\n"
        "from condseg_app.session import Session\n"
        "from condseg_app.viewer import LayerBinding\n"
        "from condseg_app.data import Image, Geometry\n"
        "session = Session()\n"
        "binding = LayerBinding(session, ViewerModel())\n"
        "session.images.show(Image(np.zeros((1, 3, 4, 5)), Geometry.with_spacing((3, 4, 5), (1, 1, 1))))\n"
        "binding.close()\n"
        "found = {'torch', 'qtpy', 'PySide6', 'PyQt6'} & set(sys.modules)\n"
        "sys.exit(', '.join(found) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_every_layer_has_place_units_and_axes(opened: LayerBinding, viewer: ViewerModel) -> None:
    opened.begin_painting(id_of(opened.session, "spleen"))
    assert len(viewer.layers) == 3
    for layer in viewer.layers:
        assert layer.scale.tolist() == [3, 2, 1]
        assert [str(unit) for unit in layer.units] == ["millimeter"] * 3
        assert layer.axis_labels == ("S", "P", "L")
        assert np.allclose(layer.translate, viewer.layers[0].translate)


def test_the_image_is_shown_without_a_copy(opened: LayerBinding, viewer: ViewerModel, scan: Image) -> None:
    assert np.shares_memory(viewer.layers[0].data, scan.voxels())


def test_the_class_in_hand_is_drawn_by_its_threshold(opened: LayerBinding, scan: Image) -> None:
    liver = scan.voxels()[0] == 1
    assert np.array_equal(shown(opened, "liver"), liver)
    opened.session.classes.set_threshold(id_of(opened.session, "liver"), 0.9)  # the stand-in says 200 of 255
    assert not shown(opened, "liver").any()
    opened.session.classes.set_threshold(id_of(opened.session, "liver"), 0.01)
    assert shown(opened, "liver").all()


def test_moving_the_threshold_draws_the_slice_anew_but_not_each_time(opened: LayerBinding) -> None:
    drawn: list[object] = []
    layer = opened.results.class_map.layer
    assert layer is not None
    layer.events.set_data.connect(drawn.append)
    for value in np.linspace(0.1, 0.9, 20):
        opened.session.classes.set_threshold(id_of(opened.session, "liver"), float(value))
    while opened._redraw.pending:
        opened.flush()
    assert 1 <= len(drawn) < 20
    assert not shown(opened, "liver").any()


def test_the_brush_lies_on_top_of_a_map_that_comes_with_the_first_stroke(
    binding: LayerBinding, viewer: ViewerModel, scan: Image
) -> None:
    binding.session.images.show(scan)
    binding.session.classes.add("cyst")
    binding.begin_painting(id_of(binding.session, "cyst"))
    assert binding.results.class_map.layer is None
    layer = binding.annotation.layer
    assert layer is not None
    layer.paint((2, 3, 3), layer.selected_label)
    binding.painting.collect()
    assert [one.name for one in viewer.layers] == ["scan", "all classes", "cyst, annotation"]
    assert viewer.layers.selection.active is layer


def test_labels_that_are_opened_replace_what_is_being_painted(opened: LayerBinding, scan: Image) -> None:
    session = opened.session
    session.classes.choose(id_of(session, "spleen"))
    opened.begin_painting(id_of(opened.session, "spleen"))
    layer = opened.annotation.layer
    assert layer is not None
    layer.paint((2, 3, 3), layer.selected_label)
    opened.painting.collect()
    masks = {name: scan.voxels()[0] == value for name, value in (("liver", 1), ("spleen", 2))}
    classes = ClassTable(tuple(session.state.classes[name] for name in masks))
    labels = Segmentation(Path("labels.nii"), scan.geometry, classes, masks, named=True)
    session.images.use_labels(
        LabelsFound(labels, True, scan, marks={name: annotation_of(labels, name) for name in masks})
    )
    assert session.state.current_class == id_of(session, "liver")
    assert opened.annotation.layer is None
    assert {
        name: np.array_equal(session.state.annotations[id_of(session, name)].mask, mask) for name, mask in masks.items()
    } == {
        "liver": True,
        "spleen": True,
    }
    session.undo()
    assert session.state.annotations[id_of(session, "spleen")].mask.any()
    assert id_of(session, "liver") not in session.state.annotations


def test_the_class_in_hand_lies_on_top_of_others(opened: LayerBinding, viewer: ViewerModel, scan: Image) -> None:
    opened.session.annotations.put(
        id_of(opened.session, "spleen"),
        ChunkedAnnotation.of(scan.voxels()[0] == 1, np.ones(scan.geometry.shape, bool)),
    )
    assert not shown(opened, "spleen").any(), "the liver is in hand"
    opened.session.classes.set_hidden(id_of(opened.session, "liver"), True)
    assert np.array_equal(shown(opened, "spleen"), scan.voxels()[0] == 1)
    opened.session.classes.set_hidden(id_of(opened.session, "liver"), False)
    viewer.dims.ndisplay = 3
    assert np.array_equal(shown(opened, "spleen"), scan.voxels()[0] == 1), "as it will be exported"


def test_the_map_holds_every_class_and_hides_by_alpha(opened: LayerBinding, scan: Image) -> None:
    layer = opened.results.class_map.layer
    assert layer is not None
    assert opened.placement is not None
    assert np.array_equal(opened.placement.to_source(np.asarray(layer.data)), scan.voxels()[0])
    opened.begin_painting(id_of(opened.session, "liver"))
    others = np.where(scan.voxels()[0] == 1, 0, scan.voxels()[0])
    assert np.array_equal(opened.placement.to_source(layer.data[:]), others), "what is painted has a layer of its own"
    opened.stop_painting()
    opened.session.classes.choose(None)
    assert np.array_equal(opened.placement.to_source(layer.data[:]), scan.voxels()[0])
    assert [layer.get_color(value)[3] for value in (1, 2, 3)] == [1, 1, 1]
    opened.session.classes.set_hidden(id_of(opened.session, "spleen"), True)
    assert layer.get_color(2)[3] == 0
    opened.session.classes.recolor(id_of(opened.session, "kidney"), (255, 0, 0))
    assert layer.get_color(3).tolist() == [1, 0, 0, 1]


def test_another_class_in_hand_costs_no_colormap(opened: LayerBinding, viewer: ViewerModel, scan: Image) -> None:
    before = list(viewer.layers)
    colored: list[object] = []
    assert opened.results.class_map.layer is not None
    opened.results.class_map.layer.events.colormap.connect(colored.append)
    opened.session.classes.choose(id_of(opened.session, "kidney"))
    assert list(viewer.layers) == before
    assert np.array_equal(shown(opened, "kidney"), scan.voxels()[0] == 3)
    assert colored == []


def test_a_block_elsewhere_is_not_drawn(binding: LayerBinding, scan: Image) -> None:
    binding.session.images.show(scan)
    binding.session.classes.choose(id_of(binding.session, "liver"))
    binding.session.predictions.start(ids_of(binding.session, ["liver"]))
    assert binding.session.wait(20)
    binding.flush()
    binding._redraw.pending = False
    visible = binding.visible_slice()
    assert visible is not None
    elsewhere = (visible[0], visible[1], slice(visible[2].start + 1, visible[2].stop + 1))
    binding._on_prediction(id_of(binding.session, "liver"), elsewhere)
    assert not binding._redraw.pending
    binding._redraw._again = float("inf")
    binding._on_prediction(id_of(binding.session, "liver"), visible)
    assert binding._redraw.pending


def test_the_slice_in_view_is_found_whichever_way_it_is_cut(opened: LayerBinding, viewer: ViewerModel) -> None:
    assert opened.placement is not None
    for _ in range(3):
        axis = opened.placement.source_axis(viewer.dims.not_displayed[0])
        for position in range(opened.placement.shape[axis]):
            voxel = [0, 0, 0]
            voxel[axis] = position
            assert opened.sight is not None
            opened.sight.go_to((voxel[0], voxel[1], voxel[2]))
            region = opened.visible_slice()
            assert region is not None
            assert region[axis] == slice(position, position + 1)
            near = opened.near()
            assert near is not None
            assert near[axis] == position
        viewer.dims.roll()
    viewer.dims.ndisplay = 3
    assert opened.visible_slice() is None


def test_painting_marks_only_what_was_touched(opened: LayerBinding) -> None:
    opened.begin_painting(id_of(opened.session, "liver"))
    layer = opened.annotation.layer
    assert layer is not None
    assert layer.mode == "paint"
    assert layer.selected_label == 1
    before = fusing.mask(opened.session.state, id_of(opened.session, "liver"))
    layer.brush_size = 1
    opened.painting._later._again = 0
    layer.paint((2, 3, 3), 1)
    layer.paint((2, 3, 4), 0)
    opened.painting.collect()
    annotation = opened.session.state.annotations[id_of(opened.session, "liver")]
    changed = annotation.supervised
    assert np.array_equal(changed, fusing.mask(opened.session.state, id_of(opened.session, "liver")) != before)
    assert 0 < changed.sum() <= 2


def test_erasing_then_undoing_in_napari_leaves_no_mark(opened: LayerBinding) -> None:
    opened.begin_painting(id_of(opened.session, "liver"))
    layer = opened.annotation.layer
    assert layer is not None
    layer.brush_size = 3
    layer.paint((2, 3, 3), 0)
    layer.undo()
    opened.painting.collect()
    annotation = opened.session.state.annotations.get(id_of(opened.session, "liver"))
    assert annotation is None or annotation.state == "unlabelled"


def test_a_complete_slice_is_the_one_on_screen(opened: LayerBinding, viewer: ViewerModel) -> None:
    opened.begin_painting(id_of(opened.session, "liver"))
    viewer.dims.roll()  # along another axis
    region = opened.visible_slice()
    assert opened.complete_slice()
    supervised = opened.session.state.annotations[id_of(opened.session, "liver")].supervised
    assert region is not None
    assert supervised[region].all()
    assert supervised.sum() == supervised[region].size
    viewer.dims.ndisplay = 3
    assert not opened.complete_slice()
    assert opened.complete_volume()
    assert opened.session.state.annotations[id_of(opened.session, "liver")].supervised.all()


def test_undo_in_the_session_takes_the_mark_off_the_screen(opened: LayerBinding) -> None:
    opened.begin_painting(id_of(opened.session, "liver"))
    draft = opened.annotation.draft
    assert draft is not None
    assert opened.annotation.layer is not None
    before = draft.shown(EVERYWHERE)
    opened.annotation.layer.data[:3] = 1
    painted = draft.shown(EVERYWHERE)
    assert painted.sum() > before.sum()
    opened.painting.undo()
    assert np.array_equal(draft.shown(EVERYWHERE), before)
    opened.painting.redo()
    assert np.array_equal(draft.shown(EVERYWHERE), painted)


def test_the_brush_keeps_to_its_class(opened: LayerBinding) -> None:
    opened.begin_painting(id_of(opened.session, "spleen"))
    layer = opened.annotation.layer
    assert layer is not None
    layer.selected_label = 9
    assert layer.selected_label == 2
    layer.selected_label = 0
    assert layer.selected_label == 0


def test_putting_the_brush_down_keeps_the_strokes(opened: LayerBinding, viewer: ViewerModel) -> None:
    opened.begin_painting(id_of(opened.session, "liver"))
    draft = opened.annotation.draft
    assert draft is not None
    assert opened.annotation.layer is not None
    opened.annotation.layer.data[...] = 1  # no event at all
    opened.session.classes.choose(id_of(opened.session, "kidney"))
    assert opened.annotation.layer is None
    assert fusing.mask(opened.session.state, id_of(opened.session, "liver")).all()
    opened.session.classes.choose(id_of(opened.session, "liver"))
    assert shown(opened, "liver").all()


def test_a_layer_taken_away_by_hand_keeps_the_strokes(opened: LayerBinding, viewer: ViewerModel) -> None:
    opened.begin_painting(id_of(opened.session, "liver"))
    draft, layer = opened.annotation.draft, opened.annotation.layer
    assert draft is not None
    assert layer is not None
    layer.data[...] = 1
    viewer.layers.remove(layer)
    assert fusing.mask(opened.session.state, id_of(opened.session, "liver")).all()
    assert opened.annotation.layer is None


def test_a_new_class_is_painted_from_nothing(opened: LayerBinding) -> None:
    opened.session.classes.add("lesion")
    opened.session.classes.choose(id_of(opened.session, "lesion"))
    opened.begin_painting(id_of(opened.session, "lesion"))
    assert opened.annotation.draft is not None
    assert not opened.annotation.draft.shown(EVERYWHERE).any()
    opened.session.classes.rename(id_of(opened.session, "lesion"), "cyst")
    assert opened.annotation.class_id == id_of(opened.session, "cyst")
    assert opened.annotation.layer is not None
    assert opened.annotation.layer.name == "cyst, annotation"


def test_a_layer_of_the_user_is_the_image(stage: Any, binding: LayerBinding, viewer: ViewerModel) -> None:
    data = np.random.default_rng(0).integers(0, 4, (4, 5, 6)).astype(np.int16)
    mine = viewer.add_image(data, scale=(2, 1, 1), units=("mm",) * 3, name="mine")
    binding.use_layer(mine)
    assert binding.owns(mine)
    binding.session.classes.choose(id_of(binding.session, "spleen"))
    stage.predict_all()
    assert np.array_equal(shown(binding, "spleen").transpose(2, 1, 0), data == 2)
    assert binding.results.class_map.layer is not None
    assert binding.results.class_map.layer.scale.tolist() == mine.scale.tolist()
    binding.close()
    assert list(viewer.layers) == [mine]


def test_a_layer_of_the_user_does_not_cover_the_next_image(
    binding: LayerBinding, viewer: ViewerModel, scan: Image
) -> None:
    mine = viewer.add_image(np.zeros((4, 5, 6)), scale=(2, 1, 1), units=("mm",) * 3, name="mine")
    binding.use_layer(mine)
    binding.session.images.show(scan)
    assert [(layer.name, layer.visible) for layer in viewer.layers] == [("scan", True), ("mine", False)]
    binding.use_layer(mine)
    assert [(layer.name, layer.visible) for layer in viewer.layers] == [("mine", True)]


def test_removing_the_image_closes_it(opened: LayerBinding, viewer: ViewerModel) -> None:
    viewer.layers.remove(viewer.layers[0])
    assert opened.session.state.image is None
    assert len(viewer.layers) == 0


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_all_layers_can_be_taken_away_at_once(opened: LayerBinding, viewer: ViewerModel, order: Sequence[int]) -> None:
    opened.begin_painting(id_of(opened.session, "liver"))
    assert opened.annotation.layer is not None
    opened.annotation.layer.data[...] = 1
    image = opened.session.state.image
    assert image is not None
    with viewer.layers.batched_update():  # as napari does with what is selected, in an order of chance
        for layer in [viewer.layers[number] for number in order]:
            viewer.layers.remove(layer)
    assert opened.session.state.image is None
    assert len(viewer.layers) == 0
    opened.session.images.show(image)
    opened.session.predictions.start(ids_of(opened.session, ["liver"]))
    assert opened.session.wait(20)
    assert fusing.mask(opened.session.state, id_of(opened.session, "liver")).all()


def test_the_image_is_closed_though_napari_fails_as_its_layer_goes(opened: LayerBinding, viewer: ViewerModel) -> None:
    """It paints its list of layers meanwhile, where a histogram is open."""

    def fail() -> None:
        viewer.layers.events.removed.disconnect(fail)
        raise AttributeError("no size")

    viewer.layers.events.removed.connect(fail, position="first")
    viewer.layers.selection.active = viewer.layers[0]
    with pytest.raises(AttributeError, match="no size"):
        viewer.layers.remove_selected()
    assert opened.session.state.image is None
    assert len(viewer.layers) == 0


def test_a_picture_has_two_axes(
    stage: Any, binding: LayerBinding, viewer: ViewerModel, photo: Image, flat_model: Path
) -> None:
    stage.session.models.open(flat_model)
    stage.session.images.show(photo)
    stage.session.classes.choose(id_of(stage.session, "liver"))
    stage.predict_all()
    assert viewer.layers[0].data.shape == (6, 9)
    assert np.array_equal(shown(binding, "liver"), photo.voxels()[0] == 1)
    assert binding.visible_slice() == (slice(0, 9), slice(0, 6), slice(0, 1))
    binding.begin_painting(id_of(binding.session, "liver"))
    assert binding.complete_slice()
    assert stage.session.state.annotations[id_of(stage.session, "liver")].supervised.all()


@pytest.mark.parametrize("channels", [("intensity",), ("red", "green", "blue")])
def test_no_image_hides_the_map_on_it(channels: tuple[str, ...], photo: Image) -> None:
    voxels = np.repeat(photo.voxels(), len(channels), axis=0)
    bottom, *_ = image_layers(Image(voxels, photo.geometry, "picture", channels))
    assert bottom.blending == "translucent_no_depth", "with depth, layers in one plane hide each other"


def test_a_body_stays_upright_and_unmirrored(opened: LayerBinding, viewer: ViewerModel) -> None:
    assert [str(o) for o in viewer.scene.camera.orientation] == ["away", "down", "right"]
    viewer.dims.roll()  # slices along L: rows are S
    assert viewer.dims.displayed == (0, 1)
    assert [str(o) for o in viewer.scene.camera.orientation] == ["away", "up", "right"]
    viewer.dims.ndisplay = 3
    assert str(viewer.scene.camera.orientation[0]) == "away"
    opened.session.images.close()
    assert str(viewer.scene.camera.orientation[0]) == "towards"


def test_layers_of_one_image_make_room_for_the_next(opened: LayerBinding, viewer: ViewerModel, scan: Image) -> None:
    opened.begin_painting(id_of(opened.session, "liver"))
    other = Image(scan.array, scan.geometry, "second")
    opened.session.images.show(other)
    assert [layer.name for layer in viewer.layers] == ["second"]
    assert isinstance(viewer.layers[0], ImageLayer)
    assert opened.placement == Placement.of(other.geometry)


def test_scrolling_tells_the_session_where_to_go_on(
    opened: LayerBinding, viewer: ViewerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, int]] = []
    monkeypatch.setattr(opened.session, "look_at", lambda near, _: seen.append(near))
    axis = viewer.dims.not_displayed[0]
    viewer.dims.set_current_step(axis, 0)
    viewer.dims.set_current_step(axis, 1)
    assert seen
    assert seen[-1] == opened.near()


def test_marks_being_painted_show_what_is_predicted_meanwhile(binding: LayerBinding, scan: Image) -> None:
    session = binding.session
    session.images.show(scan)
    session.classes.choose(id_of(session, "liver"))
    binding.begin_painting(id_of(binding.session, "liver"))
    layer, draft = binding.annotation.layer, binding.annotation.draft
    assert layer is not None
    assert draft is not None
    layer.brush_size = 1
    layer.paint((2, 3, 3), session.state.classes["liver"].value)
    binding.painting.collect()
    painted = draft.shown(EVERYWHERE)
    assert painted.sum() == 1
    session.predictions.start(ids_of(session, ["liver"]))
    assert session.wait(20)
    expected = (scan.voxels()[0] == session.state.classes["liver"].value) | painted
    assert np.array_equal(draft.shown(EVERYWHERE), expected)
    assert np.array_equal(draft.annotation.supervised, painted), "what is predicted is not taken for decided"


def test_a_slice_of_the_image_is_gone_to(opened: LayerBinding, viewer: ViewerModel, scan: Image) -> None:
    sight = opened.sight
    assert sight is not None
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        viewer.dims.order = order
        axis = sight.across()
        assert axis is not None
        viewer.dims.ndisplay = 3
        sight.go_to_slice(axis, 1)
        seen = opened.visible_slice()
        assert seen is not None
        assert seen[axis] == slice(1, 2)
        assert viewer.dims.current_step[order[0]] == sight.slider_at(axis, 1)


def test_the_session_knows_which_slice_is_in_view(opened: LayerBinding, viewer: ViewerModel) -> None:
    for change in (lambda: viewer.dims.set_current_step(0, 2), lambda: setattr(viewer.dims, "order", (1, 0, 2))):
        change()
        assert opened.session.lessons._run._seen == opened.visible_slice()
    viewer.dims.ndisplay = 3
    assert opened.session.lessons._run._seen is None


def test_marks_are_not_hidden_behind_the_map_of_all_classes(opened: LayerBinding) -> None:
    """They are at one depth, where the second layer that is tested for depth is not drawn."""
    opened.begin_painting(id_of(opened.session, "liver"))
    layer, beneath = opened.annotation.layer, opened.results.class_map.layer
    assert layer is not None
    assert beneath is not None
    assert {layer.blending, beneath.blending} != {"translucent"}


def test_conflicts_are_a_layer_that_is_found_slice_by_slice(
    opened: LayerBinding, viewer: ViewerModel, scan: Image
) -> None:
    session, before = opened.session, len(viewer.layers)
    session.classes.set_threshold(
        id_of(session, "spleen"), 0.01
    )  # it claims every voxel: the stand-in says 10 of 255 where it is not
    session.classes.show_conflicts(True)
    layer = opened.results.conflicts.layer
    assert layer is not None
    assert (len(viewer.layers), layer.name, layer.editable) == (before + 1, "conflicts", False)
    assert opened.owns(layer)
    assert layer.blending == "translucent_no_depth", "or it is drawn beneath the map of all classes"
    assert opened.placement is not None
    shown_on_slice = opened.placement.to_source(np.asarray(layer.data[2:3]))
    assert shown_on_slice.shape == (7, 6, 1)
    expected = np.isin(scan.voxels()[0], (1, 3))
    np.testing.assert_array_equal(opened.placement.to_source(np.asarray(layer.data)) > 0, expected)
    session.classes.set_threshold(id_of(session, "spleen"), 0.5)
    opened.flush()
    assert not np.asarray(layer.data).any()
    session.classes.show_conflicts(False)
    assert len(viewer.layers) == before


def test_conflicts_go_with_3d_and_come_back_with_another_image(
    opened: LayerBinding, viewer: ViewerModel, photo: Image
) -> None:
    opened.session.classes.show_conflicts(True)
    first = opened.results.conflicts.layer
    assert first is not None
    viewer.dims.ndisplay = 3
    assert not first.visible
    viewer.dims.ndisplay = 2
    assert first.visible
    opened.session.images.show(photo)
    second = opened.results.conflicts.layer
    assert second is not None
    assert second is not first
    assert second.ndim == 2
    viewer.layers.remove(second)
    assert not opened.session.state.shows_conflicts


def test_the_map_follows_the_order_of_classes(opened: LayerBinding, scan: Image) -> None:
    layer = opened.results.class_map.layer
    assert layer is not None
    assert opened.placement is not None
    opened.session.classes.set_threshold(id_of(opened.session, "kidney"), 0.01)
    opened.session.classes.set_priority(ids_of(opened.session, ["kidney"]))
    assert opened._redraw.pending
    assert (opened.placement.to_source(np.asarray(layer.data)) == 3).all()


def test_every_plane_stands_upright_as_axes_are_rolled(opened: LayerBinding, viewer: ViewerModel) -> None:
    """Axial, sagittal, coronal and axial again; what is in front or the head is on top each time."""
    seen = []
    for _ in range(4):
        seen.append(viewer.dims.order)
        viewer.dims.roll()
    assert seen == [(0, 1, 2), (2, 0, 1), (1, 0, 2), (0, 1, 2)]
    viewer.dims.order = (1, 2, 0)  # chosen in napari's list of axes
    assert viewer.dims.order == (1, 0, 2)
    viewer.dims.transpose()
    assert viewer.dims.order == (1, 2, 0), "who exchanges rows and columns wants that"


@pytest.mark.parametrize("lazy", [False, True])
def test_the_first_slice_shows_something(stage: Any, viewer: ViewerModel, scan: Image, lazy: bool) -> None:
    voxels = np.zeros((1, 20, 24, 30), np.int16)
    voxels[:, 5:15, 6:18, 3:6] = np.random.default_rng(0).integers(0, 400, (1, 10, 12, 3))
    array = zarr.array(voxels) if lazy else voxels
    image = Image(array, Geometry.with_spacing(voxels.shape[1:], (1, 1, 3)), "film")
    binding = LayerBinding(stage.session, viewer)
    binding.session.images.show(image)
    near = binding.near()
    assert near is not None
    assert voxels[0, :, :, near[2]].any(), "the middle slice is black"
    assert contrast_limits(image)[1] > 100
    binding.session.images.show(scan)
    assert binding.near() == tuple(n // 2 for n in scan.geometry.shape)
    binding.close()


def test_what_is_predicted_during_a_stroke_is_drawn_after_it(opened: LayerBinding) -> None:
    opened.begin_painting(id_of(opened.session, "spleen"))
    while opened._redraw.pending:
        opened.flush()
    drawn: list[object] = []
    assert opened.results.class_map.layer is not None
    opened.results.class_map.layer.events.set_data.connect(drawn.append)
    opened.annotation.stroking = True
    opened.session.predictions.changed.emit("liver", EVERYWHERE)
    opened._redraw._again = 0.0
    opened.flush()
    assert drawn == []
    opened.annotation.stroking = False
    opened.flush()
    assert len(drawn) == 1
