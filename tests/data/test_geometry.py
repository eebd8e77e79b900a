from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import AxisMap, Geometry, Shape
from condseg_app.errors import GeometryError

ORIENTATIONS = ["".join(codes) for axes in permutations(("RL", "AP", "SI")) for codes in product(*axes)]

shapes = st.tuples(*[st.integers(1, 6)] * 3)
orientations = st.sampled_from(ORIENTATIONS)
spacings = st.tuples(*[st.floats(0.1, 10.0)] * 3)
offsets = st.tuples(*[st.floats(-500.0, 500.0)] * 3)
# Less than this about each axis, and the closest world axes stay what they are.
angles = st.tuples(*[st.floats(-0.3, 0.3)] * 3)


def rotation(x: float, y: float, z: float) -> NDArray[np.float64]:
    def about(axis: int, angle: float) -> NDArray[np.float64]:
        a, b = [i for i in range(3) if i != axis]
        matrix = np.eye(3)
        matrix[a, a] = matrix[b, b] = np.cos(angle)
        matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
        return matrix

    return about(0, x) @ about(1, y) @ about(2, z)


@st.composite
def geometries(draw: st.DrawFn, oblique: bool = True) -> Geometry:
    shape: Shape = draw(shapes)
    linear = np.diag(draw(spacings))
    if oblique:
        linear = rotation(*draw(angles)) @ linear
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, draw(offsets)
    return Geometry(shape, affine).reoriented(draw(orientations))


def world(geometry: Geometry, index: tuple[float, ...]) -> NDArray[np.float64]:
    place: NDArray[np.float64] = (geometry.affine @ [*index, 1.0])[:3]
    return place


def numbered(shape: Shape) -> NDArray[np.int64]:
    return np.arange(np.prod(shape)).reshape(shape)


@settings(deadline=None)
@given(geometries(), orientations)
def test_reorienting_leaves_every_voxel_where_it_is(geometry: Geometry, orientation: str) -> None:
    axes = AxisMap.between(geometry, orientation)
    turned = axes.geometry(geometry)
    before, after = numbered(geometry.shape), axes.apply(numbered(geometry.shape))
    assert after.shape == turned.shape
    for index in np.ndindex(*turned.shape):
        origin = np.unravel_index(int(after[index]), before.shape)
        assert np.allclose(world(turned, index), world(geometry, tuple(float(i) for i in origin)), atol=1e-6)


@settings(deadline=None)
@given(geometries(), orientations)
def test_reorienting_gives_the_orientation_that_was_asked_for(geometry: Geometry, orientation: str) -> None:
    assert geometry.reoriented(orientation).orientation == orientation


@settings(deadline=None)
@given(geometries(), orientations, st.integers(0, 2))
def test_undo_is_the_inverse_of_apply(geometry: Geometry, orientation: str, leading: int) -> None:
    axes = AxisMap.between(geometry, orientation)
    array = np.broadcast_to(numbered(geometry.shape), (2,) * leading + geometry.shape)
    assert np.array_equal(axes.undo(axes.apply(array)), array)


@settings(deadline=None)
@given(geometries(), orientations)
def test_reorienting_there_and_back_gives_the_same_grid(geometry: Geometry, orientation: str) -> None:
    there_and_back = geometry.reoriented(orientation).reoriented(geometry.orientation)
    assert there_and_back.fits(geometry)
    assert there_and_back.orientation == geometry.orientation


@settings(deadline=None)
@given(geometries(), orientations)
def test_reorienting_keeps_the_size_of_a_voxel(geometry: Geometry, orientation: str) -> None:
    turned = geometry.reoriented(orientation)
    assert turned.voxel_volume == pytest.approx(geometry.voxel_volume)
    assert sorted(turned.spacing) == pytest.approx(sorted(geometry.spacing))


@settings(deadline=None)
@given(geometries())
def test_a_voxels_volume_is_the_product_of_its_sides(geometry: Geometry) -> None:
    assert geometry.voxel_volume == pytest.approx(np.prod(geometry.spacing), rel=1e-6)
    assert not geometry.is_sheared


@settings(deadline=None)
@given(geometries(), st.integers(0, 2))
def test_a_shift_of_a_tenth_of_a_voxel_does_not_fit(geometry: Geometry, axis: int) -> None:
    moved = np.array(geometry.affine)
    moved[:3, 3] += 0.1 * geometry.affine[:3, axis]
    assert geometry.fits(geometry)
    assert not geometry.fits(Geometry(geometry.shape, moved)) or 0.1 * geometry.spacing[axis] <= 0.01 * min(
        geometry.spacing
    )


@settings(deadline=None)
@given(geometries())
def test_rounding_the_affine_to_float32_still_fits(geometry: Geometry) -> None:
    assert geometry.fits(Geometry(geometry.shape, geometry.affine.astype(np.float32)))


@settings(deadline=None)
@given(geometries())
def test_reversed_order_puts_the_last_axis_first(geometry: Geometry) -> None:
    axes = AxisMap.between(geometry, "LPS")
    assert np.array_equal(
        axes.reversed_order().apply(numbered(geometry.shape)), axes.apply(numbered(geometry.shape)).transpose(2, 1, 0)
    )


@pytest.mark.parametrize("orientation", ["", "RA", "RAR", "RAX", "RLS", "RASS"])
def test_what_is_no_orientation_is_refused(orientation: str) -> None:
    with pytest.raises(GeometryError, match="not an orientation"):
        AxisMap.between(Geometry.with_spacing((2, 3, 4), (1, 1, 1)), orientation)


@pytest.mark.parametrize(
    ("affine", "reason"),
    [
        (np.zeros((4, 4)), "singular"),
        (np.diag([1.0, 0.0, 1.0, 1.0]), "singular"),
        (np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "singular"),
        (np.diag([1.0, np.nan, 1.0, 1.0]), "finite"),
        (np.diag([np.inf, 1.0, 1.0, 1.0]), "finite"),
        (np.eye(3), "4 x 4"),
    ],
)
def test_an_affine_that_cannot_be_used_is_refused(affine: NDArray[np.float64], reason: str) -> None:
    with pytest.raises(GeometryError, match=reason):
        Geometry((2, 2, 2), affine)


def test_very_small_voxels_are_not_singular() -> None:
    assert Geometry.with_spacing((2, 2, 2), (1e-4, 1e-4, 1e-4)).voxel_volume == pytest.approx(1e-12)


@pytest.mark.parametrize("shape", [(0, 1, 1), (2, 2), (1, -1, 1), ()])
def test_a_shape_without_voxels_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(GeometryError, match="three axes"):
        Geometry(shape, np.eye(4))  # type: ignore[arg-type]


def test_the_affine_is_the_geometrys_own_and_cannot_be_changed() -> None:
    affine = np.eye(4)
    geometry = Geometry((1, 1, 1), affine)
    affine[0, 0] = 7
    assert geometry.affine[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        geometry.affine[0, 0] = 7


def test_equality_is_to_the_bit_and_of_all_parts() -> None:
    geometry = Geometry((1, 2, 3), np.eye(4))
    assert geometry == Geometry((1, 2, 3), np.eye(4))
    assert geometry != Geometry((1, 2, 3), np.eye(4), "µm")
    assert geometry != Geometry((3, 2, 1), np.eye(4))
    assert geometry != Geometry((1, 2, 3), np.diag([np.nextafter(1, 2), 1, 1, 1]))
    assert geometry != "a geometry"


def test_a_picture_runs_right_and_down() -> None:
    geometry = Geometry.of_picture(4, 3)
    assert (geometry.shape, geometry.unit, geometry.is_2d) == ((4, 3, 1), "pixel", True)
    assert geometry.orientation == "LPS"


def test_a_sheared_grid_says_so() -> None:
    affine = np.eye(4)
    affine[0, 1] = 0.3
    assert Geometry((2, 2, 2), affine).is_sheared
