import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condseg_app.data import Geometry
from condseg_app.phantoms.shapes import Canvas, Space, curve, inside_all, inside_any, rotation, smooth_noise


def space_of(amplitude: float = 0.0, scale: float = 1.0) -> Space:
    affine = np.eye(4)
    affine[:3, :3] = rotation((0.1, -0.05, 0.2)) @ np.diag([2.0, 2.5, 3.0])
    affine[:3, 3] = (-40, -45, -40)
    return Space.deformed(Geometry((40, 36, 28), affine), scale, np.random.default_rng(3), amplitude)


def test_an_undeformed_space_holds_world_positions() -> None:
    space = space_of()
    affine = np.linalg.inv(np.vstack([space.to_index, [0, 0, 0, 1]]))
    at = (7, 30, 11)
    assert (space.x[at], space.y[at], space.z[at]) == pytest.approx(tuple((affine @ [*at, 1])[:3]), abs=1e-3)


def test_a_ball_is_measured_in_millimetres() -> None:
    space = space_of()
    exact = np.sqrt((space.x - 5) ** 2 + space.y**2 + space.z**2) - 15
    np.testing.assert_allclose(space.ellipsoid((5, 0, 0), (15, 15, 15)), exact, atol=0.02)


def test_a_turned_ellipsoid_lies_along_its_turned_axis() -> None:
    space = space_of()
    turn = (0.0, 0.0, 0.6)
    inside = space.ellipsoid((0, 0, 0), (30, 6, 6), turn) < 0
    points = np.stack([space.x[inside], space.y[inside], space.z[inside]])
    longest = np.linalg.eigh(np.cov(points))[1][:, -1]
    assert abs(longest @ rotation(turn)[:, 0]) > 0.99


@pytest.mark.parametrize(("amplitude", "scale"), [(0.0, 1.0), (6.0, 1.0), (6.0, 1.4)])
def test_a_tube_is_whole_although_it_is_measured_box_by_box(amplitude: float, scale: float) -> None:
    space = space_of(amplitude, scale)
    line = [(-20.0, -20.0, -25.0), (0.0, 15.0, 0.0), (25.0, 0.0, 20.0)]
    spots = np.concatenate(
        [np.linspace(a, b, 300) for a, b in zip(np.array(line[:-1]), np.array(line[1:]), strict=True)]
    )
    voxels = np.stack([space.x, space.y, space.z], axis=-1).reshape(-1, 1, 3)
    brute = np.concatenate(
        [np.sqrt(((part - spots) ** 2).sum(-1)).min(1) for part in np.array_split(voxels, 40)]
    ).reshape(space.shape)
    found = space.tube(line, 9.0)
    near = brute < 9 + 6
    np.testing.assert_allclose(found[near], brute[near] - 9, atol=0.1)
    assert (found[~near] > 0).all()


@given(st.floats(-30, 30), st.floats(-30, 30))
def test_blending_keeps_the_sign_where_shapes_are_apart_from_each_other(a: float, b: float) -> None:
    one, other = np.array([a]), np.array([b])
    assert inside_all(one, other)[0] >= max(a, b) - 1e-6
    assert inside_any(one, other)[0] <= min(a, b) + 1e-6
    if abs(a - b) > 4:
        assert inside_all(one, other)[0] == pytest.approx(max(a, b))


def test_noise_has_unit_spread_and_is_smooth() -> None:
    rng = np.random.default_rng(0)
    field = np.stack([smooth_noise(rng, (48, 40, 24), (2.0, 2.0, 4.0), 20.0) for _ in range(12)])
    assert abs(field.mean()) < 0.15
    assert 0.85 < field.std() < 1.15
    assert np.abs(np.diff(field, axis=1)).std() < 0.2


def test_a_curve_passes_through_its_points() -> None:
    points = np.random.default_rng(1).normal(0, 20, (5, 3))
    np.testing.assert_allclose(curve(points, 6)[::6], points, atol=1e-9)


def test_the_later_shape_covers_the_earlier_and_edges_blend() -> None:
    space, canvas = space_of(), Canvas((40, 36, 28), -1000.0)
    first, second = space.ellipsoid((0, 0, 0), (20, 20, 20)), space.ellipsoid((15, 0, 0), (12, 12, 12))
    canvas.paint(first, 100.0, 1)
    canvas.paint(second, 50.0, 2)
    canvas.paint(second + 8, 30.0, None)
    assert (canvas.labels[second < 0] == 2).all()
    assert (canvas.labels[(first < 0) & (second >= 0)] == 1).all()
    assert canvas.values[(first < -4) & (second > 4)] == pytest.approx(100.0)
    edge = canvas.values[(np.abs(first) < 1) & (second > 4)]
    assert ((edge > -1000) & (edge < 100)).all()
