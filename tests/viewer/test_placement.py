import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condseg_app.data import Geometry
from condseg_app.viewer import Placement

ORIENTATIONS = [
    "".join(codes) for axes in itertools.permutations(("RL", "AP", "SI")) for codes in itertools.product(*axes)
]
shapes = st.tuples(st.integers(2, 5), st.integers(2, 6), st.integers(2, 7))


def geometry_of(orientation: str, shape: tuple[int, int, int]) -> Geometry:
    affine = np.diag([1.5, 2.0, 3.0, 1.0])
    affine[:3, 3] = (-10.0, 20.0, 35.0)
    return Geometry(shape, affine).reoriented(orientation)


@given(st.sampled_from(ORIENTATIONS), shapes)
def test_a_displayed_voxel_is_where_its_layer_says(orientation: str, shape: tuple[int, int, int]) -> None:
    geometry = geometry_of(orientation, shape)
    placement = Placement.of(geometry)
    for index in itertools.product(*((0, n - 1) for n in placement.display_shape)):
        shown = np.array(index) * placement.layer["scale"] + placement.layer["translate"]  # S, P, L
        world = geometry.affine @ [*placement.voxel(index), 1.0]  # R, A, S
        assert shown == pytest.approx([world[2], -world[1], -world[0]])


@given(st.sampled_from(ORIENTATIONS), shapes, st.data())
def test_a_part_of_the_display_is_the_same_part_of_the_image(
    orientation: str, shape: tuple[int, int, int], data: st.DataObject
) -> None:
    placement = Placement.of(geometry_of(orientation, shape))
    array = np.random.default_rng(0).integers(0, 1000, placement.shape)
    key = []
    for n in placement.display_shape:
        start = data.draw(st.integers(0, n - 1))
        key.append(slice(start, data.draw(st.integers(start + 1, n))))
    assert np.array_equal(placement.to_display(array)[tuple(key)], placement.to_display(array[placement.region(key)]))
    assert np.array_equal(placement.to_source(placement.to_display(array)), array)
    assert np.shares_memory(placement.to_display(array), array)


@given(st.sampled_from(ORIENTATIONS), shapes)
def test_voxel_and_position_undo_each_other(orientation: str, shape: tuple[int, int, int]) -> None:
    placement = Placement.of(geometry_of(orientation, shape))
    for voxel in itertools.product(*((0, 1, n - 1) for n in placement.shape)):
        assert placement.voxel(placement.position(voxel)) == voxel
    assert placement.voxel([1e6] * 3) == placement.voxel([n - 1 for n in placement.display_shape])


def test_an_axial_slice_stands_as_radiologists_expect() -> None:
    """Front on top, the patient's right at the left."""
    geometry = geometry_of("RAS", (4, 5, 6))
    placement = Placement.of(geometry)
    assert placement.layer["axis_labels"] == ["S", "P", "L"]
    assert placement.voxel((0, 0, 0)) == (3, 4, 0)  # top left: rightmost, frontmost, lowest


def test_a_picture_stands_as_in_its_file() -> None:
    rows = np.arange(12).reshape(3, 4)
    placement = Placement.of(Geometry.of_picture(4, 3))
    assert np.array_equal(placement.to_display(rows.T[:, :, None]), rows)
    assert placement.layer == {"scale": [1, 1], "translate": [0, 0], "units": ["pixel"] * 2, "axis_labels": ["y", "x"]}
    assert placement.position((3, 2, 0)) == (2, 3)
    assert np.array_equal(placement.to_source(rows), rows.T[:, :, None])


@pytest.mark.parametrize(("orientation", "labels"), [("PSR", ["I", "P"]), ("LIA", ["I", "L"]), ("PRS", ["P", "L"])])
def test_a_single_slice_has_its_head_up(orientation: str, labels: list[str]) -> None:
    whole = geometry_of("RAS", (4, 5, 6)).reoriented(orientation)
    single = Geometry((whole.shape[0], whole.shape[1], 1), whole.affine)
    placement = Placement.of(single)
    assert placement.layer["axis_labels"] == labels
    assert placement.to_display(np.zeros(single.shape)).shape == placement.display_shape
