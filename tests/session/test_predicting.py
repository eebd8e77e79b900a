"""What is predicted, in which order, and what is left when it is stopped."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from condseg_app import io
from condseg_app.data import (
    Block,
    ChunkedAnnotation,
    ClassId,
    ClassLevels,
    ClassTable,
    DeviceInfo,
    Geometry,
    Image,
    Lesson,
    Model,
    Prediction,
    TaughtClass,
)
from condseg_app.errors import ClassTableError, CondsegError, EngineLost
from condseg_app.jobs import Step
from condseg_app.remote import PredictorLike, TeacherLike
from condseg_app.session import Session, fusing
from condseg_app.session.state import JobDescription, State
from condseg_app.session.window_queue import Delivery, WindowQueue, pasted, regrouped
from tests.classes import id_of, ids_of
from tests.session.test_table import model as model_of

# The fixture `desk` is a session with a stand-in engine: see conftest.py. Typed Any, for conftest cannot be imported.
CLASSES = ("liver", "spleen", "kidney")


def predicted(session: Session) -> Prediction:
    state = session.state
    begun = [entry for entry in state.classes if entry.id in state.levels]
    return Prediction(
        state.opened_image().geometry,
        {entry.name: state.levels[entry.id].whole() for entry in begun},
        frozenset(entry.name for entry in begun if state.parts[entry.id] == 1.0),
    )


def truth(image: Image, value: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    found: np.ndarray[Any, np.dtype[np.bool_]] = np.asarray(image.voxels()[0]) == value
    return found


def test_one_class_is_predicted_completely(desk: Any, volume: Image) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["spleen"]))
    assert desk.session.jobs.current is not None
    assert desk.session.jobs.current.title == "Predicting spleen"
    desk.finish()
    assert desk.heard.failures == []
    assert desk.session.jobs.current is None
    prediction = predicted(desk.session)
    assert prediction.complete == {"spleen"}
    assert set(prediction.probabilities) == {"spleen"}
    np.testing.assert_array_equal(prediction.mask("spleen"), truth(volume, 2))
    assert desk.session.state.state_of(id_of(desk.session, "spleen")) == "complete"
    assert desk.session.state.state_of(id_of(desk.session, "liver")) == "not asked"


def test_it_grows_from_the_slice_in_view_outwards(desk: Any) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["liver"]), near=(0, 0, 2))
    desk.finish()
    regions = [args for name, args in desk.heard.signals if name == "predictions.changed"]
    assert [class_id for class_id, _ in regions] == ids_of(desk.session, ["liver"] * 4)
    starts = [region[2].start for _, region in regions]
    assert starts[0] == 2
    assert [abs(k - 2) for k in starts] == sorted(abs(k - 2) for k in starts)


def test_scrolling_changes_what_comes_next(desk: Any) -> None:
    gate = desk.hold()
    desk.session.predictions.start(ids_of(desk.session, ["liver"]), near=(0, 0, 0))
    gate.release(1)
    assert all(desk.tools.entered.acquire(timeout=5) for _ in range(2))  # the second window is under way
    desk.session.look_at((0, 0, 3))
    desk.finish()
    assert [window for window, _ in desk.tools.asked] == [0, 1, 3, 2]
    assert predicted(desk.session).complete == {"liver"}


def test_progress_goes_to_one(desk: Any) -> None:
    desk.session.predictions.start()
    desk.finish()
    fractions = [args[0].fraction for name, args in desk.heard.signals if name == "jobs.progressed"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_all_classes_are_asked_together_the_current_one_first(desk: Any) -> None:
    desk.session.classes.choose(id_of(desk.session, "kidney"))
    desk.session.predictions.start()
    desk.finish()
    assert [name for window, name in desk.tools.asked if window == 0] == ["kidney", "liver", "spleen"]
    assert predicted(desk.session).complete == set(CLASSES)
    assert desk.tools.calls == 4, "each window is encoded once"


def test_a_complete_class_is_not_computed_again(desk: Any) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    asked = list(desk.tools.asked)
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    assert desk.session.jobs.current is None
    desk.session.predictions.start()
    desk.finish()
    assert len(desk.tools.asked) == len(asked) + 8
    assert len(set(desk.tools.asked)) == len(desk.tools.asked)


def test_asking_for_a_complete_class_does_not_disturb_what_is_under_way(desk: Any) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    desk.hold()
    desk.session.predictions.start(ids_of(desk.session, ["spleen"]))
    job = desk.session.jobs.current
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    assert desk.session.jobs.current is job


def test_cancel_keeps_what_is_computed_and_asking_again_resumes(desk: Any) -> None:
    gate = desk.hold()
    desk.session.predictions.start(ids_of(desk.session, ["liver"]), near=(0, 0, 3))
    gate.release(2)
    desk.until(lambda: len(desk.tools.asked) == 2)
    desk.session.jobs.cancel()
    assert desk.session.jobs.current is None
    desk.finish()
    assert desk.session.state.state_of(id_of(desk.session, "liver")) == "filling"
    assert predicted(desk.session).complete == frozenset()
    kept = len(desk.tools.asked)
    assert kept <= 3, "at most the window under way is still computed"
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    assert sorted(desk.tools.asked) == [(window, "liver") for window in range(4)]
    assert desk.tools.opened == 1, "the image is not prepared again"
    assert desk.session.state.state_of(id_of(desk.session, "liver")) == "complete"


def test_a_new_request_comes_first_and_what_was_asked_before_is_still_finished(desk: Any) -> None:
    gate = desk.hold()
    desk.session.predictions.start(ids_of(desk.session, ["liver", "kidney"]))
    gate.release(1)
    desk.until(lambda: len(desk.tools.asked) == 2)
    desk.session.predictions.start(ids_of(desk.session, ["spleen"]))
    desk.finish()
    assert predicted(desk.session).complete == set(CLASSES)
    assert len(set(desk.tools.asked)) == len(desk.tools.asked) == 12
    last = [name for _, name in desk.tools.asked[-4:]]
    assert "spleen" not in last


def test_pause_and_resume(desk: Any) -> None:
    gate = desk.hold()
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    assert desk.tools.entered.acquire(timeout=5)
    desk.session.jobs.pause()
    assert desk.session.jobs.current.state == "paused"
    gate.release(1)
    assert not desk.tools.entered.acquire(timeout=0.2)
    desk.session.jobs.resume()
    desk.finish()
    assert desk.session.state.state_of(id_of(desk.session, "liver")) == "complete"
    assert desk.heard.names().count("jobs.changed") == 4


def test_a_block_that_comes_after_another_image_was_opened_is_dropped(desk: Any, volume: Image) -> None:
    gate = desk.hold()
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    assert desk.tools.entered.acquire(timeout=5)
    other = Image(np.zeros((1, 2, 2, 9), np.int16), type(volume.geometry).with_spacing((2, 2, 9), (1, 1, 1)), "other")
    desk.session.images.show(other)
    gate.release(1)
    desk.finish()
    assert desk.heard.failures == []
    assert predicted(desk.session).probabilities == {}
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    assert predicted(desk.session).probabilities["liver"].shape == (2, 2, 9)


def test_another_model_drops_the_prediction_and_keeps_the_marks(desk: Any, volume: Image, tmp_path: Path) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["liver", "spleen"]))
    desk.finish()
    marked = truth(volume, 1)
    desk.session.annotations.put(id_of(desk.session, "liver"), ChunkedAnnotation.of(marked, np.ones_like(marked)))
    other = tmp_path / "other.safetensors"
    model = io.read_model(desk.session.state.model_path)
    io.write_model(other, type(model)(**{**vars(model), "classes": ClassTable.from_names(["heart", "liver"])}))
    desk.heard.signals.clear()
    spleen = id_of(desk.session, "spleen")
    desk.session.models.open(other)
    assert predicted(desk.session).probabilities == {}
    assert ("predictions.changed", (spleen, None)) in desk.heard.signals
    assert desk.session.state.classes.names == ("heart", "liver")
    np.testing.assert_array_equal(desk.session.state.annotations[id_of(desk.session, "liver")].mask, marked)


def test_the_engines_death_fails_the_job_and_the_next_request_starts_anew(desk: Any) -> None:
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    desk.tools.fail[6] = EngineLost("the engine was killed")
    desk.session.predictions.start(ids_of(desk.session, ["spleen"]))
    desk.finish()
    assert [type(failure) for failure in desk.heard.failures] == [EngineLost]
    assert desk.session.jobs.current is None
    assert desk.session.state.state_of(id_of(desk.session, "spleen")) == "filling"
    assert desk.session.state.state_of(id_of(desk.session, "liver")) == "complete"
    desk.session.predictions.start(ids_of(desk.session, ["spleen", "liver"]))
    desk.finish()
    assert desk.tools.opened == 2
    assert desk.session.state.state_of(id_of(desk.session, "spleen")) == "complete"
    # The dead engine had added up the windows of spleen: it begins again, liver does not.
    assert [name for _, name in desk.tools.asked[-4:]] == ["spleen"] * 4
    assert len(desk.tools.asked) == 4 + 2 + 4


def test_a_renamed_class_goes_on_being_predicted(desk: Any, volume: Image) -> None:
    gate = desk.hold()
    desk.session.predictions.start(ids_of(desk.session, ["spleen"]))
    gate.release(1)
    desk.until(lambda: desk.session.state.state_of(id_of(desk.session, "spleen")) == "filling")
    desk.session.classes.rename(id_of(desk.session, "spleen"), "Milz")
    desk.finish()
    assert desk.session.state.state_of(id_of(desk.session, "Milz")) == "complete"
    np.testing.assert_array_equal(fusing.mask(desk.session.state, id_of(desk.session, "Milz")), truth(volume, 2))
    desk.session.predictions.start(ids_of(desk.session, ["Milz"]))
    assert desk.session.jobs.current is None


def test_what_cannot_be_predicted_says_why(desk: Any, volume: Image) -> None:
    desk.session.classes.add("tumour")
    desk.session.predictions.start(ids_of(desk.session, ["tumour"]))
    desk.session.predictions.start(ids_of(desk.session, ["nose"]))
    rgb = Image(np.zeros((3, *volume.geometry.shape), np.uint8), volume.geometry, "rgb", ("red", "green", "blue"))
    desk.session.images.show(rgb)
    desk.session.predictions.start()
    desk.session.images.close()
    desk.session.predictions.start()
    kinds = [type(failure) for failure in desk.heard.failures]
    assert kinds == [CondsegError, ClassTableError, CondsegError, CondsegError]
    assert "takes 1 channel" in str(desk.heard.failures[2])
    assert "annotate a few slices and teach it" in str(desk.heard.failures[0])
    assert "Open an image first" in str(desk.heard.failures[3])
    assert desk.tools.calls == 0


def test_getting_ready_opens_the_image_once_and_keeps_failures_to_itself(desk: Any, volume: Image) -> None:
    desk.session.predictions.get_ready()
    desk.session.predictions.get_ready()
    desk.finish()
    assert desk.tools.opened == 1
    assert desk.session.jobs.current is None
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    assert desk.tools.opened == 1
    desk.session.images.show(volume)
    desk.session.state.model_path.unlink()
    desk.session.predictions.get_ready()
    desk.finish()
    assert desk.heard.failures == []
    desk.session.predictions.start(ids_of(desk.session, ["liver"]))
    desk.finish()
    assert len(desk.heard.failures) == 1


def test_a_part_of_a_class_is_read_without_the_rest(desk: Any) -> None:
    voxels = np.zeros((1, 130, 130, 66), np.int16)
    voxels[0, 70:80, 70:80, :4] = 1
    desk.session.images.show(Image(voxels, Geometry.with_spacing((130, 130, 66), (1, 1, 1)), "large"))
    desk.session.predictions.start(ids_of(desk.session, ["liver", "spleen"]))
    desk.finish()
    assert desk.session.predictions.volume(id_of(desk.session, "liver")).value == 0.4
    assert fusing.corrected(
        desk.session.state, id_of(desk.session, "liver"), (slice(69, 71), slice(70, 71), slice(3, 5))
    ).tolist() == [
        [[10, 10]],
        [[200, 10]],
    ]


Request = st.tuples(st.lists(st.sampled_from(CLASSES), min_size=1, max_size=3, unique=True), st.integers(0, 3))


@given(st.lists(st.tuples(Request, st.integers(0, 5)), max_size=6))
def test_whatever_is_asked_and_abandoned_each_window_is_computed_once(plan: list[tuple[Any, int]]) -> None:
    """Requests are given up after some steps, in any order; a last one for all classes finds the rest."""
    tools, image, path = Counting(), make_image(), Path("unused")
    windows = WindowQueue(tools, path, image)
    model = model_of(*CLASSES)
    state = State(image=image, model=model, model_path=path, classes=model.classes)
    for (names, k), steps in [*plan, ((CLASSES, 0), 1000)]:
        windows.look_at((0, 0, k))
        for step in islice(windows.steps([tuple(names)]), steps):
            state = taken(state, step)
    assert state.parts == dict.fromkeys(model.classes.ids, 1.0)
    assert sorted(tools.asked) == sorted((w, n) for w in range(4) for n in CLASSES)
    for name in CLASSES:
        np.testing.assert_array_equal(state.levels[model.classes[name].id].whole()[0, 0], [3, 4, 5, 6])


@given(
    st.lists(st.sampled_from(CLASSES), min_size=1, unique=True),
    st.lists(st.lists(st.sampled_from(CLASSES), min_size=1, unique=True).map(tuple), max_size=3),
    st.sets(st.sampled_from(CLASSES)),
)
def test_new_requests_come_first_and_nothing_asked_is_lost(
    wanted: list[str], groups: list[tuple[str, ...]], complete: set[str]
) -> None:
    done = {ClassId(name): ClassLevels((1, 1, 1)) for name in complete}
    job = JobDescription("prediction", "Predicting", classes=tuple(tuple(map(ClassId, group)) for group in groups))
    new = regrouped([*map(ClassId, wanted)], State(levels=done, parts=dict.fromkeys(done, 1.0), job=job))
    assert new[0] == tuple(wanted)
    assert all(new)
    asked = {name for group in groups for name in group} - complete
    assert {name for group in new for name in group} == asked | set(wanted)


class Counting:
    """An engine of four windows, each one voxel; window n holds n + 3."""

    windows = 4
    place = None

    def __init__(self) -> None:
        self.asked: list[tuple[int, str]] = []

    def predictor(self, model: Path, image: Image) -> PredictorLike:
        return self

    def order(self, near: tuple[int, int, int] | None) -> list[int]:
        k = 0 if near is None else near[2]
        return sorted(range(4), key=lambda window: abs(window - k))

    def segment(self, window: int, classes: Sequence[str]) -> Block:
        self.asked += [(window, name) for name in classes]
        block = np.full((1, 1, 1), window + 3, np.uint8)
        return Block((slice(0, 1), slice(0, 1), slice(window, window + 1)), dict.fromkeys(classes, block))

    def device(self) -> DeviceInfo:
        raise NotImplementedError

    def teacher(self, model: Path, lesson: Lesson) -> TeacherLike:
        raise NotImplementedError

    def class_of(self, model: Path, name: str) -> TaughtClass:
        raise NotImplementedError

    def with_class(self, model: Path, taught: TaughtClass) -> Model:
        raise NotImplementedError

    def without_class(self, model: Path, name: str) -> Model:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def make_image() -> Image:
    return Image(np.zeros((1, 1, 1, 4), np.int16), Geometry.with_spacing((1, 1, 4), (1, 1, 1)))


def taken(state: State, step: Step) -> State:
    return pasted(state, step.result) if isinstance(step.result, Delivery) else state
