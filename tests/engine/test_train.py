"""Training: it learns, it resumes, and what is not labelled teaches nothing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from condseg_app.data import Annotation, Case, ClassTable, DataSet, Geometry, Image, Model, Preprocessing
from condseg_app.engine.evaluate import evaluate_case
from condseg_app.engine.networks import build_network, condition_for, network_stride, new_model, transfer
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.engine.train.augmentation import Augmentation, augmenter, unvaried
from condseg_app.engine.train.losses import ConditionedLoss, LossSettings
from condseg_app.engine.train.recipes import RECIPES, Recipe
from condseg_app.engine.train.samples import Cropping, DataSetSource
from condseg_app.engine.train.trainer import Trainer, learning_rate
from condseg_app.errors import CondsegError, ModelError

RECIPE = Recipe(steps=6, batch=2, warm_up=2, augmentation=Augmentation(rotation=5, zoom=0.05, intensity=0.2))
SHAPE = (20, 20, 12)


def read_squares(case: Case, classes: ClassTable) -> tuple[Image, tuple[Annotation, ...]]:
    """A bright box ('liver') and a dark one ('spleen') on noise; a case labels one of them."""
    rng = np.random.default_rng(int(case.name))
    voxels = rng.normal(0, 0.2, (1, *SHAPE)).astype(np.float32)
    liver, spleen = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    liver[2:8, 4:16, 2:10] = True
    spleen[12:18, 4:16, 2:10] = True
    voxels[0] += 2.0 * liver - 2.0 * spleen
    masks = {"liver": liver, "spleen": spleen}
    everywhere = np.broadcast_to(np.True_, SHAPE)
    annotations = tuple(Annotation(name, masks[name], everywhere) for name in sorted(case.labelled))
    return Image(voxels, Geometry.with_spacing(SHAPE, (2.0, 2.0, 2.5))), annotations


def single_class_sets() -> list[DataSet]:
    table = ClassTable.from_names(["liver", "spleen"])
    return [
        DataSet(
            name,
            Path(),
            table,
            tuple(Case(str(10 * first + n), Path(), labelled=frozenset({name})) for n in range(3)),
        )
        for first, name in enumerate(table.names)
    ]


def make_trainer(
    model: Model, recipe: Recipe = RECIPE, sets: Sequence[DataSet] = (), validate: bool = False
) -> Trainer:
    augment = augmenter(recipe.augmentation, model.preprocessing)
    cropping = Cropping(model.preprocessing, network_stride(model), augment, recipe.centred)
    sources = [DataSetSource(d, read_squares, cropping) for d in sets or single_class_sets()]
    still = [DataSetSource(source.data, read_squares, replace(cropping, augment=unvaried)) for source in sources]
    return Trainer(model, sources, recipe, validation=still if validate else ())


def run(trainer: Trainer, steps: int) -> None:
    for _ in range(steps):
        trainer.advance(0)


def test_one_network_learns_two_classes_from_two_single_class_sets(make_model: Callable[..., Model]) -> None:
    recipe = replace(RECIPE, steps=60, learning_rate=5e-3, ema=0.9)
    trainer = make_trainer(make_model("3D"), recipe)
    run(trainer, recipe.steps)
    assert trainer.progress.finished
    unseen = Case("99", Path(), labelled=frozenset({"liver", "spleen"}))
    image, annotations = read_squares(unseen, trainer.model().classes)
    dice = {s.class_name: s.dice or 0.0 for s in evaluate_case(trainer.model(), image, annotations)}
    untrained = {s.class_name: s.dice or 0.0 for s in evaluate_case(make_model("3D"), image, annotations)}
    for name in ("liver", "spleen"):
        assert dice[name] > 0.8
        assert dice[name] > untrained[name]


def test_a_resumed_training_is_bit_equal_to_an_uninterrupted_one(make_model: Callable[..., Model]) -> None:
    whole, cut = make_trainer(make_model("3D")), make_trainer(make_model("3D"))
    run(whole, 6)
    run(cut, 3)
    tensors, plain = cut.state()
    resumed = make_trainer(make_model("3D"))
    resumed.resume(tensors, plain)
    run(resumed, 3)
    assert [s.loss for s in resumed.history] == [s.loss for s in whole.history]
    for name, weights in whole.model().weights.items():
        assert np.array_equal(weights, resumed.model().weights[name]), name


def test_a_foreign_checkpoint_is_refused(make_model: Callable[..., Model]) -> None:
    tensors, plain = make_trainer(make_model("3D")).state()
    other = make_trainer(make_model("3D", growth=(16, 32)))
    with pytest.raises(
        ModelError, match=r"begun with network growth \[16, 16\], not \[16, 32\]; use what it was begun with"
    ):
        other.resume(tensors, plain)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 4}, "begun with batch 2, not 4"),
        ({"loss": LossSettings(bce=0.5)}, "begun with loss bce 1.0, not 0.5"),
        ({"seed": 3}, "begun with seed 0, not 3"),
    ],
)
def test_going_on_with_other_settings_is_refused(
    make_model: Callable[..., Model], change: dict[str, object], message: str
) -> None:
    tensors, plain = make_trainer(make_model("3D")).state()
    other = make_trainer(make_model("3D"), replace(RECIPE, **change))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=message):
        other.resume(tensors, json.loads(json.dumps(plain)))


def test_more_steps_are_no_other_settings(make_model: Callable[..., Model]) -> None:
    trainer = make_trainer(make_model("3D"))
    run(trainer, 6)
    longer = make_trainer(make_model("3D"), replace(RECIPE, steps=8))
    longer.resume(*trainer.state())
    assert longer.advance(0).step == 7


def test_two_passes_have_the_gradient_of_both(make_model: Callable[..., Model]) -> None:
    """With a loss that is a mean over samples, two passes of one sample step as one pass of two does."""
    mean = replace(RECIPE, steps=1, ema=0.0, clip=0.0, sampling="equal", loss=LossSettings(dice=0.0, bce=1.0))
    model = make_model("3D", names=("liver",))
    sets = single_class_sets()[:1]
    gradients: list[dict[str, NDArray[Any]]] = []
    for recipe in (replace(mean, batch=2), replace(mean, batch=1, accumulate=2)):
        trainer = make_trainer(model, recipe, sets)
        run(trainer, 1)
        # Adam's first average is the gradient, but for a factor; its step would make rounding as large as the rate.
        gradients.append({name: g for name, g in trainer.state()[0].items() if name.endswith(".exp_avg")})
    one_pass, two_passes = gradients
    assert max(np.abs(gradient).max() for gradient in one_pass.values()) > 1e-3
    for name, gradient in one_pass.items():
        np.testing.assert_allclose(two_passes[name], gradient, rtol=0, atol=1e-6, err_msg=name)


def test_the_moving_average_has_forgotten_the_fresh_weights(make_model: Callable[..., Model]) -> None:
    """Whatever its decay: the model of a short training must not be part random."""
    fresh, weights = make_model("3D"), list[NDArray[Any]]()
    for ema in (0.0, 0.999):
        trainer = make_trainer(fresh, replace(RECIPE, steps=40, ema=ema, decay=False))
        run(trainer, 40)
        weights.append(trainer.model().weights["stem.weight"])
    last, average = weights
    assert not np.array_equal(last, average)
    assert np.linalg.norm(average - last) < 0.5 * np.linalg.norm(average - fresh.weights["stem.weight"])


def test_a_training_that_no_longer_improves_ends_early_with_its_best_model(make_model: Callable[..., Model]) -> None:
    recipe = replace(RECIPE, steps=40, learning_rate=0.0, validate_every=2, validation_windows=4, patience=3, ema=0.0)
    trainer = make_trainer(make_model("3D"), recipe, validate=True)
    progress = trainer.advance(60)
    assert progress.finished
    assert progress.step == progress.steps == 8  # the first look, and three that are no better
    assert [look.step for look in trainer.looks] == [2, 4, 6, 8]
    assert set(trainer.looks[0].dice) == {"liver", "spleen"}


def test_the_best_model_seen_is_the_one_that_is_kept(make_model: Callable[..., Model]) -> None:
    recipe = replace(RECIPE, steps=12, learning_rate=5e-3, validate_every=3, validation_windows=6, ema=0.0)
    trainer = make_trainer(make_model("3D"), recipe, validate=True)
    after = []
    for _ in range(4):
        run(trainer, 3)
        after.append({name: w.copy() for name, w in trainer.state()[0].items() if name.startswith("network.")})
    best = max(range(4), key=lambda n: trainer.looks[n].mean)
    for name, weights in trainer.model().weights.items():
        assert np.array_equal(weights, after[best][f"network.{name}"]), name
    resumed = make_trainer(make_model("3D"), recipe, validate=True)
    resumed.resume(*trainer.state())
    assert resumed.looks == trainer.looks
    assert np.array_equal(resumed.model().weights["stem.weight"], trainer.model().weights["stem.weight"])


def test_transfer_keeps_the_trunk_and_the_rows_of_shared_classes(make_model: Callable[..., Model]) -> None:
    trained = make_model("3D", names=("liver", "spleen"))
    fresh = make_model("3D", names=("pancreas", "spleen", "aorta"))
    started = transfer(fresh, replace(trained, weights={n: w + 1 for n, w in trained.weights.items()}))
    rows = [name for name in fresh.weights if name.endswith("class_rows")]
    for name, weights in started.weights.items():
        if name not in rows:
            assert np.array_equal(weights, trained.weights[name] + 1), name
    for name in rows:
        assert np.array_equal(started.weights[name][1], trained.weights[name][1] + 1)
        assert np.array_equal(started.weights[name][[0, 2]], fresh.weights[name][[0, 2]])


def test_transfer_from_another_network_is_refused(make_model: Callable[..., Model]) -> None:
    other = make_model("3D", width=32, growth=(32, 32))
    other = replace(other, weights={name: w for name, w in other.weights.items() if w.ndim > 1})
    with pytest.raises(ModelError, match="choose its preset"):
        transfer(make_model("3D"), other)


def test_the_same_seed_gives_the_same_fresh_weights(make_model: Callable[..., Model]) -> None:
    plan = Preprocessing("3D", (16, 16, 8))
    one, same, other = (new_model("m", "dense-3d", ClassTable.from_names(["a"]), plan, seed=s) for s in (1, 1, 2))
    assert all(np.array_equal(w, same.weights[name]) for name, w in one.weights.items())
    assert not np.array_equal(one.weights["stem.weight"], other.weights["stem.weight"])


def test_unlabelled_classes_count_as_background_where_asked(make_model: Callable[..., Model]) -> None:
    """The paper's "no cond": the network learns to deny what other sets show."""
    fair = replace(RECIPE, steps=60, learning_rate=5e-3, ema=0.0)
    naive = replace(fair, loss=LossSettings(unlabelled_as_background=True))
    means = []
    image, annotations = read_squares(Case("99", Path(), labelled=frozenset({"liver"})), ClassTable())
    for recipe in (fair, naive):
        trainer = make_trainer(make_model("3D", condition_at="none"), recipe)
        run(trainer, 60)
        prediction = predict_whole(trainer.model(), image, ["liver"])
        means.append(float(prediction.probabilities["liver"][annotations[0].mask].mean()))
    assert means[1] < 0.8 * means[0]


def test_advance_returns_in_time_and_stops_at_the_end(make_model: Callable[..., Model]) -> None:
    trainer = make_trainer(make_model("3D"))
    assert trainer.advance(0).step == 1
    assert trainer.advance(60).step == RECIPE.steps
    assert trainer.advance(60).step == RECIPE.steps


def test_a_class_that_no_sample_asks_for_keeps_its_row(make_model: Callable[..., Model]) -> None:
    model = make_model("3D", names=("liver", "spleen", "pancreas"))
    trainer = make_trainer(model, replace(RECIPE, ema=0.0))
    run(trainer, 4)
    rows = [name for name in model.weights if name.endswith("class_rows")]
    assert rows
    for name in rows:
        before, after = model.weights[name], trainer.model().weights[name]
        assert np.array_equal(before[2], after[2])
        assert not np.array_equal(before[:2], after[:2])


def test_unlabelled_voxels_of_a_case_teach_nothing(make_model: Callable[..., Model]) -> None:
    model = make_model("3D")
    network = build_network(model, torch.device("cpu"))
    logits = network(torch.randn(1, 1, 16, 16, 8), condition_for(model.classes, ["liver"], torch.device("cpu")))
    supervised = torch.zeros_like(logits)
    loss = ConditionedLoss(LossSettings(), 2)(logits, torch.ones_like(logits), supervised, torch.tensor([0]))
    loss.backward()
    assert all(p.grad is None or not p.grad.any() for p in network.parameters())


def test_the_learning_rate_rises_and_falls() -> None:
    recipe = Recipe(steps=100, warm_up=10, learning_rate=1.0)
    rates = [learning_rate(recipe, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] < 0.01
    assert rates[10:] == sorted(rates[10:], reverse=True)
    paper = RECIPES["paper"]
    assert {learning_rate(paper, step) for step in (0, 100, 24_999)} == {5e-5}


def test_nothing_to_learn_from_is_said(make_model: Callable[..., Model]) -> None:
    with pytest.raises(CondsegError, match="name at least one data set"):
        Trainer(make_model("3D"), [], RECIPE)
    empty = replace(single_class_sets()[0], cases=())
    cropping = Cropping(Preprocessing("3D", (16, 16, 8)), 2, lambda sample, _rng: sample)
    with pytest.raises(CondsegError, match="labels no class"):
        DataSetSource(empty, read_squares, cropping)
