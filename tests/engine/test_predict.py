"""Sliding windows: everything is covered, in any order, in the image's own grid."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from condseg_app.data import ClassTable, Geometry, Image, Inference, Model, Preprocessing
from condseg_app.engine.predict.feature_cache import FeatureCache
from condseg_app.engine.predict.predictor import Predictor
from condseg_app.engine.predict.sums import Sums
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.engine.predict.windows import WindowGrid, cut, gaussian
from condseg_app.errors import ClassTableError, ModelError, OutOfMemory

DIMENSIONS = ("2D", "2.5D", "3D")


def assemble(predictor: Predictor, order: list[int], name: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    levels, covered = np.zeros(predictor.shape, np.uint8), np.zeros(predictor.shape, bool)
    for window in order:
        block = predictor.segment(window, [name])
        levels[block.region] = block.probabilities[name]
        covered[block.region] = True
    return levels, covered


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_any_order_of_windows_gives_the_same_prediction(
    dimensions: str, make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model(dimensions), make_image(dimensions)
    one, other = Predictor(model, image), Predictor(model, image)
    forwards, covered = assemble(one, one.order(), "liver")
    assert covered.all()
    assert one.windows > 1
    shuffled = [int(n) for n in np.random.default_rng(1).permutation(other.windows)]
    backwards, _ = assemble(other, shuffled, "liver")
    assert np.array_equal(forwards, backwards)
    assert forwards.std() > 0


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_classes_asked_together_or_alone_answer_the_same(
    dimensions: str, make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model(dimensions), make_image(dimensions)
    together = predict_whole(model, image, ["liver", "spleen"])
    alone = predict_whole(model, image, ["spleen"])
    assert np.array_equal(together.probabilities["spleen"], alone.probabilities["spleen"])
    assert not np.array_equal(together.probabilities["spleen"], together.probabilities["liver"])
    assert together.complete == {"liver", "spleen"}


@pytest.mark.parametrize("corner", [(0, 0, 0), (5, 3, 2), (20, 20, 8)])
def test_what_is_brought_back_is_the_same_where_only_a_little_is_found(
    corner: tuple[int, int, int],
    make_model: Callable[..., Model],
    make_image: Callable[..., Image],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where nothing was found nothing is resampled; that must not show."""
    predictor = Predictor(make_model(), make_image())
    predictor.add(dict.fromkeys(predictor.order(), ("liver",)))
    level = predictor._sums._of["liver"].level
    few = torch.zeros_like(level)
    here = tuple(slice(n, n + 2) for n in corner)
    few[here] = level[here]
    level.copy_(few)

    def brought_back() -> NDArray[np.uint8]:
        levels = np.zeros(predictor.shape, np.uint8)
        for region, found in predictor.all_of("liver"):
            levels[region] = found
        return levels

    quick = brought_back()
    monkeypatch.setattr(Sums, "_reached", lambda _self, _name, rows: rows)
    assert np.array_equal(quick, brought_back())
    assert quick.any()


@pytest.mark.parametrize("cache", [0, 10**9])
def test_windows_asked_together_or_alone_answer_the_same(
    cache: int, make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model("2.5D"), make_image("2.5D")
    together, alone = Predictor(model, image, cache=cache), Predictor(model, image, cache=cache)
    wanted = {window: ["liver", "spleen"][: 1 + window % 2] for window in alone.order()}
    for window, names in wanted.items():
        alone.add({window: names})
    assert together.at_once > 1
    for first in range(0, together.windows, 3):
        together.add({window: wanted[window] for window in together.order()[first : first + 3]})
    for name in ("liver", "spleen"):
        for (_, a), (_, b) in zip(together.all_of(name), alone.all_of(name), strict=True):
            assert np.array_equal(a, b)
        assert a.any()


def test_turning_the_file_does_not_turn_the_answer(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    # The same voxels, stored with other axes, must be segmented alike in space.
    from condseg_app.data import AxisMap

    model, image = make_model("3D"), make_image("3D")
    axes = AxisMap.between(image.geometry, "LIP")
    turned = Image(axes.apply(image.voxels()), axes.geometry(image.geometry))
    a = predict_whole(model, image, ["liver"])
    b = predict_whole(model, turned, ["liver"])
    assert np.array_equal(axes.apply(a.probabilities["liver"]), b.probabilities["liver"])


def test_the_window_in_view_comes_first(make_model: Callable[..., Model], make_image: Callable[..., Image]) -> None:
    predictor = Predictor(make_model("3D"), make_image("3D", (60, 62, 41)))
    for voxel in ((0, 0, 0), (59, 61, 40), (30, 5, 33)):
        order = predictor.order(voxel)
        assert sorted(order) == list(range(predictor.windows))
        region = predictor.segment(order[0], ["liver"]).region
        assert all(part.start <= v < part.stop for part, v in zip(region, voxel, strict=True))


def test_what_does_not_fit_is_said_in_a_sentence(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    with pytest.raises(ModelError, match="'picture' is a 2D image"):
        Predictor(make_model("3D"), make_image("2D"))
    with pytest.raises(ModelError, match="'volume' is a volume"):
        Predictor(make_model("2D"), make_image("3D"))
    colour = Image(np.zeros((3, 9, 9, 1), np.uint8), Geometry.of_picture(9, 9), channels=("red", "green", "blue"))
    with pytest.raises(ModelError, match="takes 1 channel,"):
        Predictor(make_model("2D"), colour)
    predictor = Predictor(make_model("3D"), make_image("3D"))
    with pytest.raises(ClassTableError, match="no class 'kidney'"):
        predictor.segment(0, ["kidney"])


@given(
    shape=st.tuples(*[st.integers(1, 50)] * 3),
    window=st.tuples(*[st.integers(1, 24)] * 3),
    overlap=st.sampled_from([0.0, 0.25, 0.5]),
)
def test_windows_cover_every_voxel_and_overlap_enough(
    shape: tuple[int, int, int], window: tuple[int, int, int], overlap: float
) -> None:
    model = Model("m", "dense_unet", {}, Preprocessing("3D", window), ClassTable(), inference=Inference(overlap))
    grid = WindowGrid.over(shape, model, stride=4)
    covered = np.zeros(shape, bool)
    for start in grid.starts:
        covered[grid.inside(start)] = True
    assert covered.all()
    assert all(n % 4 == 0 for n in grid.window)
    for axis in range(3):
        starts = sorted({start[axis] for start in grid.starts})
        step = max(1, int(grid.window[axis] * (1 - overlap)))
        assert all(b - a <= step for a, b in pairwise(starts))


@given(size=st.integers(1, 90), window=st.sampled_from([8, 16, 24, 48]), overlap=st.sampled_from([0.25, 0.5]))
def test_outside_of_what_a_window_decides_it_counts_for_little(size: int, window: int, overlap: float) -> None:
    plan = Preprocessing("2D", (window, window, 1))
    model = Model("m", "dense_unet", {}, plan, ClassTable(), inference=Inference(overlap))
    grid = WindowGrid.over((size, 7, 3), model, 8)
    starts = sorted({start[0] for start in grid.starts})
    bell = np.exp(-0.5 * ((np.arange(window) - (window - 1) / 2) / (window / 8)) ** 2)
    total = np.zeros(starts[-1] - starts[0] + window)
    for start in starts:
        total[start - starts[0] :][:window] += bell
    decided = np.zeros(size, bool)
    for start in starts:
        box = grid.decided((start, *grid.starts[0][1:]))[0]
        decided[box] = True
        inside = np.arange(max(start, 0), min(start + window, size))
        share = bell[inside - start] / total[inside - starts[0]]
        outside = (inside < box.start) | (inside >= box.stop)
        assert (share[outside] < 0.0101).all()
        assert share[~outside][[0, -1]].min() > 0.0099
    assert decided.all()


def test_a_window_beyond_the_image_repeats_its_edge() -> None:
    x = torch.arange(5.0).reshape(1, 5, 1, 1)
    assert cut(x, (-2, 0, 0), (9, 1, 1)).flatten().tolist() == [0, 0, 0, 1, 2, 3, 4, 4, 4]


def test_gaussian_weights_peak_at_the_centre_and_never_vanish() -> None:
    weights = gaussian((16, 8, 1))
    assert weights.shape == (16, 8, 1)
    assert weights.max() == 1000
    assert weights.min() >= 1
    assert weights[7, 3, 0] > weights[0, 0, 0]
    assert torch.equal(weights, weights.round())


def test_encoded_windows_are_kept_for_further_classes(
    make_model: Callable[..., Model], make_image: Callable[..., Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image = make_model("3D"), make_image("3D")
    predictor, without = Predictor(model, image, cache=10**9), Predictor(model, image, cache=0)
    assemble(predictor, predictor.order(), "liver")
    expected, _ = assemble(without, without.order(), "spleen")
    monkeypatch.setattr(type(predictor._network._network), "encode", lambda *_: pytest.fail("encoded again"))
    found, _ = assemble(predictor, predictor.order(), "spleen")
    assert np.array_equal(found, expected)


def test_a_class_that_was_complete_can_be_asked_again(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    predictor = Predictor(make_model("2.5D"), make_image("2.5D"))
    once, _ = assemble(predictor, predictor.order(), "liver")
    again, _ = assemble(predictor, predictor.order(), "liver")
    assert np.array_equal(once, again)


def test_a_cache_never_exceeds_its_budget_and_keeps_what_was_used_last() -> None:
    cache = FeatureCache(budget=100)
    for window in range(4):
        cache.put(window, (torch.zeros(10),))  # 40 bytes
        assert cache.size <= 100
        cache.get(0)
    assert [window for window in range(4) if cache.get(window) is not None] == [0, 3]
    cache.put(9, (torch.zeros(26),))
    assert cache.get(9) is None
    cache.close()
    cache.put(1, (torch.zeros(1),))
    assert len(cache) == cache.size == 0


def test_lack_of_memory_costs_speed_and_then_a_sentence(
    make_model: Callable[..., Model], make_image: Callable[..., Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image = make_model("2.5D"), make_image("2.5D")
    plain, poor = Predictor(model, image), Predictor(model, image, cache=10**9)
    expected, _ = assemble(plain, plain.order(), "liver")
    decode = type(poor._network._network).decode

    def with_little_memory(network: Any, features: Any, condition: Any) -> Any:
        if len(poor._network._features):
            raise torch.OutOfMemoryError
        return decode(network, features, condition)

    monkeypatch.setattr(type(poor._network._network), "decode", with_little_memory)
    found, _ = assemble(poor, poor.order(), "liver")
    assert np.array_equal(found, expected)

    def without_memory(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(type(poor._network._network), "decode", without_memory)
    with pytest.raises(OutOfMemory, match="close other programs"):
        poor.segment(0, ["spleen"])
