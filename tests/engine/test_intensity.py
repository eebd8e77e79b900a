"""Intensity steps: what they leave unchanged, masks, flat images, and values that are no numbers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import (
    CropToForeground,
    CtNormalisation,
    Geometry,
    Image,
    IntensityStep,
    Percentile,
    Preprocessing,
    Unchanged,
    UnitRange,
    Window,
    ZScore,
)
from condseg_app.engine.intensity import IntensityMap, foreground
from condseg_app.engine.preprocess import WorkingGrid
from condseg_app.errors import ModelError

STEPS: tuple[IntensityStep, ...] = (
    ZScore(),
    ZScore(limit=None),
    ZScore(masked=True),
    Window(-100.0, 200.0),
    Percentile(0.5, 99.5),
    Percentile(0.0, 100.0),
    CtNormalisation(-900.0, 1300.0, 90.0, 140.0),
    UnitRange(),
    Unchanged(),
)
SHAPE = (9, 8, 7)


def image_of(voxels: NDArray[Any]) -> Image:
    channels = tuple(f"channel {n}" for n in range(len(voxels)))
    return Image(voxels, Geometry(voxels.shape[1:], np.eye(4)), channels=channels)


def mapped(voxels: NDArray[Any], *steps: IntensityStep) -> NDArray[np.float32]:
    return IntensityMap.of(image_of(voxels), Preprocessing("3D", SHAPE, steps)).apply(voxels)


def random_voxels(seed: int, scale: float = 100.0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(20.0, scale, (1, *SHAPE)).astype(np.float32)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 99), factor=st.floats(0.01, 100.0), shift=st.floats(-1000.0, 1000.0))
@pytest.mark.parametrize("step", [ZScore(), ZScore(limit=None), Percentile(1.0, 99.0), Percentile(0.0, 100.0)], ids=str)
def test_relative_steps_do_not_see_the_scale(step: IntensityStep, seed: int, factor: float, shift: float) -> None:
    voxels = random_voxels(seed).astype(np.float64)
    expected = mapped(voxels, step)
    found = mapped(factor * voxels + shift, step)
    # Single precision of the shifted values, in units of the deviation.
    np.testing.assert_allclose(found, expected, atol=1e-5 + 1e-6 * abs(shift) / factor)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 99), more=st.floats(-2000.0, 2000.0))
@pytest.mark.parametrize(
    "step", [Window(-100.0, 200.0), CtNormalisation(-90.0, 130.0, 9.0, 14.0), Unchanged()], ids=str
)
def test_absolute_steps_map_a_value_alike_whatever_is_beside_it(step: IntensityStep, seed: int, more: float) -> None:
    voxels = random_voxels(seed)
    expected = mapped(voxels, step)
    voxels[0, 0, 0, 0] = more
    assert np.array_equal(mapped(voxels, step)[0, 1:], expected[0, 1:])


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 99), scale=st.floats(1.0, 1000.0))
def test_steps_compute_what_they_say(seed: int, scale: float) -> None:
    voxels = random_voxels(seed, scale)
    x = voxels.astype(np.float64)
    close: Any = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(mapped(voxels, ZScore(limit=None)), (x - x.mean()) / x.std(), **close)
    np.testing.assert_allclose(mapped(voxels, ZScore(limit=1.0)), np.clip((x - x.mean()) / x.std(), -1, 1), **close)
    np.testing.assert_allclose(mapped(voxels, Window(-50.0, 150.0)), np.clip((x + 50) / 200, 0, 1), **close)
    normalised = (np.clip(x, -60.0, 90.0) - 12.0) / 34.0
    np.testing.assert_allclose(mapped(voxels, CtNormalisation(-60.0, 90.0, 12.0, 34.0)), normalised, **close)
    first, last = np.percentile(x, (5, 90))
    np.testing.assert_allclose(
        mapped(voxels, Percentile(5.0, 90.0)), np.clip((x - first) / (last - first), 0, 1), **close
    )
    rescaled = mapped(voxels, Percentile(0.0, 100.0))
    assert (rescaled.min(), rescaled.max()) == (0.0, 1.0)
    assert np.array_equal(mapped(voxels, Unchanged()), voxels)


@pytest.mark.parametrize(
    ("kind", "top"), [(np.uint8, 255), (np.uint16, 65535), (np.int16, 32767)], ids=["uint8", "uint16", "int16"]
)
def test_a_unit_range_is_that_of_the_type(kind: Any, top: int) -> None:
    voxels = np.zeros((1, *SHAPE), kind)
    voxels[0, 0, 0] = top
    found = mapped(voxels, UnitRange())
    assert (found.min(), found.max()) == (0.0, 1.0)
    assert set(np.unique(found)) == {0.0, 1.0}


@pytest.mark.parametrize("step", STEPS, ids=str)
@pytest.mark.parametrize("value", [0.0, 7.0, -3000.0, 1e6])
def test_an_image_of_one_intensity_gives_a_single_finite_value(step: IntensityStep, value: float) -> None:
    found = mapped(np.full((1, *SHAPE), value, np.float32), step)
    assert np.isfinite(found).all()
    assert len(np.unique(found)) == 1


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99), bad=st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), min_size=1, max_size=40))
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_values_that_are_no_numbers_become_the_least_and_change_no_other(
    step: IntensityStep, seed: int, bad: list[float]
) -> None:
    voxels = random_voxels(seed)
    voxels[0, 0, 0, 0] = -1000.0  # the least, with or without the others
    places = np.random.default_rng(seed).permutation(voxels.size - 1)[: len(bad)] + 1
    spoilt = voxels.copy().ravel()
    spoilt[places] = bad
    found = mapped(spoilt.reshape(voxels.shape), step)
    assert np.isfinite(found).all()
    assert (found.ravel()[places] == found[0, 0, 0, 0]).all()
    if isinstance(step, Window | CtNormalisation | Unchanged):
        rest = np.setdiff1d(np.arange(voxels.size), places)
        assert np.array_equal(found.ravel()[rest], mapped(voxels, step).ravel()[rest])


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_an_image_without_any_number_does_no_harm(step: IntensityStep) -> None:
    found = mapped(np.full((1, *SHAPE), np.nan, np.float32), step)
    assert np.isfinite(found).all()


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 99), border=st.integers(0, 4))
def test_a_masked_score_does_not_see_the_background(seed: int, border: int) -> None:
    inner = np.abs(random_voxels(seed)) + 1
    inner[0, 4, 4, 4] = 0  # a hole inside is no background
    voxels = np.pad(inner, ((0, 0), *[(border, border + 1)] * 3))
    found = mapped(voxels, ZScore(masked=True, limit=None))
    i, j, k = (slice(border, border + n) for n in SHAPE)
    x = inner.astype(np.float64)
    np.testing.assert_allclose(found[:, i, j, k], (x - x.mean()) / x.std(), atol=1e-5)
    found[:, i, j, k] = 0
    assert not found.any()


def test_the_foreground_is_where_any_channel_is_not_zero() -> None:
    voxels = np.zeros((2, 5, 5, 5), np.int16)
    voxels[0, 1:4, 1:4, 1:4], voxels[1, 0, 0, 0] = 5, -1
    voxels[0, 2, 2, 2] = 0
    expected = np.zeros((5, 5, 5), bool)
    expected[1:4, 1:4, 1:4] = expected[0, 0, 0] = True
    image = image_of(voxels)
    assert np.array_equal(foreground(image), expected)
    assert np.array_equal(foreground(image), expected), "as kept"


def test_the_foreground_is_found_once_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    found = list[object]()

    def fill(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found.append(mask)
        return mask

    monkeypatch.setattr("condseg_app.engine.intensity.binary_fill_holes", fill)
    image = image_of(random_voxels(0))
    plan = Preprocessing("3D", (8, 8, 8), intensity=(ZScore(masked=True),), crop=CropToForeground())
    for _ in range(2):
        IntensityMap.of(image, plan, WorkingGrid.of_image(image, plan).source_box)
    assert len(found) == 1


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_part_is_mapped_as_in_the_whole(step: IntensityStep) -> None:
    voxels = random_voxels(3)
    voxels[:, :3] = 0
    image = image_of(voxels)
    intensity = IntensityMap.of(image, Preprocessing("3D", SHAPE, (step,)))
    part = slice(2, 6), slice(1, 8), slice(0, 4)
    whole = intensity.apply(voxels)
    assert np.array_equal(intensity.apply(voxels[:, *part], part), whole[:, *part])


def test_each_channel_has_a_step_of_its_own() -> None:
    voxels = np.concatenate([random_voxels(seed) for seed in range(3)])
    steps: tuple[IntensityStep, ...] = (ZScore(), Window(-50.0, 150.0), Unchanged())
    found = mapped(voxels, *steps)
    for n, step in enumerate(steps):
        assert np.array_equal(found[n : n + 1], mapped(voxels[n : n + 1], step))


def test_an_image_of_other_channels_is_refused_in_a_sentence() -> None:
    with pytest.raises(ModelError, match="has 2 channels, expected 1"):
        mapped(np.zeros((2, *SHAPE), np.float32), ZScore())


def test_statistics_are_those_of_the_box() -> None:
    voxels = random_voxels(5)
    box = slice(2, 7), slice(0, 8), slice(1, 5)
    plan = Preprocessing("3D", SHAPE)
    inner = IntensityMap.of(image_of(voxels[:, *box]), plan)
    found = IntensityMap.of(image_of(voxels), plan, box)
    assert (found.shift, found.width) == (inner.shift, inner.width)


@settings(max_examples=20, deadline=None)
@given(largest=st.floats(1e-3, 1e9))
def test_values_stay_exact_in_resampling(largest: float) -> None:
    voxels = random_voxels(0)
    voxels[0, 0, 0, 0] = largest
    steps = IntensityMap.of(image_of(voxels), Preprocessing("3D", SHAPE, (Unchanged(),))).steps
    assert np.log2(steps) % 1 == 0
    assert np.abs(voxels).max() * steps <= 2**15
    assert steps == 4096 or np.abs(voxels).max() * steps > 2**14


def test_common_steps_are_resampled_as_ever() -> None:
    for step in (ZScore(), Window(0.0, 1.0), Percentile(1.0, 99.0), UnitRange()):
        intensity = IntensityMap.of(image_of(random_voxels(0)), Preprocessing("3D", SHAPE, (step,)))
        assert intensity.steps == 4096


def test_a_deviation_is_above_zero() -> None:
    with pytest.raises(ModelError, match="above 0"):
        replace(CtNormalisation(0.0, 1.0, 0.5, 1.0), deviation=0.0)
