"""A lesson while it runs: new marks, the slice in view, going back, stopping, and losing the engine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condseg_app import io
from condseg_app.data import ChunkedAnnotation, Geometry, Image
from condseg_app.errors import EngineLost, ModelError, WriteError
from condseg_app.session import LessonResult, fusing, live, preview_schedule
from tests.classes import id_of, ids_of

# The fixture `desk` is a session with a stand-in engine: see conftest.py. Its step is 10 steps, and a class that has
# taken n steps shows the level 200 + n.
SLICE = (slice(0, 6), slice(0, 5), slice(2, 3))


def mark(desk: Any, name: str = "tumour", planes: tuple[int, ...] = (1,)) -> None:
    shape = desk.session.state.image.geometry.shape
    mask, known = np.zeros(shape, bool), np.zeros(shape, bool)
    mask[1:3, 1:3] = True
    known[:, :, list(planes)] = True
    desk.session.annotations.put(id_of(desk.session, name), ChunkedAnnotation.of(mask, known))


@pytest.fixture
def lesson(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A desk where a new class is marked, and nobody rests."""
    monkeypatch.setattr(live, "_BETWEEN_SHOWS", 0.0)
    monkeypatch.setattr(preview_schedule, "_BETWEEN_LOOKS", 0.0)
    desk.session.classes.add("tumour")
    mark(desk)
    return desk


def begin(desk: Any, steps: int = 1000, turns: int = 6) -> Any:
    """Begin a lesson that does so many calls; returns what lets it do more."""
    gate = desk.hold()
    desk.session.lessons.start(id_of(desk.session, "tumour"), steps=steps)
    gate.release(turns)
    desk.until(lambda: desk.session.state.lesson_states)
    return gate


def states(desk: Any) -> list[int]:
    return [state.step for state in desk.session.state.lesson_states]


def test_new_marks_enter_the_lesson_and_the_state_before_is_kept(lesson: Any) -> None:
    gate = begin(lesson, turns=7)
    lesson.until(lambda: lesson.tools.calls >= 8)
    mark(lesson, planes=(1, 3))
    gate.release(3)
    lesson.until(lambda: lesson.tools.shown)
    (shown,) = lesson.tools.shown
    assert shown.class_name == "tumour"
    assert np.flatnonzero(shown.supervised.any(axis=(0, 1))).tolist() == [1, 3]
    lesson.until(lambda: len(states(lesson)) == 2)
    assert states(lesson)[0] == 50
    assert states(lesson)[1] in (70, 80), "as it was when the marks came"
    lesson.session.jobs.cancel()
    lesson.finish()
    assert lesson.heard.failures == []


def test_a_renamed_class_goes_on_being_taught(lesson: Any) -> None:
    gate = begin(lesson)
    lesson.session.classes.rename(id_of(lesson.session, "tumour"), "lump")
    mark(lesson, "lump", planes=(1, 3))
    gate.release(100)
    lesson.until(lambda: lesson.tools.shown)
    assert lesson.tools.shown[0].class_name == "tumour", "the model's name for it"


def test_marks_of_another_class_painted_over_it_change_nothing_of_the_lesson(lesson: Any) -> None:
    gate = begin(lesson)
    mark(lesson, "liver", planes=(1, 2))
    gate.release(20)
    lesson.until(lambda: lesson.tools.calls > 20)
    assert lesson.tools.shown == []
    assert lesson.session.state.annotations[id_of(lesson.session, "tumour")].mask[1, 1, 1]
    assert lesson.session.state.annotations[id_of(lesson.session, "liver")].mask[1, 1, 1]
    lesson.session.lessons.finish()
    lesson.finish()
    assert lesson.heard.failures == []


def test_where_all_marks_are_removed_it_says_so_and_goes_on(lesson: Any) -> None:
    gate = begin(lesson)
    lesson.session.annotations.clear(id_of(lesson.session, "tumour"))
    gate.release(10)
    lesson.until(lambda: any("The class has no annotation" in said for said in lesson.heard.notices))
    assert lesson.session.state.is_teaching
    lesson.session.undo()
    gate.release(10)
    lesson.until(lambda: lesson.tools.shown)
    lesson.session.lessons.finish()
    lesson.finish()
    assert lesson.heard.failures == []
    assert lesson.session.state.lesson_result.class_id == id_of(lesson.session, "tumour")


def test_the_slice_in_view_shows_what_is_learnt_and_nothing_else_changes(lesson: Any) -> None:
    lesson.session.predictions.start(ids_of(lesson.session, ["liver"]))
    lesson.finish()
    everywhere = (slice(None),) * 3
    before = fusing.corrected(lesson.session.state, id_of(lesson.session, "liver"), everywhere)
    lesson.session.look_at((0, 0, 2), SLICE)
    gate = begin(lesson, steps=100_000)
    gate.release(1000)
    lesson.until(lambda: fusing.corrected(lesson.session.state, id_of(lesson.session, "tumour"), SLICE)[5, 4, 0] == 250)
    assert ("predictions.changed", (id_of(lesson.session, "tumour"), SLICE)) in lesson.heard.signals
    assert len({part[2].start for part in lesson.tools.looked}) > 1, "it looks elsewhere, too, by turns"
    assert lesson.session.state.state_of(id_of(lesson.session, "tumour")) == "not asked"
    np.testing.assert_array_equal(
        fusing.corrected(lesson.session.state, id_of(lesson.session, "liver"), everywhere), before
    )
    lesson.session.jobs.cancel()
    lesson.finish()
    assert fusing.corrected(lesson.session.state, id_of(lesson.session, "tumour"), SLICE)[5, 4, 0] == 0
    np.testing.assert_array_equal(
        fusing.corrected(lesson.session.state, id_of(lesson.session, "liver"), everywhere), before
    )


def test_a_class_of_the_models_gets_its_prediction_back_when_its_lesson_is_cancelled(lesson: Any) -> None:
    session, everywhere = lesson.session, (slice(None),) * 3
    session.predictions.start(ids_of(session, ["liver"]))
    lesson.finish()
    session.annotations.put(
        id_of(session, "liver"),
        ChunkedAnnotation.of(np.ones((6, 5, 4), bool), np.zeros((6, 5, 4), bool) | (np.arange(4) == 0)),
    )
    before = fusing.corrected(session.state, id_of(session, "liver"), everywhere)
    session.look_at((0, 0, 2), SLICE)
    gate = lesson.hold()
    session.lessons.start(id_of(session, "liver"), steps=100_000)
    gate.release(1000)  # a part of the steps: ended by itself it could not be cancelled
    lesson.until(lambda: fusing.corrected(session.state, id_of(session, "liver"), SLICE)[5, 4, 0] > 200)
    session.jobs.cancel()
    lesson.finish()
    np.testing.assert_array_equal(fusing.corrected(session.state, id_of(session, "liver"), everywhere), before)
    assert session.state.state_of(id_of(session, "liver")) == "complete"


def test_what_is_shown_while_it_is_taught_is_not_exported(lesson: Any, tmp_path: Path) -> None:
    lesson.session.look_at((0, 0, 2), SLICE)
    begin(lesson)
    lesson.until(lambda: fusing.corrected(lesson.session.state, id_of(lesson.session, "tumour"), SLICE)[5, 4, 0] > 200)
    lesson.session.exports.start(tmp_path / "labels.nii.gz", "nifti", ids_of(lesson.session, ["tumour"]))
    lesson.until(lambda: "exports.written" in lesson.heard.names())
    written = io.read_image(tmp_path / "labels.nii.gz").voxels()[0]
    assert np.count_nonzero(written) == 4, "what is marked"


def test_stop_keeps_what_was_learnt(lesson: Any) -> None:
    begin(lesson)
    lesson.session.jobs.pause()
    lesson.session.lessons.finish()
    lesson.finish()
    result = lesson.session.state.lesson_result
    assert isinstance(result, LessonResult)
    assert result.certificate is not None
    assert result.state is lesson.session.state.lesson_states[-1]
    assert 50 <= result.state.step < 1000
    assert result.held_out == 0.5 + result.state.step / 1000, "it was examined when it was stopped"
    assert result.path.exists()


def test_a_full_lesson_can_be_stopped_and_kept_too(lesson: Any) -> None:
    gate = lesson.hold()
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=1000, mode="full")
    gate.release(3)
    lesson.until(lambda: "lessons.progressed" in lesson.heard.names())
    lesson.session.lessons.finish()
    lesson.finish()
    assert lesson.session.state.lesson_result.certificate is None
    assert lesson.session.state.lesson_states == ()


def test_going_back_while_it_learns(lesson: Any) -> None:
    gate = begin(lesson)
    gate.release(6)
    lesson.until(lambda: 100 in states(lesson))
    first = lesson.session.state.lesson_states[0]
    lesson.session.lessons.use_state(first)
    gate.release(5)
    lesson.until(lambda: lesson.tools.gone_to == [50])
    lesson.session.lessons.finish()
    lesson.finish()
    assert lesson.session.state.lesson_result.state.step < 200
    told = [args[0].step for name, args in lesson.heard.signals if name == "lessons.progressed"]
    assert 60 in told[told.index(100) :], "learning went on from there"
    spent = [state.seconds for state in lesson.session.state.lesson_states]
    assert spent == sorted(spent), "time goes on"


def test_going_back_at_the_end_saves_that_state_in_place_of_the_last(lesson: Any) -> None:
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=150)
    lesson.finish()
    first, last = lesson.session.state.lesson_result, lesson.session.state.lesson_states[-1]
    assert states(lesson) == [50, 100, 150]
    assert first.state is last
    lesson.session.lessons.use_state(lesson.session.state.lesson_states[0])
    lesson.finish()
    second = lesson.session.state.lesson_result
    assert second.state.step == 50
    assert second.held_out == 0.51
    assert second.certificate is not None
    assert [path.name for path in lesson.models.iterdir()] == [second.path.name]
    assert lesson.tools.gone_to == [50]
    assert states(lesson) == [50, 100, 150], "one may think again"
    lesson.session.lessons.accept()
    assert lesson.session.state.model_path == second.path
    assert lesson.session.state.lesson_states == ()


def test_going_back_can_be_cancelled_and_what_was_saved_stays(lesson: Any) -> None:
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=100)
    lesson.finish()
    first = lesson.session.state.lesson_result
    gate = lesson.hold()
    lesson.session.lessons.use_state(lesson.session.state.lesson_states[0])
    gate.release(1)
    lesson.until(lambda: lesson.session.jobs.current.progress.text.startswith("Comparing"))
    lesson.session.jobs.cancel()
    lesson.finish()
    assert lesson.session.state.lesson_result is first
    assert [path.name for path in lesson.models.iterdir()] == [first.path.name]
    assert states(lesson) == [50, 100]


def test_a_lesson_that_has_ended_goes_on(lesson: Any) -> None:
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=100)
    lesson.finish()
    first = lesson.session.state.lesson_result
    mark(lesson, planes=(1, 3))
    lesson.session.lessons.go_on()
    lesson.finish()
    assert lesson.session.state.lesson_result.state.step == 700
    assert lesson.tools.gone_to == [100]
    assert lesson.tools.lessons[-1].annotations[0].supervised[0, 0, 3]
    assert not first.path.exists()
    assert states(lesson)[:3] == [50, 100, 150]


def test_an_engine_lost_in_a_lesson_leaves_what_was_learnt(lesson: Any) -> None:
    annotation = lesson.session.state.annotations[id_of(lesson.session, "tumour")]
    lesson.tools.fail[8] = EngineLost("the engine was killed; nothing of yours is lost; do it again to start a new one")
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=100)
    lesson.finish()
    assert [type(failure) for failure in lesson.heard.failures] == [EngineLost]
    assert "up to step 80 is kept" in lesson.heard.notices[-1]
    assert lesson.session.state.annotations[id_of(lesson.session, "tumour")] is annotation
    assert lesson.session.state.can_go_on_with_lesson
    assert not lesson.models.exists()
    lesson.session.lessons.go_on()
    lesson.finish()
    assert lesson.tools.gone_to == [80]
    assert lesson.session.state.lesson_result.state.step == 100
    assert len(lesson.heard.failures) == 1


def test_what_a_lost_engine_had_taught_can_be_saved_as_it_is(lesson: Any) -> None:
    lesson.tools.fail[8] = EngineLost("the engine was killed")
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=100)
    lesson.finish()
    (state,) = lesson.session.state.lesson_states
    lesson.session.lessons.use_state(state)
    lesson.finish()
    assert lesson.session.state.lesson_result.state is state
    assert lesson.session.state.lesson_result.certificate is not None


def test_a_full_disk_costs_nothing_that_was_learnt(lesson: Any) -> None:
    with lesson.full_disk():
        lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=50)
        lesson.finish()
    assert [type(failure) for failure in lesson.heard.failures] == [WriteError]
    lesson.session.lessons.use_state(lesson.session.state.lesson_states[-1])
    lesson.finish()
    assert lesson.session.state.lesson_result.path.exists()


def test_a_lesson_on_another_model_cannot_go_on_with_this_one(lesson: Any, tmp_path: Path, model_path: Path) -> None:
    lesson.tools.fail[8] = EngineLost("the engine was killed")
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=100)
    lesson.finish()
    other = tmp_path / "other.safetensors"
    other.write_bytes(model_path.read_bytes())
    lesson.session.models.open(other)
    lesson.session.lessons.go_on()
    assert isinstance(lesson.heard.failures[-1], ModelError)
    assert "another model" in str(lesson.heard.failures[-1])


def test_an_image_opened_again_on_another_grid_gives_the_lesson_no_marks(lesson: Any, volume: Image) -> None:
    gate = begin(lesson)
    annotation = lesson.session.state.annotations[id_of(lesson.session, "tumour")]
    shape = (6, 5, 7)
    other = Image(np.zeros((1, *shape), np.int16), Geometry.with_spacing(shape, (1.0, 1.0, 1.0)), volume.name)
    lesson.session.images.show(other)
    assert any("another grid than the lesson's" in said for said in lesson.heard.notices)
    assert "The annotations of this image are on another grid" in lesson.heard.notices[-1]
    assert lesson.session.state.annotations == {}
    lesson.session.look_at((0, 0, 2), SLICE)
    gate.release(5)
    lesson.until(lambda: lesson.tools.calls > 10)
    assert (lesson.tools.shown, lesson.tools.looked) == ([], [])
    lesson.session.images.show(replace(volume))
    assert lesson.session.state.annotations[id_of(lesson.session, "tumour")] is annotation
    lesson.session.look_at((0, 0, 2), SLICE)
    gate.release(5)
    lesson.until(lambda: lesson.tools.looked)
    lesson.session.lessons.finish()
    lesson.finish()
    assert lesson.heard.failures == []


def test_the_model_before_an_accepted_lesson_is_one_command_away(lesson: Any, model_path: Path) -> None:
    assert not lesson.session.state.can_take_lesson_back
    lesson.session.lessons.start(id_of(lesson.session, "tumour"), steps=50)
    lesson.finish()
    lesson.session.lessons.accept()
    taught = lesson.session.state.model_path
    assert lesson.session.state.can_take_lesson_back
    lesson.session.lessons.take_back()
    assert lesson.session.state.model_path == model_path
    assert lesson.session.state.annotations[id_of(lesson.session, "tumour")].state == "present"
    assert not lesson.session.state.can_predict(id_of(lesson.session, "tumour"))
    assert not lesson.session.state.can_take_lesson_back
    assert taught.exists()


def test_cancelling_forgets_all(lesson: Any) -> None:
    begin(lesson)
    lesson.session.jobs.cancel()
    lesson.finish()
    assert lesson.session.state.lesson_states == ()
    assert not lesson.session.state.can_go_on_with_lesson
    assert "nothing was saved" in lesson.heard.notices[-1]
