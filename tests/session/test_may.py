"""What may be done is asked in one place: a command fails with the very sentence that a button shows."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from condseg_app.data import ChunkedAnnotation, Geometry, Image
from condseg_app.session.may import Action, why_not
from condseg_app.session.state import JobDescription, State
from tests.classes import id_of, ids_of

ACTIONS: tuple[Action, ...] = get_args(Action)


def annotate(desk: Any, name: str) -> None:
    ones = np.ones(desk.session.state.opened_image().geometry.shape, bool)
    desk.session.annotations.put(id_of(desk.session, name), ChunkedAnnotation.of(ones, ones))


def test_with_nothing_open_the_first_thing_to_do_is_said() -> None:
    reasons = {action: why_not(State(), action) for action in ACTIONS}
    models = {"export_class", "remove_from_model", "import_class"}
    assert {action for action, reason in reasons.items() if reason == "Choose a model first"} == models
    for action in ("clear_annotation", "set_threshold"):
        assert reasons.pop(action) == "Choose a class in the table first"
    assert reasons.pop("steer_lesson") == "Nothing is being taught"
    assert reasons.pop("save_project") == "No project is open yet: save under a name first"
    assert {reasons[action] for action in reasons if action not in models} == {"Open an image first"}


def test_each_step_towards_a_lesson_is_asked_for_in_turn(desk: Any) -> None:
    session = desk.session
    assert why_not(session.state, "teach") == "Choose a class in the table first"
    session.classes.add("tumour")
    assert why_not(session.state, "prepare_lesson", id_of(session, "tumour")) is None
    assert "tumour has no annotation" in str(why_not(session.state, "teach", id_of(session, "tumour")))
    annotate(desk, "tumour")
    assert why_not(session.state, "teach", id_of(session, "tumour")) is None
    busy = replace(session.state, job=JobDescription("lesson", "Teaching tumour"))
    assert why_not(busy, "teach", id_of(busy, "tumour")) == "A lesson is running"
    without = replace(session.state, model=None)
    assert why_not(without, "teach", id_of(without, "tumour")) == "Choose a model first"


def test_an_image_that_the_model_cannot_take_stops_all_that_needs_the_model(desk: Any) -> None:
    flat = Image(np.ones((1, 6, 5, 1), np.float32), Geometry.of_picture(6, 5), "photo")
    state = replace(desk.session.state, image=flat)
    for action in ("predict", "predict_any", "search", "prepare_lesson"):
        assert "is a 2D image" in str(why_not(state, action, id_of(state, "liver")))
    assert why_not(state, "annotate", id_of(state, "liver")) is None


def test_a_complete_class_is_predicted_no_further_but_may_be_searched(desk: Any) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    assert desk.session.wait(20)
    state = desk.session.state
    assert why_not(state, "predict", id_of(state, "liver")) == "liver is predicted everywhere"
    assert why_not(state, "search", id_of(state, "liver")) is why_not(state, "export", id_of(state, "liver")) is None
    assert "spleen has no result" in str(why_not(state, "export", id_of(state, "spleen")))


def test_only_a_volume_is_shown_in_3d_and_only_a_file_of_several_images_is_asked_again(desk: Any) -> None:
    state = desk.session.state
    assert why_not(state, "in_3d") is why_not(state, "close_image") is None
    flat = replace(state, image=Image(np.ones((1, 6, 5, 1), np.float32), Geometry.of_picture(6, 5), "photo"))
    assert why_not(flat, "in_3d") == "A 2D image has no depth"
    desk.session.images.choose_again()
    assert str(desk.heard.failures.pop()) == why_not(state, "choose_again") == "The file holds no other image"


def test_the_image_to_annotate_next_is_not_looked_for_while_other_work_is_under_way(desk: Any) -> None:
    gate = desk.hold()
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    prediction = desk.session.jobs.current
    desk.session.proposals.find_image(id_of(desk.session, "liver"), 2)
    assert "Wait until the work under way has ended" in str(desk.heard.failures.pop())
    assert desk.session.jobs.current is prediction
    gate.release(100)
    desk.finish()
    assert why_not(desk.session.state, "search", id_of(desk.session, "liver")) is None


def test_an_export_without_its_folder_is_refused_before_it_begins(desk: Any, tmp_path: Path) -> None:
    annotate(desk, "liver")
    desk.session.exports.start(tmp_path / "none" / "x.nii.gz", "nifti")
    assert str(desk.heard.failures.pop()) == f"There is no folder {tmp_path / 'none'}"
    desk.session.exports.start(tmp_path / "x.nrrd", "nifti")
    assert str(desk.heard.failures.pop()) == "The name has to end in .nii.gz"


@pytest.mark.parametrize(
    ("action", "command"),
    [
        ("predict", lambda session: session.predictions.start(ids_of(session, ["nose"]))),
        ("search", lambda session: session.proposals.find_image(id_of(session, "nose"), 2)),
        ("teach", lambda session: session.lessons.start(id_of(session, "nose"))),
        ("export", lambda session: session.exports.start("x.nii.gz", "nifti", ids_of(session, ["nose"]))),
        ("export_class", lambda session: session.models.export_class(id_of(session, "nose"), Path("x"))),
        ("remove_from_model", lambda session: session.models.remove_class(id_of(session, "nose"))),
    ],
)
def test_a_command_fails_with_the_sentence_that_a_button_shows(
    desk: Any, action: Action, command: Callable[[Any], None]
) -> None:
    desk.session.classes.add("nose")  # of which nothing is known
    command(desk.session)
    (failure,) = desk.heard.failures
    assert str(failure) == why_not(desk.session.state, action, id_of(desk.session, "nose")) is not None
