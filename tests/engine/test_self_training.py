"""Learning from windows that nobody marked: only what the class is sure of counts, and it is the same every time."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from condseg_app.data import Annotation, Image, Model
from condseg_app.engine.augment import Augmentation, disturber
from condseg_app.engine.class_rows import only_class, row_of
from condseg_app.engine.exact import ExactTeacher
from condseg_app.engine.learner import ExactRecipe, varied_cropping
from condseg_app.engine.networks import network_stride
from condseg_app.engine.samples import prepare_case
from condseg_app.engine.self_training import SelfTraining, Unmarked

QUICK = ExactRecipe(steps=4, batch=2, exam=2, folds=0, rank=2, self_training=SelfTraining(windows=2, begins=1))
CPU = torch.device("cpu")


def learnt(model: Model, image: Image, recipe: ExactRecipe, *beside: Image) -> dict[str, np.ndarray]:
    mask = np.zeros(image.geometry.shape, bool)
    mask[4:12, 5:14] = True
    shown = [(image, [Annotation("kidney", mask, np.ones_like(mask))])]
    teacher = ExactTeacher(model, model.classes.propose("kidney"), shown, recipe, "cpu", beside)
    while not teacher.advance(0).finished:
        pass
    return row_of(teacher.model(), "kidney")


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(("probability", "target", "sure"), [(0.95, 1, 1), (0.6, 1, 0), (0.4, 0, 0), (0.05, 0, 1)])
def test_only_what_the_class_is_sure_of_counts(
    probability: float, target: int, sure: int, make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model("2.5D", ("liver",)), make_image("2.5D")
    bias = np.log(probability / (1 - probability))
    weights = {name: w * 0 if name == "head.weight" else w for name, w in model.weights.items()}
    model = replace(model, weights={**weights, "head.bias": np.full_like(model.weights["head.bias"], bias)})
    alone = only_class(model, model.classes["liver"], row_of(model, "liver"))
    recipe = QUICK.self_training
    unmarked = Unmarked(alone, recipe, varied_cropping(alone, network_stride(alone), QUICK), lambda x, _: -x, CPU)
    case = prepare_case(image, [], model.preprocessing)
    found = unmarked.answered({}, [case], np.random.default_rng(0))
    assert found.images.shape == (2, 3, 24, 24)
    assert (found.target == target).all()
    assert (found.sure == sure).all()


def test_it_changes_what_is_learnt_and_is_the_same_every_time(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model("2.5D"), make_image("2.5D")
    sure_of_all = replace(QUICK, self_training=replace(QUICK.self_training, sure=0.5))
    once, again = learnt(model, image, sure_of_all), learnt(model, image, sure_of_all)
    assert same(once, again)
    without = replace(QUICK, self_training=SelfTraining(windows=0))
    assert not same(once, learnt(model, image, without))
    other = replace(image, array=np.asarray(image.array) * 2 + 1)
    assert not same(once, learnt(model, image, sure_of_all, other))


def test_disturbing_changes_intensities_by_the_generator_alone() -> None:
    disturb = disturber(Augmentation(intensity=2.0))
    image = torch.rand(1, 16, 16)
    seen = [disturb(image, np.random.default_rng(seed)) for seed in (1, 1, 2, 3, 4)]
    assert torch.equal(seen[0], seen[1])
    assert any(not torch.equal(seen[0], other) for other in seen[2:])
    assert all(s.shape == image.shape for s in seen)
