"""Working grids: they cover the image's space, whatever its axes."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy import ndimage

from condseg_app.data import Geometry, Image, Percentile, Preprocessing, Reorient, Spacing, UnitRange, Window, ZScore
from condseg_app.engine.intensity import IntensityMap
from condseg_app.engine.plan import with_settings
from condseg_app.engine.preprocess import WorkingGrid, prepare
from condseg_app.engine.resample import InterpolationWeights
from condseg_app.errors import ModelError

PLAIN = Preprocessing("3D", (16, 16, 16))


def normalise(voxels: NDArray[Any], plan: Preprocessing) -> NDArray[np.float32]:
    image = Image(voxels, Geometry(voxels.shape[1:], np.eye(4)), channels=tuple("abc"[: len(voxels)]))
    return IntensityMap.of(image, plan).apply(voxels)


def as_matrix(taps: InterpolationWeights, old: int) -> torch.Tensor:
    return torch.zeros(len(taps.old), old).scatter_add_(1, taps.old, taps.weight) / 256


@given(old=st.integers(1, 60), new=st.integers(1, 60))
def test_each_new_voxel_is_a_mean_of_old_ones_in_whole_256ths(old: int, new: int) -> None:
    taps = InterpolationWeights.between(old, new)
    assert torch.equal(taps.weight, taps.weight.round())
    assert (taps.weight >= 0).all()
    assert torch.equal(taps.weight.sum(dim=1), torch.full((new,), 256.0))
    assert 0 <= taps.old.min() <= taps.old.max() < old
    centres = (torch.arange(new) + 0.5) * old / new - 0.5
    triangle = (1 - (torch.arange(old)[None] - centres[:, None]).abs() / max(1.0, old / new)).clamp(min=0)
    exact = triangle / triangle.sum(dim=1, keepdim=True)
    assert (as_matrix(taps, old) - exact).abs().max() <= 0.5 * (taps.old.shape[1] + 1) / 256


@given(old=st.integers(2, 40), new=st.integers(2, 80))
def test_resampling_keeps_a_ramp_a_ramp_inside(old: int, new: int) -> None:
    ramp = torch.arange(old, dtype=torch.float32)
    made = as_matrix(InterpolationWeights.between(old, new), old) @ ramp
    expected = (torch.arange(new) + 0.5) * old / new - 0.5
    reach = max(1.0, old / new)
    inside = (expected >= reach - 0.5) & (expected <= old - 0.5 - reach)
    # Going down, a sampled triangle is not quite balanced; a tenth of a voxel is what that may cost.
    tolerance = 3e-3 if new >= old else 0.1
    torch.testing.assert_close(made[inside], expected[inside].float(), atol=tolerance, rtol=0)


@given(old=st.integers(1, 60), new=st.integers(1, 120))
@settings(deadline=None)
def test_cubic_weights_are_those_of_the_spline_through_the_voxels(old: int, new: int) -> None:
    taps = InterpolationWeights.cubic(old, new)
    spline = ndimage.zoom(np.eye(old), (new / old, 1), order=3, mode="nearest", grid_mode=True)
    made = torch.zeros(new, old, dtype=torch.float64).scatter_add_(1, taps.old, taps.weight) / taps.one
    assert np.abs(made.numpy() - spline).max() < 1e-4
    assert torch.equal(taps.weight.sum(dim=1), torch.full((new,), taps.one, dtype=torch.float64))


def test_an_image_is_resampled_by_cubic_splines_and_its_masks_are_not() -> None:
    voxels = np.random.default_rng(0).normal(size=(1, 14, 12, 9)).astype(np.float32)
    image = Image(voxels, Geometry.with_spacing((14, 12, 9), (1.0, 1.5, 2.0)))
    plan = replace(PLAIN, spacing=Spacing((0.8, 1.5, 3.1), "cubic"))
    grid, intensity = WorkingGrid.of(image.geometry, plan), IntensityMap.of(image, plan)
    zoom = np.array(grid.shape) / image.geometry.shape
    expected = ndimage.zoom(intensity.apply(voxels)[0], zoom, order=3, mode="nearest", grid_mode=True)
    assert np.abs(prepare(image, intensity, grid)[0].numpy() - expected).max() < 3e-3
    linear = WorkingGrid.of(image.geometry, replace(plan, spacing=Spacing((0.8, 1.5, 3.1))))
    assert torch.equal(grid.to_working(voxels > 0), linear.to_working(voxels > 0))
    assert TypeAdapter(Preprocessing).validate_python(plan.plain()) == plan


@given(old=st.integers(1, 700), new=st.integers(1, 1400), data=st.data())
@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize("make", [InterpolationWeights.between, InterpolationWeights.cubic])
def test_a_part_is_resampled_to_the_same_bits_as_all(
    make: Callable[[int, int], InterpolationWeights], old: int, new: int, data: st.DataObject
) -> None:
    taps = make(old, new)
    first = data.draw(st.integers(0, new - 1))
    part = slice(first, data.draw(st.integers(first + 1, new)))
    x = torch.from_numpy(np.random.default_rng(old).integers(-30000, 30000, (3, old)).astype(np.float32))
    whole = taps.apply(x[:, taps.needed_by(slice(0, new))], 1, slice(0, new))
    assert torch.equal(whole[:, part], taps.apply(x[:, taps.needed_by(part)], 1, part))


def test_the_same_grid_is_left_alone_to_the_bit() -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 7)).astype(np.float32)
    grid = WorkingGrid.of(Geometry((5, 6, 7), np.eye(4)), PLAIN)
    assert np.array_equal(grid.to_working(x).numpy(), x)


def test_going_down_skips_nothing() -> None:
    x = np.zeros((1, 64, 4, 4), np.float32)
    x[:, 31] = 1.0  # a thin sheet that sampling every fourth voxel would miss
    grid = WorkingGrid.of(Geometry((64, 4, 4), np.eye(4)), replace(PLAIN, spacing=Spacing((4.0, 1.0, 1.0))))
    assert grid.to_working(x).sum() > 0.9 * 16 / 4


@settings(max_examples=30, deadline=None)
@given(data=st.data(), orientation=st.sampled_from(["RAS", "LPI", "SAL"]), rule=st.sampled_from(["linear", "cubic"]))
def test_a_region_is_prepared_to_the_same_bits_as_all(
    data: st.DataObject, orientation: str, rule: Literal["linear", "cubic"]
) -> None:
    voxels = np.random.default_rng(0).integers(-900, 1200, (1, 21, 17, 30)).astype(np.int16)
    image = Image(voxels, Geometry((21, 17, 30), np.diag([1.5, 2.0, 0.9, 1.0])))
    plan = replace(PLAIN, orientation=Reorient(orientation), spacing=Spacing((2.0, 1.0, 1.4), rule))
    grid, intensity = WorkingGrid.of(image.geometry, plan), IntensityMap.of(image, plan)
    starts = [data.draw(st.integers(0, n - 1)) for n in grid.shape]
    i, j, k = (slice(a, data.draw(st.integers(a + 1, n))) for a, n in zip(starts, grid.shape, strict=True))
    whole = prepare(image, intensity, grid)
    assert torch.equal(whole[:, i, j, k], prepare(image, intensity, grid, (i, j, k)))


@settings(max_examples=40, deadline=None)
@given(
    axes=st.permutations([0, 1, 2]),
    signs=st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3),
    spacing=st.tuples(*[st.floats(0.5, 3.0)] * 3),
)
def test_a_blob_stays_at_its_place_in_space(
    axes: list[int], signs: tuple[float, ...], spacing: tuple[float, ...]
) -> None:
    linear = np.zeros((3, 3))
    for voxel, world in enumerate(axes):
        linear[world, voxel] = signs[voxel] * spacing[voxel]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, (3.0, -20.0, 7.0)
    geometry = Geometry((20, 24, 18), affine)
    mask = np.zeros(geometry.shape, bool)
    mask[12:16, 5:9, 9:14] = True
    grid = WorkingGrid.of(
        geometry, Preprocessing("3D", (16, 16, 16), orientation=Reorient("RAS"), spacing=Spacing((1.0, 1.0, 1.0)))
    )
    working = grid.to_working(mask).numpy()
    turned = grid.axes.geometry(geometry)
    scale = np.array(turned.shape) / np.array(grid.shape)
    centre = (np.array(np.nonzero(working > 0.5)).mean(axis=1) + 0.5) * scale - 0.5
    in_space = turned.affine @ [*centre, 1.0]
    expected = affine @ [*np.array(np.nonzero(mask)).mean(axis=1), 1.0]
    assert np.abs(in_space - expected).max() < 0.6


def test_intensities() -> None:
    rng = np.random.default_rng(0)
    volume = rng.normal(100, 20, (1, 6, 6, 6)).astype(np.float32)
    scaled = normalise(volume, PLAIN)
    assert abs(scaled.mean()) < 1e-3
    assert abs(scaled.std() - 1) < 0.05
    window = Preprocessing("3D", (16, 16, 16), (Window(50, 150),))
    assert normalise(volume, window).min() >= 0
    assert normalise(np.full((1, 2, 2, 2), 100.0), window).item(0) == pytest.approx(0.5)
    unit = Preprocessing("2D", (16, 16, 1), (UnitRange(),))
    assert normalise(np.full((1, 2, 2, 1), 255, np.uint8), unit).item(0) == 1.0


def test_voxels_that_are_not_finite_and_flat_images_do_no_harm() -> None:
    volume = np.ones((1, 4, 4, 4), np.float32)
    assert (normalise(volume, PLAIN) == 0).all()
    volume[0, 0, 0, 0] = np.nan
    volume[0, 1, 0, 0] = np.inf
    assert np.isfinite(normalise(volume, PLAIN)).all()


def test_prepare_gives_channels_first_float32() -> None:
    image = Image(np.zeros((3, 10, 8, 1), np.uint8), Geometry.of_picture(10, 8), channels=("red", "green", "blue"))
    plan = Preprocessing("2D", (16, 16, 1), (UnitRange(),) * 3)
    prepared = prepare(image, IntensityMap.of(image, plan), WorkingGrid.of(image.geometry, plan))
    assert prepared.shape == (3, 10, 8, 1)
    assert prepared.dtype == torch.float32


def test_percentiles_are_of_each_image_and_channel_and_outliers_are_cut() -> None:
    rng = np.random.default_rng(0)
    voxels = rng.normal(50, 10, (2, 20, 20, 20))
    voxels[1] = 1000 * voxels[1] + 7
    voxels[0, 0, 0, 0] = 1e6
    scaled = normalise(voxels, Preprocessing("3D", (16, 16, 16), (Percentile(1.0, 99.0),) * 2))
    assert (scaled.min(), scaled.max()) == (0.0, 1.0)
    for channel in scaled:
        assert (channel == 0).mean() == pytest.approx(0.01, abs=0.002)
        assert (channel == 1).mean() == pytest.approx(0.01, abs=0.002)
        assert np.median(channel) == pytest.approx(0.5, abs=0.02)


def test_an_image_of_one_intensity_has_no_percentiles_to_divide_by() -> None:
    flat = np.full((1, 4, 4, 4), 7.0)
    scaled = normalise(flat, Preprocessing("3D", (16, 16, 16), (Percentile(1.0, 99.0),)))
    assert np.array_equal(scaled, np.zeros_like(flat))


@pytest.mark.parametrize(
    ("step", "low", "high"), [(Window, 5, 5), (Window, 9, 1), (Percentile, -1, 50), (Percentile, 1, 101)]
)
def test_windows_that_cannot_be_are_refused(step: Callable[[float, float], object], low: float, high: float) -> None:
    with pytest.raises(ModelError, match=r"give the lower first|give other ones"):
        step(low, high)


def test_intensities_beyond_single_precision_do_no_harm_and_no_library_warns_of_them() -> None:
    voxels = np.random.default_rng(0).normal(0, 50, (1, 6, 6, 6))
    voxels[0, :2, 0, 0] = 1e300, -1e300
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaled = normalise(voxels, PLAIN)
    assert np.isfinite(scaled).all()
    assert scaled.std() > 0.5


@pytest.mark.parametrize(
    ("chosen", "changes"),
    [
        ({}, {}),
        ({"window": [8, 16, 24], "spacing": (1, 2, 3.5)}, {"window": (8, 16, 24), "spacing": Spacing((1.0, 2.0, 3.5))}),
        ({"intensity": "window", "low": -10, "high": 20.5}, {"intensity": (Window(-10.0, 20.5),) * 2}),
        ({"low": -10, "high": 20.5}, {"intensity": (Window(-10.0, 20.5),) * 2}),
        ({"intensity": "percentile", "low": 1, "high": 99}, {"intensity": (Percentile(1.0, 99.0),) * 2}),
        ({"intensity": "unit"}, {"intensity": (UnitRange(),) * 2}),
    ],
)
def test_a_users_settings_replace_planned_ones(chosen: dict[str, Any], changes: dict[str, Any]) -> None:
    plan = Preprocessing("3D", (16, 16, 16), (ZScore(), ZScore()), Reorient("RAS"), spacing=Spacing((1.0, 1.0, 1.0)))
    assert with_settings(plan, chosen) == replace(plan, **changes)


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"loudness": 3}, "'loudness' is wrong"),
        ({"window": [8, 8]}, "'window.* is wrong"),
        ({"window": [8, 8, 0]}, "8 x 8 x 0 voxels"),
        ({"spacing": [1, 1, "wide"]}, "'spacing.* is wrong"),
        ({"spacing": [1, 1, -1]}, "1 x 1 x -1 mm"),
        ({"intensity": "loud"}, "no intensity 'loud'"),
        ({"intensity": "window", "low": 3, "high": 3}, "give the lower first"),
        ({"intensity": "window", "low": 3}, "give both 'low' and 'high'"),
    ],
)
def test_impossible_settings_are_told_in_a_sentence(chosen: dict[str, Any], told: str) -> None:
    with pytest.raises(ModelError, match=told):
        with_settings(PLAIN, chosen)
