"""Memory: stated before it is taken, and a prediction in parts is the prediction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condseg_app.data import Geometry, Image, Inference, Model, PostProcessing, PredictionOptions, as_level
from condseg_app.engine.predict.memory_plan import MemoryPlan, plan_memory
from condseg_app.engine.predict.predictor import Predictor
from condseg_app.engine.predict.whole import PLAIN, predict, predict_whole
from condseg_app.errors import OutOfMemory
from condseg_app.remote import work
from condseg_app.remote.host import Host

PLENTY = 10**12


def joined(model: Model, image: Image, plan: MemoryPlan) -> dict[str, np.ndarray]:
    whole = {name: np.zeros(image.geometry.shape, np.uint8) for name in model.classes.names}
    for _, found in predict(model, image, PLAIN, "cpu", plan):
        if found is None:
            continue
        for name in found.prediction.complete:
            whole[name][found.region] = found.prediction.probabilities[name]
            assert np.allclose(
                found.prediction.geometry.affine @ [0, 0, 0, 1],
                image.geometry.affine @ [*(part.start for part in found.region), 1],
            )
    return whole


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), dimensions=st.sampled_from(["3D", "2.5D", "2D"]), overlap=st.sampled_from([0.25, 0.5]))
def test_any_parts_give_the_same_prediction_to_the_bit(
    data: st.DataObject,
    dimensions: str,
    overlap: float,
    make_model: Callable[..., Model],
    make_image: Callable[..., Image],
) -> None:
    model, image = replace(make_model(dimensions), inference=Inference(overlap)), make_image(dimensions)
    plan = plan_memory(model, image, 2, PLENTY)
    assert len(plan.parts) == 1
    expected = joined(model, image, plan)
    i, j, k = (data.draw(st.integers(1, n)) for n in image.geometry.shape)
    shape = image.geometry.shape
    ranges = [[slice(0, cut), slice(cut, n)] for cut, n in zip((i, j, k), shape, strict=True)]
    parts = tuple(
        (a, b, c) for a in ranges[0] for b in ranges[1] for c in ranges[2] if min(p.stop - p.start for p in (a, b, c))
    )
    found = joined(model, image, replace(plan, parts=parts, classes_at_once=1))
    for name, levels in expected.items():
        assert levels.std() > 0
        assert np.array_equal(found[name], levels)


@pytest.mark.parametrize("dimensions", ["3D", "2.5D", "2D"])
def test_less_memory_means_more_parts_that_cover_everything_once(
    dimensions: str, make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model(dimensions), enlarged(make_image(dimensions), (400, 300, 200))
    whole = plan_memory(model, image, 2, PLENTY)
    assert len(whole.parts) == 1
    tight = plan_memory(model, image, 2, int(whole.peak * 0.9 / 0.7))
    assert len(tight.parts) > 1
    assert tight.peak < 0.9 * whole.peak
    covered = np.zeros(image.geometry.shape, np.uint8)
    for part in tight.parts:
        covered[part] += 1
    assert (covered == 1).all()


def test_too_little_memory_is_said_before_anything_is_computed(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    with pytest.raises(OutOfMemory, match=r"needs 0\.\d GB of memory, and 0\.0 GB are free; close other programs"):
        plan_memory(make_model("3D"), make_image("3D"), 2, 10**6)


def test_more_classes_take_hardly_more(make_model: Callable[..., Model], make_image: Callable[..., Image]) -> None:
    model, image = make_model("2.5D"), enlarged(make_image("2.5D"), (300, 300, 150))
    many, one = (plan_memory(model, image, n, PLENTY, whole=False).peak for n in (117, 1))
    assert many < 1.3 * one


def test_a_coarse_pass_asks_less_and_finds_the_same(
    make_model: Callable[..., Model], make_image: Callable[..., Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image = make_model("2.5D"), make_image("2.5D", (24, 24, 48))
    bright = np.zeros((1, 24, 24, 48), np.float32)
    bright[:, :, :, 10:30] = np.random.default_rng(0).normal(size=(24, 24, 20))
    image = replace(image, array=bright)
    # Weights that nobody taught find a class everywhere; one that is never found must cost the coarse pass alone.
    never = {name: w - 60 if name == "head.bias" else w for name, w in model.weights.items()}
    asked: list[int] = []
    add = Predictor.add

    def noted(predictor: Predictor, wanted: Mapping[int, Sequence[str]]) -> None:
        asked.extend(wanted)
        add(predictor, wanted)

    monkeypatch.setattr(Predictor, "add", noted)
    predict_whole(model, image, ["liver"])
    everything = len(asked)
    for weights, most in ((model.weights, everything), (never, everything // 2)):
        asked.clear()
        found = predict_whole(replace(model, weights=weights), image, ["liver"], "cpu", PredictionOptions(roi=True))
        assert 0 < len(asked) <= most
        plain = predict_whole(replace(model, weights=weights), image, ["liver"])
        assert np.array_equal(found.probabilities["liver"] > 127, plain.probabilities["liver"] > 127)


def test_a_coarse_pass_looks_for_what_reaches_the_masks_threshold(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model("2.5D"), make_image("2.5D", (24, 24, 48))
    unsure = {
        name: w * 0 - 1 if name == "head.bias" else w * 0 if name == "head.weight" else w
        for name, w in model.weights.items()
    }
    model = replace(model, weights=unsure)  # everywhere a probability of 0.27
    for threshold, everywhere in ((0.2, True), (0.5, False)):
        options = PredictionOptions(post_processing=PostProcessing(threshold), roi=True)
        levels = predict_whole(model, image, ["liver"], "cpu", options).probabilities["liver"]
        assert bool((levels >= as_level(0.2)).all()) is everywhere


def enlarged(image: Image, shape: tuple[int, int, int]) -> Image:
    """An image of another size that takes no memory."""
    i, j, k = shape if not image.geometry.is_2d else (10 * shape[0], 10 * shape[1], 1)
    return replace(
        image,
        array=np.broadcast_to(np.uint8(0), (1, i, j, k)),
        geometry=Geometry((i, j, k), image.geometry.affine, image.geometry.unit),
    )


def test_the_window_refuses_what_would_need_parts(
    make_model: Callable[..., Model], make_image: Callable[..., Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image = make_model("3D"), enlarged(make_image("3D"), (600, 500, 400))
    monkeypatch.setattr(work, "free_memory", lambda: 500 * 10**6)
    with pytest.raises(
        OutOfMemory,
        match=r"^'volume' needs about \d\.\d GB at once in the window, 0\.5 GB are free; close other programs, or use "
        r"`condseg predict`, which works in parts$",
    ):
        raise Host("cpu").open_predictor(model, image).error or AssertionError("it was not refused")
    windows = Host("cpu").open_predictor(model, make_image("3D")).value
    assert isinstance(windows, int)
    assert windows > 0
