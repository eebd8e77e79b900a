"""Teaching a class: what is saved, what is not, and what goes on meanwhile."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condseg_app import io
from condseg_app.data import Certificate, ChunkedAnnotation, ClassTable, Image, ImageProof, TrainingProgress
from condseg_app.errors import ClassTableError, CondsegError, EngineLost, WriteError
from condseg_app.session import LessonResult, fusing
from tests.classes import id_of, ids_of, names_of
from tests.session.conftest import make_model


def mark(desk: Any, name: str) -> None:
    """Mark a class on one slice."""
    shape = desk.session.state.image.geometry.shape
    mask, seen = np.zeros(shape, bool), np.zeros(shape, bool)
    mask[1:3, 1:3, 1] = True
    seen[:, :, 1] = True
    desk.session.annotations.put(id_of(desk.session, name), ChunkedAnnotation.of(mask, seen))


@pytest.fixture
def lesson(desk: Any) -> Any:
    """A desk where a new class is marked."""
    desk.session.classes.add("tumour", (9, 8, 7))
    mark(desk, "tumour")
    return desk


def taught(desk: Any) -> LessonResult:
    result = desk.session.state.lesson_result
    assert isinstance(result, LessonResult)
    return result


def test_a_lesson_makes_a_new_model_file_and_leaves_the_old_one(lesson: Any, model_path: Path) -> None:
    before = model_path.read_bytes()
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=50)
    assert lesson.session.jobs.current.title == "Teaching tumour"
    lesson.finish()
    assert lesson.heard.failures == []
    result = taught(lesson)
    assert result.path == lesson.models / "abdomen+tumour.safetensors"
    assert ("lessons.ended", (result,)) in lesson.heard.signals
    model = io.read_model(result.path)
    assert model.name == "abdomen+tumour"
    assert model.classes.names == ("liver", "spleen", "kidney", "tumour")
    assert model.parent == io.file_hash(model_path)
    assert model_path.read_bytes() == before
    assert list(result.changes) == list(model.classes.ids)
    assert result.certificate is not None
    assert result.certificate.holds
    assert result.held_out == 0.51
    assert lesson.tools.lessons[-1].mode == "exact"
    kept = model.training["classes"]["tumour"]["certificate"]
    assert kept == json.loads(json.dumps(asdict(result.certificate)))
    steps = [args[0] for name, args in lesson.heard.signals if name == "lessons.progressed"]
    assert [type(step) for step in steps] == [TrainingProgress] * 5
    assert steps[-1].finished
    assert lesson.session.state.model_path == model_path, "not taken up before it is accepted"


def test_accepting_goes_on_with_the_new_model_and_all_that_was_set(lesson: Any) -> None:
    lesson.session.classes.set_threshold(id_of(lesson.session, "tumour"), 0.2)
    lesson.session.classes.choose(id_of(lesson.session, "tumour"))
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=10)
    lesson.finish()
    path = taught(lesson).path
    lesson.session.lessons.accept()
    assert lesson.session.state.lesson_result is None
    assert lesson.session.state.model_path == path
    assert lesson.session.state.can_predict(id_of(lesson.session, "tumour"))
    assert lesson.session.state.classes["tumour"].color == (9, 8, 7)
    assert lesson.session.state.current_class == id_of(lesson.session, "tumour")
    assert lesson.session.state.threshold(id_of(lesson.session, "tumour")) == 0.2
    assert lesson.session.state.annotations[id_of(lesson.session, "tumour")].state == "present"
    lesson.session.predictions.start(ids_of(lesson.session, ["tumour"]))
    lesson.finish()
    assert lesson.session.state.state_of(id_of(lesson.session, "tumour")) == "complete"


def test_accepting_keeps_the_predictions_that_the_certificate_proves_the_same(lesson: Any) -> None:
    session = lesson.session
    session.classes.rename(id_of(session, "spleen"), "milt")
    session.predictions.start(ids_of(session, ["liver", "milt"]))
    lesson.finish()
    before = {
        name: fusing.corrected(session.state, id_of(session, name), (slice(None),) * 3) for name in ("liver", "milt")
    }
    session.lessons.start(id_of(session, "tumour"), steps=10)
    lesson.finish()
    session.lessons.accept()
    for _ in range(2):  # with the taught model, and with the model before, which calls it spleen
        assert [session.state.state_of(id_of(session, n)) for n in ("liver", "milt", "kidney")] == [
            "complete",
            "complete",
            "not asked",
        ]
        assert np.array_equal(
            fusing.corrected(session.state, id_of(session, "liver"), (slice(None),) * 3), before["liver"]
        )
        assert np.array_equal(
            fusing.corrected(session.state, id_of(session, "milt"), (slice(None),) * 3), before["milt"]
        )
        assert session.state.state_of(id_of(session, "tumour")) == "not asked"
        session.lessons.take_back()
    asked = len(lesson.tools.asked)
    session.predictions.start()
    lesson.finish()
    assert {name for _, name in lesson.tools.asked[asked:]} == {"kidney"}


def test_a_class_that_is_taught_anew_is_predicted_anew(lesson: Any) -> None:
    session = lesson.session
    mark(lesson, "liver")
    session.predictions.start(ids_of(session, ["liver", "spleen"]))
    lesson.finish()
    session.lessons.start(id_of(session, "liver"), steps=10)
    lesson.finish()
    session.lessons.accept()
    assert (
        session.state.state_of(id_of(session, "liver")),
        session.state.state_of(id_of(session, "spleen")),
    ) == ("not asked", "complete")


@pytest.mark.parametrize("case", ["full", "broken", "other model"])
def test_predictions_go_where_nothing_proves_them_the_same(lesson: Any, case: str, tmp_path: Path) -> None:
    session = lesson.session
    if case == "broken":
        proof = ImageProof("volume", "01", "02")
        broken = Certificate("3f2a", "3f2a", "77aa", "77aa", (proof,))
        lesson.tools.proof = broken
    session.lessons.start(id_of(session, "tumour"), steps=10, mode="full" if case == "full" else "exact")
    lesson.finish()
    if case == "other model":
        other = tmp_path / "other.safetensors"
        io.write_model(other, make_model(ClassTable.from_names(["liver", "spleen"]), "other"))
        session.models.open(other)
    session.predictions.start(ids_of(session, ["liver"]))
    lesson.finish()
    session.lessons.accept()
    assert session.state.state_of(id_of(session, "liver")) == "not asked"


def test_what_is_marked_on_other_images_is_taught_as_well(lesson: Any) -> None:
    session = lesson.session
    first = session.state.image
    second, flat = replace(first, name="second", source=None), replace(first, name="third", source=None)
    session.images.show(second)
    assert len(session.state.marked_elsewhere(id_of(session, "tumour"))) == 1
    mark(lesson, "liver")
    session.images.show(flat)
    mark(lesson, "tumour")
    session.classes.rename(id_of(session, "tumour"), "cyst")
    session.lessons.start(id_of(session, "cyst"), steps=10)
    lesson.finish()
    given = lesson.tools.lessons[-1]
    assert given.image is flat
    (beside, marks), *more = given.beside
    assert not more, "nothing of the class is marked on the second image"
    assert beside is first
    assert [(a.class_name, a.state) for a in marks] == [("cyst", "present")]
    session.images.show(first)
    assert len(session.state.marked_elsewhere(id_of(session, "cyst"))) == 1
    session.classes.remove(id_of(session, "cyst"))
    assert len(session.state.marked_elsewhere(id_of(session, "cyst"))) == 0


def test_an_image_that_the_model_cannot_see_is_left_out_of_a_lesson(lesson: Any) -> None:
    session = lesson.session
    first = session.state.image
    array = np.zeros((3, *first.geometry.shape), np.float32)
    session.images.show(Image(array, first.geometry, name="colours", channels=("red", "green", "blue")))
    assert lesson.heard.failures == [], "the panel says in place that the model does not suit"
    mark(lesson, "tumour")
    session.images.show(first)
    assert len(session.state.marked_elsewhere(id_of(session, "tumour"))) == 0
    session.lessons.start(id_of(session, "tumour"), steps=10)
    lesson.finish()
    assert lesson.heard.failures == []
    assert lesson.tools.lessons[-1].beside == ()


def test_discarding_removes_the_file(lesson: Any, model_path: Path) -> None:
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=10)
    lesson.finish()
    path = taught(lesson).path
    lesson.session.lessons.discard()
    assert not path.exists()
    assert lesson.session.state.lesson_result is None
    assert lesson.session.state.model_path == model_path
    assert lesson.session.state.annotations[id_of(lesson.session, "tumour")].state == "present"


def test_no_model_is_ever_overwritten(lesson: Any) -> None:
    for _ in range(3):
        lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=10)
        lesson.finish()
    names = sorted(path.name for path in lesson.models.iterdir())
    assert names == [
        "abdomen+tumour 2.safetensors",
        "abdomen+tumour 3.safetensors",
        "abdomen+tumour.safetensors",
    ]


def test_a_class_name_need_not_be_a_file_name(desk: Any) -> None:
    desk.session.classes.add("../a:b?")
    mark(desk, "../a:b?")
    desk.session.lessons.start(id_of(desk.session, "../a:b?"), steps=10)
    desk.finish()
    assert [path.name for path in desk.models.iterdir()] == ["abdomen+.._a_b_.safetensors"]
    assert io.read_model(taught(desk).path).classes.names[-1] == "../a:b?"


def test_cancel_saves_nothing_and_says_so(lesson: Any) -> None:
    gate = lesson.hold()
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=1000)
    gate.release(3)
    lesson.until(lambda: "lessons.progressed" in lesson.heard.names())
    lesson.session.jobs.cancel()
    assert lesson.session.jobs.current is None
    lesson.finish()
    assert "nothing was saved" in lesson.heard.notices[-1]
    assert not lesson.models.exists()
    assert lesson.session.state.lesson_result is None


def test_a_lesson_cancelled_at_its_very_end_leaves_no_file(lesson: Any) -> None:
    gate = lesson.hold()
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=10)
    gate.release(1)
    lesson.tools.entered.acquire(timeout=5)
    assert lesson.tools.entered.acquire(timeout=5), "it compares; saving is next"
    job = lesson.session.jobs.current
    lesson.let_go()
    assert job.wait(10)
    assert [path.name for path in lesson.models.iterdir()] == ["abdomen+tumour.safetensors"]
    lesson.session.jobs.cancel()  # before the session has heard of it
    lesson.finish()
    assert list(lesson.models.iterdir()) == []
    assert lesson.session.state.lesson_result is None


def test_a_lesson_can_be_paused(lesson: Any) -> None:
    gate = lesson.hold()
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=100)
    assert lesson.tools.entered.acquire(timeout=5)
    lesson.session.jobs.pause()
    gate.release(1)
    assert not lesson.tools.entered.acquire(timeout=0.2)
    lesson.session.jobs.resume()
    lesson.finish()
    assert taught(lesson).class_id == id_of(lesson.session, "tumour")


def test_while_teaching_one_is_asked_to_wait(lesson: Any) -> None:
    lesson.hold()
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=100)
    job = lesson.session.jobs.current
    lesson.session.predictions.start(ids_of(lesson.session, ["liver"]))
    lesson.session.lessons.start(id_of(lesson.session, "tumour"))
    assert lesson.session.jobs.current is job
    assert len(lesson.heard.notices) == 2
    assert lesson.tools.asked == []


def test_teaching_stops_a_prediction_under_way(lesson: Any) -> None:
    lesson.hold()
    lesson.session.predictions.start(ids_of(lesson.session, ["liver"]))
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=10)
    assert lesson.session.jobs.current.title == "Teaching tumour"
    lesson.finish()
    assert taught(lesson).class_id == id_of(lesson.session, "tumour")


def test_a_lesson_goes_on_while_another_image_is_opened(lesson: Any, volume: Image, model_path: Path) -> None:
    lesson.hold()
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=50)
    lesson.session.images.close()
    lesson.session.classes.add("unborn")
    lesson.finish()
    assert io.read_model(taught(lesson).path).classes.names[-1] == "tumour"
    lesson.session.images.show(volume)
    assert lesson.session.state.annotations[id_of(lesson.session, "tumour")].state == "present"


def test_failures_leave_nothing_behind(lesson: Any) -> None:
    lesson.tools.fail[2] = EngineLost("the engine was killed")
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=100)
    lesson.finish()

    with lesson.full_disk():
        lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=10)
        lesson.finish()
    assert [type(failure) for failure in lesson.heard.failures] == [EngineLost, WriteError]
    assert list(lesson.models.iterdir()) == []
    assert lesson.session.jobs.current is None


def test_what_cannot_be_taught_says_why(desk: Any) -> None:
    desk.session.classes.add("tumour")
    desk.session.lessons.start(id_of(desk.session, "tumour"))
    desk.session.lessons.start(id_of(desk.session, "nose"))
    desk.session.images.close()
    desk.session.lessons.start(id_of(desk.session, "tumour"))
    assert [type(f) for f in desk.heard.failures] == [CondsegError, ClassTableError, CondsegError]
    assert "paint it" in str(desk.heard.failures[0])


def test_a_renamed_class_of_the_models_is_taught_as_that_class_and_keeps_its_new_name(desk: Any) -> None:
    desk.session.classes.rename(id_of(desk.session, "liver"), "Leber")
    mark(desk, "Leber")
    desk.session.lessons.start(id_of(desk.session, "Leber"), steps=10)
    desk.finish()
    assert desk.heard.failures == []
    model = io.read_model(taught(desk).path)
    assert model.classes.names == ("Leber", "spleen", "kidney")
    assert names_of(desk.session, taught(desk).changes) == ["Leber", "spleen", "kidney"]
    desk.session.lessons.accept()
    assert desk.session.state.classes.names == ("Leber", "spleen", "kidney")
    assert desk.session.state.annotations[id_of(desk.session, "Leber")].state == "present"
    assert desk.session.state.model.training["classes"].keys() == {"Leber"}
    progress = [args[0] for name, args in desk.heard.signals if name == "lessons.progressed"]
    assert progress[-1].dice == {id_of(desk.session, "Leber"): 0.5}
    assert progress[-1].nearest == (id_of(desk.session, "spleen"), 0.93)
    assert progress[-1].seconds > 0


def test_in_the_mode_full_nothing_is_certified(lesson: Any) -> None:
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), mode="full")
    lesson.finish()
    assert lesson.tools.lessons[-1].mode == "full"
    assert lesson.tools.lessons[-1].steps == 600
    assert taught(lesson).certificate is None
    assert taught(lesson).held_out is None
    assert "classes" not in io.read_model(taught(lesson).path).training
