"""Training: it learns, it resumes, and what is not labelled teaches nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from condseg_app.data import Annotation, Case, ClassTable, DataSet, Geometry, Image, Model, Preprocessing
from condseg_app.engine.augment import Augmentation, augmenter
from condseg_app.engine.evaluate import evaluate_case
from condseg_app.engine.networks import build_network, condition_for, network_stride
from condseg_app.engine.recipes import RECIPES, Recipe
from condseg_app.engine.samples import Cropping, DataSetSource
from condseg_app.engine.train import Trainer, learning_rate
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


def make_trainer(model: Model, recipe: Recipe = RECIPE) -> Trainer:
    augment = augmenter(recipe.augmentation, model.preprocessing, model.preprocessing.window)
    cropping = Cropping(model.preprocessing, network_stride(model), augment, recipe.centred)
    return Trainer(model, [DataSetSource(d, read_squares, cropping) for d in single_class_sets()], recipe)


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
    with pytest.raises(ModelError, match=r"begun with network growth \[16, 16\], not \[16, 32\]; use what it was begun with"):
        other.resume(tensors, plain)


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
    from condseg_app.engine.losses import ConditionedLoss, LossSettings

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
