"""Teaching a class: a new row, and the old classes are held to what they said before."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from condseg_app.data import Annotation, ClassEntry, Image, Lesson, Model
from condseg_app.engine.class_rows import trunk_hash
from condseg_app.engine.finetune.compare import compare_on_lesson
from condseg_app.engine.finetune.full import FullTeacher, fine_tuning
from condseg_app.engine.networks import add_class
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.errors import ClassTableError, ModelError


def make_lesson(model: Model, image: Image, steps: int = 4, name: str = "kidney") -> Lesson:
    mask, known = np.zeros(image.geometry.shape, bool), np.zeros(image.geometry.shape, bool)
    mask[4:12, 5:14] = True
    known[:16] = True
    entry = model.classes[name] if name in model.classes else model.classes.propose(name)
    return Lesson(entry, image, (Annotation(name, mask, known),), steps)


def start(model: Model, lesson: Lesson) -> FullTeacher:
    return FullTeacher(model, lesson.entry, lesson.shown, lesson.steps, "cpu")


@pytest.mark.parametrize("conditioning", ["film", "vector", "constant"])
def test_a_new_row_leaves_every_old_answer_as_it_was(
    conditioning: str, make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model("3D", conditioning=conditioning), make_image("3D")
    larger = add_class(model, model.classes.propose("kidney"))
    assert larger.classes.names == ("liver", "spleen", "kidney")
    before = predict_whole(model, image, model.classes.names)
    after = predict_whole(larger, image, model.classes.names)
    for name in model.classes.names:
        assert np.array_equal(before.probabilities[name], after.probabilities[name])


@pytest.mark.parametrize("dimensions", ["2D", "2.5D", "3D"])
def test_a_lesson_ends_in_a_model_with_the_class(
    dimensions: str, make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model(dimensions), make_image(dimensions)
    lesson = make_lesson(model, image)
    trainer = start(model, lesson)
    while not trainer.advance(0).finished:
        pass
    taught = trainer.model()
    assert taught.classes.names == ("liver", "spleen", "kidney")
    changes = {change.name: change for change in compare_on_lesson(model, taught, lesson)}
    assert changes["kidney"].before is None
    assert changes["kidney"].reference == "annotation"
    assert changes["liver"].before == 1.0
    assert changes["liver"].reference == "prediction"
    assert all(0 <= change.after <= 1 for change in changes.values())


def test_both_the_class_and_the_old_ones_are_practised(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model = make_model("3D")
    trainer = start(model, make_lesson(model, make_image("3D"), steps=12))
    while not trainer.advance(0).finished:
        pass
    assert set(trainer.progress.dice) == {"liver", "spleen", "kidney"}


def test_an_existing_class_can_be_improved(make_model: Callable[..., Model], make_image: Callable[..., Image]) -> None:
    model = make_model("3D")
    lesson = make_lesson(model, make_image("3D"), name="spleen")
    trainer = start(model, lesson)
    trainer.advance(0)
    assert trainer.model().classes == model.classes
    changes = {change.name: change for change in compare_on_lesson(model, trainer.model(), lesson)}
    assert changes["spleen"].before is not None
    assert changes["spleen"].reference == "annotation"


def test_what_cannot_be_taught_is_said(make_model: Callable[..., Model], make_image: Callable[..., Image]) -> None:
    unconditioned = make_model("3D", condition_at="none")
    with pytest.raises(ModelError, match="not conditioned on a class"):
        start(unconditioned, make_lesson(unconditioned, make_image("3D")))
    nothing = np.zeros(make_image("3D").geometry.shape, bool)
    with pytest.raises(ClassTableError, match="no voxel of 'kidney' is annotated"):
        Lesson(ClassEntry(9, "kidney"), make_image("3D"), (Annotation("kidney", nothing, ~nothing),))


def test_old_classes_are_kept_all_over_the_images_also_on_those_without_marks(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model("2.5D"), make_image("2.5D")
    lesson = make_lesson(model, image)
    far = np.zeros(image.geometry.shape, bool)
    far[8:] = True
    marks = (*lesson.annotations, Annotation("liver", far, far.copy()))
    pupil = add_class(model, lesson.entry)
    trainer = fine_tuning(pupil, "kidney", [(image, marks)], 1, "cpu", [replace(image, name="beside")])
    _, keeping = trainer.sources
    assert keeping.size == 2
    rng = np.random.default_rng(0)
    samples = [keeping.draw(rng) for _ in range(12)]
    assert {frozenset(sample.classes) for sample in samples} == {frozenset(("liver", "spleen"))}
    assert all(sample.supervised.all() for sample in samples)
    certain = {sample.classes[row] for sample in samples for row in (0, 1) if (sample.target[row] == 1).any()}
    assert certain == {"liver"}, "marks are certain, an untaught model's answers never are"


def test_the_class_weighs_as_much_as_all_old_ones(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model = make_model("3D")
    lesson = make_lesson(model, make_image("3D"))
    trainer = fine_tuning(add_class(model, lesson.entry), "kidney", lesson.shown, 1)
    assert trainer.recipe.loss.alpha == (1.0, 1.0, 2.0)


def test_the_row_is_learnt_before_everything_else(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model = make_model("2.5D")
    teacher = start(model, make_lesson(model, make_image("2.5D"), steps=6))
    frozen = []
    while not teacher.progress.finished:
        progress = teacher.advance(0)
        assert progress.steps == 6
        frozen.append(trunk_hash(teacher.model()) == trunk_hash(model))
    assert [progress.step, frozen] == [6, [True, True, True, True, False, False]]
    assert "classes" not in teacher.model().training, "it was not taught exactly"
    assert teacher.progress.nearest is not None
    assert teacher.seconds > 0


def test_without_rows_everything_learns_at_once(
    make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model = make_model("3D", conditioning="constant")
    teacher = start(model, make_lesson(model, make_image("3D"), steps=1))
    assert teacher.advance(0).finished
    assert trunk_hash(teacher.model()) != trunk_hash(model)


def test_a_single_step_is_one_of_everything(make_model: Callable[..., Model], make_image: Callable[..., Image]) -> None:
    model = make_model("2D")
    teacher = start(model, make_lesson(model, make_image("2D"), steps=1))
    assert teacher.advance(0).finished
    assert teacher.model().classes.names == ("liver", "spleen", "kidney")
