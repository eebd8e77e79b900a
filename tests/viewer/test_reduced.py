"""A large volume in 3D is stood in for by a smaller one."""

import time
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers import Labels

from condseg_app.data import Image
from condseg_app.session import fusing
from condseg_app.viewer import LayerBinding
from condseg_app.viewer.reduced import reduced_labels, steps_within
from tests.classes import id_of


@given(st.lists(st.tuples(st.integers(1, 700), st.floats(0.1, 10)), min_size=3, max_size=3), st.integers(8, 10**6))
def test_steps_leave_few_enough_voxels(axes: list[tuple[int, float]], most: int) -> None:
    shape, spacing = [n for n, _ in axes], [width for _, width in axes]
    steps = steps_within(shape, spacing, most)
    assert np.prod([-(-n // step) for n, step in zip(shape, steps, strict=True)]) <= most
    if np.prod(shape) <= most:
        assert steps == (1, 1, 1)


def test_thick_slices_are_kept_while_their_voxels_are_longest() -> None:
    assert steps_within((40, 512, 512), (5, 0.8, 0.8), 2**22) == (1, 2, 2)


@pytest.fixture
def binding(stage: Any, scan: Image) -> Iterator[LayerBinding]:
    """A predicted volume that is too large for 3D."""
    made = LayerBinding(stage.session, ViewerModel())
    made.reduced.most_voxels = 60
    made.session.images.show(scan)
    stage.predict_all()
    drawn_by_now(made)
    yield made
    made.close()


def drawn_by_now(binding: LayerBinding) -> None:
    while binding._redraw.pending or binding.reduced.is_working:
        binding.flush()


def at_once(work: Generator[None, None, Any]) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_the_turn_into_3d_is_prepared_in_moments_and_slices_are_seen_meanwhile(binding: LayerBinding) -> None:
    viewer, before = binding.viewer, list(binding.viewer.layers)
    seen: list[int] = []
    read = viewer.layers[0].data

    class Counted:
        shape, dtype, ndim = read.shape, read.dtype, read.ndim

        def __getitem__(self, key: Any) -> Any:
            seen.append(viewer.dims.ndisplay)
            time.sleep(0.02)  # a slow disk
            return read[key]

    viewer.layers[0]._data = Counted()
    binding.volume_view.turn()
    binding.flush()
    assert seen == [2], "one slow slice fills the moment"
    assert list(viewer.layers) == before
    binding.volume_view.turn()
    drawn_by_now(binding)
    assert viewer.dims.ndisplay == 2, "asked again while preparing: stays"
    assert list(viewer.layers) == before
    binding.volume_view.turn()
    drawn_by_now(binding)
    assert viewer.dims.ndisplay == 3
    assert set(seen) == {2}
    binding.volume_view.turn()
    drawn_by_now(binding)
    assert viewer.dims.ndisplay == 2
    assert list(viewer.layers) == before


def test_the_turn_back_is_made_in_moments(binding: LayerBinding) -> None:
    viewer, before = binding.viewer, list(binding.viewer.layers)
    happened: list[str] = []

    def slow(event: Any) -> None:
        happened.append(event.type)
        time.sleep(0.02)

    binding.volume_view.turn()
    drawn_by_now(binding)
    for layer in viewer.layers:
        layer.events.visible.connect(slow)
    viewer.layers.events.removed.connect(slow)
    viewer.dims.events.ndisplay.connect(slow)
    binding.volume_view.turn()
    assert happened == []
    binding.volume_view.turn()  # asked twice
    while binding.reduced.is_working:
        count = len(happened)
        binding.flush()
        assert len(happened) <= count + 1, "no two slow changes in a moment"
    assert happened == [*["visible"] * 2, "ndisplay", *["visible"] * 2, *["removed"] * 2]
    assert (viewer.dims.ndisplay, list(viewer.layers)) == (2, before)
    assert all(layer.visible for layer in viewer.layers)


@pytest.mark.parametrize("most", [60, 10**6], ids=["reduced", "whole"])
@pytest.mark.parametrize("at", [0, 1, 4])
def test_the_way_back_leads_to_the_slice_of_before(binding: LayerBinding, at: int, most: int) -> None:
    viewer, binding.reduced.most_voxels = binding.viewer, most
    viewer.dims.set_current_step(0, at)
    before = viewer.dims.current_step
    for _ in range(2):
        binding.volume_view.turn()
        drawn_by_now(binding)
    assert viewer.dims.ndisplay == 2
    assert viewer.dims.current_step == before
    viewer.dims.ndisplay = 3  # by napari's own button
    drawn_by_now(binding)
    viewer.dims.ndisplay = 2
    drawn_by_now(binding)
    assert viewer.dims.current_step == before


@pytest.mark.parametrize("moments", range(8))
def test_on_the_way_back_the_volume_can_be_asked_for_again_and_painted(binding: LayerBinding, moments: int) -> None:
    viewer, before = binding.viewer, list(binding.viewer.layers)
    viewer.layers.events.removed.connect(lambda _: time.sleep(0.02))
    for layer in before:
        layer.events.visible.connect(lambda _: time.sleep(0.02))
    binding.volume_view.turn()
    drawn_by_now(binding)
    in_3d = [layer.name for layer in viewer.layers if layer.visible]
    binding.volume_view.turn()
    for _ in range(moments):
        binding.flush()
    if viewer.dims.ndisplay == 2:
        binding.volume_view.turn()
        drawn_by_now(binding)
        assert viewer.dims.ndisplay == 3
        assert [layer.name for layer in viewer.layers if layer.visible] == in_3d
        binding.volume_view.turn()
    binding.begin_painting(id_of(binding.session, "liver"))
    assert viewer.dims.ndisplay == 2
    assert list(viewer.layers) == [*before, binding.annotation.layer]
    assert all(layer.visible for layer in viewer.layers)


def test_the_brush_taken_up_while_3d_is_prepared_stays_in_2d(binding: LayerBinding) -> None:
    binding.volume_view.turn()
    binding.begin_painting(id_of(binding.session, "liver"))
    drawn_by_now(binding)
    assert binding.viewer.dims.ndisplay == 2
    assert binding.annotation.layer is not None
    assert binding.annotation.layer.visible


def test_in_3d_every_few_voxels_are_shown_where_they_are(binding: LayerBinding) -> None:
    viewer = binding.viewer
    whole, labels = np.asarray(viewer.layers[0].data), np.asarray(fusing.labels(binding.session.state).values)
    before = [layer.name for layer in viewer.layers]
    viewer.dims.ndisplay = 3
    drawn_by_now(binding)
    shown = [layer for layer in viewer.layers if layer.visible]
    image, classes = (next(layer for layer in shown if type(layer) is kind) for kind in (ImageLayer, Labels))
    assert len(shown) == 2
    assert image.data.size == classes.data.size <= 60
    assert binding.placement is not None
    drawn = binding.placement.to_display(labels)
    for index in np.ndindex(*image.data.shape):
        at = tuple(int(n) for n in np.round(viewer.layers[0].world_to_data(image.data_to_world(index))))
        assert image.data[index] == whole[at]
        assert classes.data[index] == drawn[at]
    viewer.dims.ndisplay = 2
    drawn_by_now(binding)
    assert [layer.name for layer in viewer.layers] == before
    assert all(layer.visible for layer in viewer.layers)


def test_what_changes_in_3d_is_drawn_and_painting_goes_back_to_slices(binding: LayerBinding) -> None:
    viewer = binding.viewer
    viewer.dims.ndisplay = 3
    drawn_by_now(binding)
    for name in binding.session.state.classes.names:
        binding.session.classes.set_threshold(id_of(binding.session, name), 0.99)
    drawn_by_now(binding)
    (classes,) = (layer for layer in viewer.layers if layer.visible and isinstance(layer, Labels))
    assert not classes.data.any()
    binding.begin_painting(id_of(binding.session, "liver"))
    assert viewer.dims.ndisplay == 2
    assert binding.annotation.layer is not None
    assert binding.annotation.layer.visible
    viewer.dims.ndisplay = 3
    binding.session.images.close()
    assert len(viewer.layers) == 0


def test_boxes_make_up_the_whole_map(binding: LayerBinding, scan: Image) -> None:
    at = binding.placement
    assert at is not None
    values = np.random.default_rng(0).integers(0, 300, scan.geometry.shape).astype(np.uint16)
    for steps in ((1, 1, 1), (2, 1, 3), (3, 2, 2)):
        found = at_once(reduced_labels(lambda region: values[region], at, steps))
        assert np.array_equal(found, at.to_display(values)[:: steps[0], :: steps[1], :: steps[2]])
