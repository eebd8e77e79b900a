"""Teaching exactly: a class is learnt, and nothing else changes by a single bit."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from condseg_app.data import Annotation, ClassId, Image, Inference, Model
from condseg_app.engine.class_rows import (
    row_of,
    rows_hash,
    taught_class,
    trunk_hash,
    with_class,
    with_row,
    without_class,
)
from condseg_app.engine.finetune.exact import ExactTeacher, certify
from condseg_app.engine.finetune.full import FullTeacher
from condseg_app.engine.finetune.learner import ExactRecipe
from condseg_app.engine.networks import with_room
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.errors import ClassTableError, ModelError

QUICK = ExactRecipe(batch=2, pool=4, exam=2, folds=2, rank=2)
PARALLEL = pytest.mark.parametrize("dimensions", ["2D", "2.5D", "3D"])


def marks(image: Image, name: str = "kidney", planes: slice = slice(2, 9, 3)) -> Annotation:
    mask, known = np.zeros(image.geometry.shape, bool), np.zeros(image.geometry.shape, bool)
    mask[4:12, 5:14] = True
    known[..., planes] = True
    return Annotation(name, mask, known if not image.geometry.is_2d else np.ones_like(known))


def taught(model: Model, image: Image, steps: int = 3) -> ExactTeacher:
    teacher = ExactTeacher(
        model, model.classes.propose("kidney"), [(image, [marks(image)])], replace(QUICK, steps=steps)
    )
    while not teacher.advance(0).finished:
        pass
    return teacher


@PARALLEL
def test_old_classes_answer_the_same_to_the_bit_and_the_certificate_says_so(
    dimensions: str, make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model(dimensions), make_image(dimensions)
    after = taught(model, image).model()
    assert after.classes.names == ("liver", "spleen", "kidney")
    old, new = predict_whole(model, image, ["liver", "spleen"]), predict_whole(after, image, after.classes.names)
    for name in model.classes.names:
        assert np.array_equal(old.probabilities[name], new.probabilities[name])
    certificate = certify(model, after, [image])
    assert certificate.holds
    meddled = {k: np.add(w, 1e-6) if k == "head.bias" else w for k, w in after.weights.items()}
    assert not certify(model, replace(after, weights=meddled), []).holds
    key = next(k for k in after.weights if k.endswith("class_rows"))
    row = {k: np.add(w, 1e-6) if k == key else w for k, w in row_of(after, "spleen").items()}
    assert not certify(model, with_row(after, after.classes["spleen"], row), []).holds


def test_the_class_is_learnt_from_slices_and_its_own_updates_are_used(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model("2.5D"), make_image("2.5D")
    bright = image.voxels().astype(np.float32)
    bright[:, 4:12, 5:14] += 3.0
    image = replace(image, array=bright)
    teacher = ExactTeacher(
        model, model.classes.propose("kidney"), [(image, [marks(image)])], replace(QUICK, steps=120, batch=4)
    )
    first = teacher.advance(0).loss
    while not teacher.advance(5).finished:
        pass
    assert teacher.progress.loss < 0.6 * first
    held_out = teacher.examine()
    assert held_out is not None
    assert teacher.progress.dice == {"kidney": held_out}
    assert any(w.any() for key, w in teacher.taught().row.items() if "outer" in key)


def test_a_class_goes_into_another_copy_and_answers_the_same_to_the_bit(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model("3D"), make_image("3D")
    after = taught(model, image).model()
    alone = taught_class(after, "kidney")
    for copy in (model, with_room(model, 4, own_encoders=True), taught_other(model, image)):
        joined = with_class(copy, alone)
        expected = predict_whole(after, image, ["kidney"]).probabilities["kidney"]
        assert np.array_equal(predict_whole(joined, image, ["kidney"]).probabilities["kidney"], expected)
        assert len({entry.value for entry in joined.classes}) == len(joined.classes)
        assert trunk_hash(joined) == trunk_hash(model)
        back = without_class(joined, "kidney")
        assert rows_hash(back, model.classes.names) == rows_hash(model, model.classes.names)
    with pytest.raises(ClassTableError, match="has this class already, as 'kidney'"):
        with_class(after, alone)
    with pytest.raises(ClassTableError, match="has a class 'kidney' already"):
        with_class(after, replace(alone, entry=replace(alone.entry, id=ClassId("another"))))
    other = make_model("3D", slope=0.2)
    with pytest.raises(ModelError, match="taught to another model, 'tiny'"):
        with_class(other, alone)


def taught_other(model: Model, image: Image) -> Model:
    """A copy with another class, of the same value."""
    entry = model.classes.propose("stomach")
    teacher = ExactTeacher(model, entry, [(image, [marks(image, "stomach")])], replace(QUICK, steps=1, rank=1, folds=0))
    teacher.advance(0)
    return teacher.model()


def test_new_marks_enter_while_it_is_taught(make_model: Callable[..., Model], make_image: Callable[..., Image]) -> None:
    model, image = make_model("2.5D"), make_image("2.5D")
    teacher = ExactTeacher(model, model.classes.propose("kidney"), [(image, [marks(image)])], replace(QUICK, steps=6))
    teacher.advance(0)
    teacher.show([(image, [marks(image, planes=slice(0, 12, 2))])])
    while not teacher.advance(0).finished:
        pass
    assert teacher.progress.step == 6


def test_a_near_duplicate_is_noticed(make_model: Callable[..., Model], make_image: Callable[..., Image]) -> None:
    model, image = make_model("2.5D"), make_image("2.5D")
    spleen = predict_whole(model, image, ["spleen"]).mask("spleen")
    assert spleen.any()
    marked = Annotation("kidney", spleen, np.ones_like(spleen))
    teacher = ExactTeacher(
        model, model.classes.propose("kidney"), [(image, [marked])], replace(QUICK, steps=1, folds=0)
    )
    assert teacher.beginning.nearest == "spleen"
    assert teacher.beginning.nearest_dice > 0.6  # of noise, which resampling blurs
    assert teacher.beginning.dice >= teacher.beginning.nearest_dice


def test_what_cannot_be_taught_is_said(make_model: Callable[..., Model], make_image: Callable[..., Image]) -> None:
    model, image = make_model("3D"), make_image("3D")
    nothing = np.zeros(image.geometry.shape, bool)
    with pytest.raises(ClassTableError, match="no voxel of 'kidney' is annotated"):
        ExactTeacher(model, model.classes.propose("kidney"), [(image, [Annotation("kidney", nothing, nothing)])])
    unconditioned = make_model("3D", condition_at="none")
    with pytest.raises(ModelError, match="no rows of their own"):
        ExactTeacher(unconditioned, model.classes.propose("kidney"), [(image, [marks(image)])])


@pytest.mark.parametrize("mode", [ExactTeacher, partial(FullTeacher, steps=1)], ids=["exact", "full"])
def test_an_ensemble_is_refused(
    mode: Callable[..., object], make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model("3D"), make_image("3D")
    second = {f"member 1.{name}": w for name, w in model.weights.items()}
    ensemble = replace(model, inference=Inference(members=2), weights={**model.weights, **second})
    with pytest.raises(ModelError, match="is an ensemble, which cannot be taught; choose a single network"):
        mode(ensemble, model.classes.propose("kidney"), [(image, [marks(image)])])
