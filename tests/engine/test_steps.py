"""Cropping, transposing, mirroring and ensembles, on the whole way from an image to its prediction and back."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from condseg_app.data import (
    Annotation,
    CropToForeground,
    Geometry,
    Image,
    Inference,
    Model,
    PredictionOptions,
    Reorient,
    Spacing,
    Transpose,
)
from condseg_app.engine.networks import build_network, condition_for
from condseg_app.engine.predict.memory_plan import plan_memory
from condseg_app.engine.predict.predictor import Predictor
from condseg_app.engine.predict.whole import predict, predict_whole
from condseg_app.engine.predict.window_network import Averaged, prediction_network
from condseg_app.engine.preprocess import WorkingGrid
from condseg_app.engine.train.samples import prepare_case
from condseg_app.errors import ModelError

CPU = torch.device("cpu")


def padded(image: Image, before: tuple[int, ...], after: tuple[int, ...]) -> Image:
    """The image with zeros around."""
    margins = list(zip(before, after, strict=True))
    voxels = np.pad(image.voxels(), [(0, 0), *margins])
    affine = image.geometry.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ before
    i, j, k = voxels.shape[1:]
    return replace(image, array=voxels, geometry=Geometry((i, j, k), affine))


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.tuples(*[st.integers(0, 9)] * 3),
    after=st.tuples(*[st.integers(0, 9)] * 3),
    dimensions=st.sampled_from(["3D", "2.5D"]),
    spacing=st.sampled_from([None, Spacing((2.0, 2.0, 2.5)), Spacing((0.8, 1.4, 0.7), "cubic")]),
)
def test_the_border_of_a_cropped_image_changes_nothing(
    before: tuple[int, ...],
    after: tuple[int, ...],
    dimensions: str,
    spacing: Spacing | None,
    make_model: Callable[..., Model],
    make_image: Callable[..., Image],
) -> None:
    model, inner = make_model(dimensions), make_image(dimensions, (11, 9, 8))
    model = replace(model, preprocessing=replace(model.preprocessing, spacing=spacing))
    cropping = replace(model, preprocessing=replace(model.preprocessing, crop=CropToForeground()))
    outer = padded(inner, before, after)
    expected = predict_whole(cropping, inner, ["liver"]).probabilities["liver"]
    found = predict_whole(cropping, outer, ["liver"]).probabilities["liver"]
    i, j, k = (slice(b, b + n) for b, n in zip(before, inner.geometry.shape, strict=True))
    # An axis that is cropped and else kept is still rounded to 4096ths, which a border's absence leaves out.
    most = 0 if spacing is not None else 1
    assert np.abs(found[i, j, k].astype(int) - expected).max() <= most
    assert expected.any()
    outside = found.copy()
    outside[i, j, k] = 0
    assert not outside.any()
    plan = plan_memory(cropping, outer, 1, 10**12)
    whole = plan.parts[0]
    halves = ((slice(0, 4), *whole[1:]), (slice(4, whole[0].stop), *whole[1:]))
    for _, part in predict(cropping, outer, PredictionOptions(("liver",)), plan=replace(plan, parts=halves)):
        if part is not None:
            assert np.array_equal(part.prediction.probabilities["liver"], found[part.region])


def test_a_window_of_a_cropped_image_knows_its_place(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model = make_model("3D")
    model = replace(model, preprocessing=replace(model.preprocessing, crop=CropToForeground()))
    image = padded(make_image("3D", (40, 30, 20)), (8, 0, 5), (0, 9, 3))
    predictor, whole = Predictor(model, image), predict_whole(model, image, ["liver"]).probabilities["liver"]
    found = np.zeros(image.geometry.shape, np.uint8)
    for window in predictor.order(near=(12, 20, 9)):
        block = predictor.segment(window, ["liver"])
        found[block.region] = block.probabilities["liver"]
    assert predictor.windows > 1
    assert np.array_equal(found, whole)
    region = predictor.region(predictor.order(near=(12, 20, 9))[0])
    assert all(part.start <= n < part.stop for part, n in zip(region, (12, 20, 9), strict=True))


def test_an_image_without_foreground_stays_whole(make_model: Callable[..., Model]) -> None:
    plan = replace(make_model("3D").preprocessing, crop=CropToForeground())
    image = Image(np.zeros((1, 8, 7, 6)), Geometry.with_spacing((8, 7, 6), (2.0, 2.0, 2.5)))
    assert WorkingGrid.of_image(image, plan).shape == (8, 7, 6)


def test_a_crop_that_resampling_makes_up_for_still_crops(make_model: Callable[..., Model]) -> None:
    voxels = np.zeros((1, 16, 16, 16), np.float32)
    voxels[0, 4:12, 4:12, 4:12] = np.random.default_rng(0).random((8, 8, 8)) + 0.1
    image = Image(voxels, Geometry.with_spacing((16, 16, 16), (2.0, 2.0, 2.0)))
    plan = replace(make_model("3D").preprocessing, crop=CropToForeground(), spacing=Spacing((1.0, 1.0, 1.0)))
    grid = WorkingGrid.of_image(image, plan)
    assert grid.shape == grid.turned == (16, 16, 16)
    assert (grid.to_working(voxels) > 0.05).all()
    marked = np.zeros((16, 16, 16), bool)
    marked[4, 5, 11] = True
    held = torch.zeros(grid.shape, dtype=torch.bool)
    held[:2, 2:4, 14:] = True
    assert torch.equal(grid.holding_any(marked), held)


def test_training_sees_a_cropped_image_as_it_is_predicted(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    plan = replace(make_model("3D").preprocessing, crop=CropToForeground())
    inner = make_image("3D", (20, 18, 16))
    outer = padded(inner, (3, 0, 2), (1, 4, 2))
    mask = np.random.default_rng(1).random(inner.geometry.shape) > 0.7
    outer_mask = np.pad(mask, [(3, 1), (0, 4), (2, 2)])
    cases = [
        prepare_case(image, [Annotation("liver", drawn, np.ones_like(drawn))], plan)
        for image, drawn in ((inner, mask), (outer, outer_mask))
    ]
    assert torch.equal(cases[0].image, cases[1].image)
    assert torch.equal(cases[0].masks["liver"], cases[1].masks["liver"])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_transposed_axes_are_put_back_wherever_they_point(
    order: tuple[int, int, int], make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model("3D"), make_image("3D", (20, 14, 12))
    plain = replace(model, preprocessing=replace(model.preprocessing, orientation=None))
    turned = replace(model, preprocessing=replace(model.preprocessing, orientation=Transpose(order)))
    affine = image.geometry.affine[:, [*order, 3]]
    voxels = image.voxels().transpose(0, *(1 + axis for axis in order))
    i, j, k = voxels.shape[1:]
    expected = predict_whole(plain, Image(voxels, Geometry((i, j, k), affine)), ["liver"]).probabilities["liver"]
    found = predict_whole(turned, image, ["liver"]).probabilities["liver"]
    assert np.array_equal(found.transpose(order), expected)
    assert expected.std() > 0


def test_reorienting_is_transposing_where_axes_point_so(make_image: Callable[..., Image]) -> None:
    geometry = Geometry((20, 14, 12), np.diag([2.0, 1.0, 3.0, 1.0])[[2, 0, 1, 3]])
    assert Reorient("RAS").axes(geometry) == Transpose((2, 0, 1)).axes(geometry)


@pytest.mark.parametrize("axes", [(0,), (2,), (0, 1), (0, 1, 2)])
def test_a_mean_over_mirrorings_mirrors_with_the_image(axes: tuple[int, ...], make_model: Callable[..., Model]) -> None:
    model = make_model("3D")
    network = prediction_network(replace(model, inference=Inference(mirrored=axes)), CPU)
    image = torch.randn(1, 1, 16, 16, 8, generator=torch.Generator().manual_seed(0))
    condition = condition_for(model.classes, ["spleen"], CPU)

    def logits(x: Tensor) -> Tensor:
        with torch.inference_mode():
            return network.decode(network.encode(x), condition)

    spatial = [2 + axis for axis in axes]
    assert isinstance(network, Averaged)
    torch.testing.assert_close(logits(image.flip(spatial)), logits(image).flip(spatial), atol=1e-5, rtol=1e-5)
    plain = build_network(model, CPU)
    with torch.inference_mode():
        ways = [flip for count in range(len(axes) + 1) for flip in combinations(spatial, count)]
        alone = torch.stack([plain.decode(plain.encode(image.flip(w)), condition).flip(w) for w in ways])
    torch.testing.assert_close(logits(image), alone.mean(dim=0), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(logits(image), alone[0], atol=1e-3)


@pytest.mark.parametrize("dimensions", ["3D", "2.5D", "2D"])
def test_mirrored_predictions_are_the_same_in_any_order_and_from_the_cache(
    dimensions: str, make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = replace(make_model(dimensions), inference=Inference(mirrored=(0, 1))), make_image(dimensions)
    whole = predict_whole(model, image, model.classes.names)
    predictor = Predictor(model, image)
    for name in model.classes.names:
        found = np.zeros(image.geometry.shape, np.uint8)
        for window in reversed(predictor.order()):
            block = predictor.segment(window, [name])
            found[block.region] = block.probabilities[name]
        assert np.array_equal(found, whole.probabilities[name])
    plain = predict_whole(replace(model, inference=Inference()), image, model.classes.names)
    assert not np.array_equal(plain.probabilities["liver"], whole.probabilities["liver"])


def test_an_ensemble_answers_with_the_mean_of_its_members(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model("3D"), make_image("3D")
    other = {name: np.add(w, np.float32(0.01)) for name, w in model.weights.items()}

    def ensemble(second: dict[str, np.ndarray]) -> Model:
        beside = {f"member 1.{name}": w for name, w in second.items()}
        return replace(model, inference=Inference(members=2), weights={**model.weights, **beside})

    one = predict_whole(model, image, ["liver"]).probabilities["liver"]
    twins = predict_whole(ensemble(dict(model.weights)), image, ["liver"]).probabilities["liver"]
    assert np.array_equal(one, twins)
    two = predict_whole(ensemble(other), image, ["liver"]).probabilities["liver"]
    assert not np.array_equal(one, two)
    with pytest.raises(ModelError, match="lacks"):
        predict_whole(ensemble({}), image, ["liver"])


@pytest.mark.parametrize("settings_", [{"overlap": 1.0}, {"overlap": -0.1}, {"mirrored": (3,)}, {"members": 0}])
def test_settings_of_predicting_that_cannot_be_are_refused(settings_: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="at least one member"):
        Inference(**settings_)  # type: ignore[arg-type]
