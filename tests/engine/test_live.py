"""A class that is taught while the person paints and looks on."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from condseg_app.data import Annotation, Image, Lesson, Model, Region
from condseg_app.engine.finetune.exact import ExactTeacher
from condseg_app.engine.finetune.learner import ExactRecipe
from condseg_app.engine.finetune.live_preview import LiveTeacher, Preview
from condseg_app.engine.predict.whole import predict_whole

QUICK = ExactRecipe(batch=2, pool=4, exam=2, folds=3, rank=2)


def marks(image: Image, planes: list[int]) -> Annotation:
    mask, known = np.zeros(image.geometry.shape, bool), np.zeros(image.geometry.shape, bool)
    mask[:, 5:14, 4:12] = True
    known[planes] = True  # the axis that the model's slices follow each other on
    return Annotation("kidney", mask, known)


def teacher_of(model: Model, image: Image, planes: list[int], steps: int = 12) -> ExactTeacher:
    return ExactTeacher(
        model, model.classes.propose("kidney"), [(image, [marks(image, planes)])], replace(QUICK, steps=steps)
    )


@pytest.fixture
def model(make_model: Callable[..., Model]) -> Model:
    return make_model("2.5D")


@pytest.fixture
def image(make_image: Callable[..., Image]) -> Image:
    return make_image("2.5D")


@pytest.mark.parametrize("dimensions", ["2.5D", "3D"])
def test_a_slice_shows_the_class_as_it_is_now_to_the_bit(
    dimensions: str, make_model: Callable[..., Model], make_image: Callable[..., Image]
) -> None:
    model, image = make_model(dimensions), make_image(dimensions)
    lesson = Lesson(model.classes.propose("kidney"), image, (marks(image, [2, 5, 8]),), 4)
    teacher = LiveTeacher(model, lesson, "cpu")
    assert teacher.segment(0) is None, "nothing is looked at yet"
    i, j, k = image.geometry.shape
    parts: list[Region] = [(slice(0, i), slice(0, j), slice(7, 8)), (slice(9, 10), slice(0, j), slice(0, k))]
    for part in (*parts, parts[0]):
        teacher.advance(0)
        seen = np.zeros(image.geometry.shape, np.uint8)
        for window in range(teacher.look_at(part)):
            block = teacher.segment(window)
            assert block is not None
            seen[block.region] = block.probabilities["kidney"]
        expected = predict_whole(teacher.model(), image, ["kidney"]).probabilities["kidney"]
        np.testing.assert_array_equal(seen[part], expected[part])


def test_what_is_encoded_is_kept_from_one_look_to_the_next(
    model: Model, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview = Preview(image, "cpu")
    part: Region = (slice(0, 22), slice(0, 27), slice(3, 4))
    windows = preview.look_at(part, model)
    first = [preview.segment(window) for window in range(windows)]
    preview.look_at(part, model)
    assert preview._predictor is not None
    monkeypatch.setattr(preview._predictor._network._network, "encode", None)
    for window, block in enumerate(first):
        again = preview.segment(window)
        assert block is not None
        assert again is not None
        np.testing.assert_array_equal(again.probabilities["liver"], block.probabilities["liver"])


def test_a_look_at_another_row_builds_no_other_network(model: Model, image: Image) -> None:
    preview = Preview(image, "cpu")
    part: Region = (slice(0, 22), slice(0, 27), slice(3, 4))
    teacher = teacher_of(model, image, [2, 5, 8])
    preview.look_at(part, teacher.class_alone())
    assert preview._predictor is not None
    network = preview._predictor._network._network
    teacher.advance(5)
    windows = preview.look_at(part, teacher.class_alone())
    assert preview._predictor._network._network is network
    fresh = Preview(image, "cpu")
    fresh.look_at(part, teacher.class_alone())
    for window in range(windows):
        again, anew = preview.segment(window), fresh.segment(window)
        assert again is not None
        assert anew is not None
        np.testing.assert_array_equal(again.probabilities["kidney"], anew.probabilities["kidney"])


def test_further_annotations_do_not_prepare_the_image_again(
    model: Model, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = teacher_of(model, image, [2, 5, 8])
    monkeypatch.setattr("condseg_app.engine.train.samples.prepare", None)
    teacher.show([(image, [marks(image, [2, 5, 8, 11])])])
    assert teacher.advance(0).step > 0


def test_going_back_brings_the_same_class_and_learning_goes_on_from_there(model: Model, image: Image) -> None:
    teacher = teacher_of(model, image, [2, 5, 8])
    for _ in range(4):
        teacher.advance(0)
    state = teacher.state()
    while not teacher.advance(0).finished:
        pass
    assert any(not np.array_equal(row, state.row[key]) for key, row in teacher.state().row.items())
    teacher.go_to(state)
    back = teacher.state()
    assert back.step == 4
    for key, row in state.row.items():
        np.testing.assert_array_equal(back.row[key], row)
    for number, rows in state.beside.items():
        for key, row in rows.items():
            np.testing.assert_array_equal(back.beside[number][key], row)
    assert teacher.advance(0).step == 5


def test_another_teacher_goes_on_where_one_was_lost(model: Model, image: Image) -> None:
    lost = teacher_of(model, image, [5, 8])
    lost.advance(0)
    lost.show([(image, [marks(image, [2, 5, 8])])])
    lost.advance(0)
    state = lost.state()
    assert state.slices == {(image.key, 5): 0, (image.key, 8): 1, (image.key, 2): 2}
    other = teacher_of(model, image, [2, 5, 8])
    other.go_to(state)
    assert other.state().slices == state.slices, "no row is examined on a slice that it has learnt from"
    for key, row in state.row.items():
        np.testing.assert_array_equal(other.class_alone().weights[key][0], row)
    while not other.advance(0).finished:
        pass
    assert other.progress.dice.keys() == {"kidney"}


def test_another_teacher_may_see_the_images_in_another_order(model: Model, image: Image) -> None:
    other = replace(image, name="other")
    shown = [(image, [marks(image, [5, 8])]), (other, [marks(other, [2])])]
    entry = model.classes.propose("kidney")
    teacher = ExactTeacher(model, entry, shown, QUICK)
    state = teacher.state()
    assert state.slices == {(image.key, 5): 0, (image.key, 8): 1, ("other", 2): 2}
    turned = ExactTeacher(model, entry, shown[::-1], QUICK)
    assert turned.state().slices != state.slices
    turned.go_to(state)
    assert turned.state().slices == state.slices


def test_a_slice_stays_with_its_fold_and_more_slices_make_folds_possible(model: Model, image: Image) -> None:
    teacher = teacher_of(model, image, [5])
    assert teacher.state().beside == {}
    assert teacher.examine() is None
    teacher.show([(image, [marks(image, [5, 8])])])
    assert teacher.state().beside.keys() == {0, 1}
    teacher.show([(image, [marks(image, [2, 5, 8])])])
    assert teacher.state().slices == {(image.key, 5): 0, (image.key, 8): 1, (image.key, 2): 2}
    assert teacher.state().beside.keys() == {0, 1, 2}
    teacher.advance(0)
    assert teacher.examine() is not None
    teacher.show([(image, [replace(marks(image, [8]))])])
    assert teacher.state().beside == {}
