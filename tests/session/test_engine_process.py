"""A session over the real engine in its own process: whatever that is at, the user is not made to wait for it."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nibabel.nifti1
import numpy as np
import pytest

from condseg_app import io
from condseg_app.data import (
    ChunkedAnnotation,
    ClassTable,
    Geometry,
    Image,
    Pick,
    Preprocessing,
    Reorient,
    Spacing,
    TrainingProgress,
)
from condseg_app.engine.networks import new_model
from condseg_app.engine.predict.whole import predict_whole
from condseg_app.errors import CondsegError, EngineLost, ModelError
from condseg_app.remote import Engine
from condseg_app.session import LessonResult, Session, fusing
from tests.classes import complete_names, id_of, ids_of

CLASSES = ("leaf", "stone")
AT_ONCE = 1.0
SMALL = (32, 32, 9)

pytestmark = pytest.mark.timeout(300)


@dataclass(eq=False)
class Work:
    """A session at work, and what it has said."""

    session: Session
    engine: Engine
    models: Path
    failures: list[CondsegError] = field(default_factory=list)
    lessons: list[LessonResult] = field(default_factory=list)

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < end, "it never came to be"
            self.session.wait(0.01)

    def is_at(self, text: str) -> bool:
        job = self.session.jobs.current
        return job is not None and job.progress.text.startswith(text)

    def cancel(self) -> None:
        began = time.monotonic()
        self.session.jobs.cancel()
        assert self.session.jobs.current is None
        assert time.monotonic() - began < AT_ONCE

    def kill(self) -> None:
        assert self.engine.pid is not None
        os.kill(self.engine.pid, signal.SIGKILL)

    def mark(self) -> None:
        assert self.session.state.image is not None
        mask = np.zeros(self.session.state.image.geometry.shape, bool)
        mask[10:40, 10:30] = True
        self.session.annotations.put(id_of(self.session, "leaf"), ChunkedAnnotation.of(mask, np.ones_like(mask)))


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that still takes a moment for each window and step."""
    plan = Preprocessing(
        "2.5D", (96, 96, 1), orientation=Reorient("RAS"), spacing=Spacing((1.0, 1.0, 1.0)), neighbours=1
    )
    model = new_model("tiny", "dense-2.5d", ClassTable.from_names(CLASSES), plan)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    io.write_model(path, model)
    return path


@pytest.fixture
def volume() -> Image:
    voxels = np.random.default_rng(0).normal(size=(1, 64, 64, 40)).astype(np.float32)
    return Image(voxels, Geometry.with_spacing((64, 64, 40), (1.5, 1.5, 1.5)), "volume")


@pytest.fixture
def work(model_path: Path, volume: Image, tmp_path: Path) -> Iterator[Work]:
    """A session with model and volume open, and an engine that was not started yet."""
    engine = Engine()
    session = Session(engine, tmp_path / "models")
    made = Work(session, engine, tmp_path / "models")
    session.failed.connect(made.failures.append)
    session.lessons.ended.connect(made.lessons.append)
    session.models.open(model_path)
    session.images.show(volume)
    yield made
    session.close()
    session.wait(60)


def assert_predicted_as_without_a_window(work: Work, model_path: Path, volume: Image) -> None:
    assert complete_names(work.session) == set(CLASSES)
    expected = predict_whole(io.read_model(model_path), volume, CLASSES).probabilities
    for name in CLASSES:
        np.testing.assert_array_equal(work.session.state.levels[id_of(work.session, name)].whole(), expected[name])


def test_the_frame_that_was_picked_is_predicted(work: Work, model_path: Path, tmp_path: Path) -> None:
    frames = np.random.default_rng(3).normal(size=(*SMALL, 3)).astype(np.float32)
    path = tmp_path / "film.nii.gz"
    nibabel.nifti1.Nifti1Image(frames, np.diag([1.5, 1.5, 1.5, 1])).to_filename(path)
    work.session.images.open(path, pick=Pick(frame=2))
    assert work.session.wait(20)
    work.session.predictions.start()
    assert work.session.wait(120)
    picked = Image(frames[None, ..., 2], Geometry(SMALL, np.diag([1.5, 1.5, 1.5, 1])))
    assert_predicted_as_without_a_window(work, model_path, picked)


def test_cancelling_while_the_engine_starts_and_while_it_opens_a_large_image(work: Work, volume: Image) -> None:
    work.session.predictions.start()
    assert work.engine.pid is None
    work.cancel()
    assert work.session.wait(120), "the start goes on by itself"
    large = np.random.default_rng(1).normal(size=(1, 320, 320, 200)).astype(np.float32)
    work.session.images.show(Image(large, Geometry.with_spacing((320, 320, 200), (0.7, 0.7, 1.0)), "large"))
    work.session.predictions.start()
    work.until(lambda: work.is_at("Starting"))
    time.sleep(0.3)
    work.cancel()
    work.session.images.show(volume)
    work.session.predictions.start(ids_of(work.session, ["leaf"]))
    assert work.session.wait(120)
    assert work.session.state.state_of(id_of(work.session, "leaf")) == "complete"
    assert work.failures == []


def test_cancelling_a_prediction_keeps_what_there_is(work: Work, model_path: Path, volume: Image) -> None:
    work.session.predictions.start()
    work.until(lambda: work.session.state.state_of(id_of(work.session, "leaf")) == "filling")
    work.cancel()
    assert work.session.wait(60)
    assert work.session.state.state_of(id_of(work.session, "leaf")) == "filling"
    work.session.predictions.start()
    assert work.session.wait(120)
    assert work.failures == []
    assert_predicted_as_without_a_window(work, model_path, volume)


@pytest.mark.parametrize("at", ["Starting", "Step", "Comparing", "Saving"])
def test_cancelling_a_lesson_leaves_nothing_behind(work: Work, at: str) -> None:
    work.mark()
    work.session.lessons.start(id_of(work.session, "leaf"), 1000 if at == "Step" else 2)
    work.until(lambda: work.is_at(at) or work.session.jobs.current is None)
    work.cancel()
    assert work.session.wait(60)
    assert work.failures == []
    # It may have ended before its last words were heard, and is the user's to keep or to drop then.
    left = {result.path for result in work.lessons}
    assert set(work.models.glob("*")) == left
    if at != "Saving":
        assert left == set()


def test_an_engine_killed_while_it_predicts_costs_the_job_and_nothing_else(
    work: Work, model_path: Path, volume: Image
) -> None:
    work.mark()
    annotation = work.session.state.annotations[id_of(work.session, "leaf")]
    work.session.predictions.start(ids_of(work.session, ["leaf"]))
    assert work.session.wait(120)
    kept = fusing.mask(work.session.state, id_of(work.session, "leaf"))
    work.session.predictions.start(ids_of(work.session, ["stone"]))
    work.until(lambda: work.session.state.state_of(id_of(work.session, "stone")) == "filling")
    work.kill()
    assert work.session.wait(60)
    assert [type(failure) for failure in work.failures] == [EngineLost]
    assert "was killed" in str(work.failures[0])
    assert "\n" not in str(work.failures[0])
    assert work.session.state.annotations[id_of(work.session, "leaf")] is annotation
    assert work.session.state.state_of(id_of(work.session, "leaf")) == "complete"
    np.testing.assert_array_equal(fusing.mask(work.session.state, id_of(work.session, "leaf")), kept)
    work.session.predictions.start()
    assert work.session.wait(120)
    assert len(work.failures) == 1
    work.session.annotations.clear(id_of(work.session, "leaf"))
    assert_predicted_as_without_a_window(work, model_path, volume)


def open_small(work: Work, folder: Path) -> Path:
    """Open a model and a volume that take next to no time."""
    plan = Preprocessing("2.5D", (32, 32, 1), neighbours=1)
    settings = {"width": 16, "growth": (16, 16), "layers": (1, 1)}
    path = folder / "small.safetensors"
    io.write_model(path, new_model("small", "dense-2.5d", ClassTable.from_names(CLASSES), plan, settings))
    voxels = np.random.default_rng(0).normal(size=(1, *SMALL)).astype(np.float32)
    work.session.models.open(path)
    work.session.images.show(Image(voxels, Geometry.with_spacing(SMALL, (1.5, 1.5, 1.5)), "small"))
    return path


def test_an_exact_lesson_and_what_becomes_of_its_class_keep_the_other_classes_to_the_bit(
    work: Work, tmp_path: Path
) -> None:
    session, model_path = work.session, open_small(work, tmp_path)
    everywhere = (slice(None),) * 3
    session.predictions.start()
    assert session.wait(120)
    before = {name: fusing.corrected(session.state, id_of(session, name), everywhere) for name in CLASSES}
    mask, known = np.zeros(SMALL, bool), np.zeros(SMALL, bool)
    mask[10:25, 10:20] = True
    known[..., ::3] = True
    session.classes.add("moss")
    session.annotations.put(id_of(session, "moss"), ChunkedAnnotation.of(mask, known))
    session.lessons.start(id_of(session, "moss"), 3)
    assert session.wait(240)
    assert work.failures == []
    (result,) = work.lessons
    assert result.certificate is not None
    assert result.certificate.holds
    assert len(result.certificate.images[0].after) == 64
    assert result.held_out is not None
    session.lessons.accept()
    session.models.export_class(id_of(session, "moss"), tmp_path / "moss")
    assert session.wait(120)
    session.models.open(model_path)
    session.annotations.clear(id_of(session, "moss"))
    session.models.import_class(tmp_path / "moss.class.safetensors")
    assert session.wait(120)
    session.predictions.start()
    assert session.wait(240)
    assert complete_names(session) == {*CLASSES, "moss"}
    for name in CLASSES:
        np.testing.assert_array_equal(fusing.corrected(session.state, id_of(session, name), everywhere), before[name])
    session.models.remove_class(id_of(session, "moss"))
    assert session.wait(120)
    assert work.failures == []
    assert session.state.classes.names == CLASSES


def test_a_model_without_rows_says_that_it_cannot_be_taught_exactly(work: Work, volume: Image, tmp_path: Path) -> None:
    plan = Preprocessing("2D", (32, 32, 1))
    model = new_model("plain", "dense-2d", ClassTable.from_names(CLASSES), plan, {"condition_at": "none"})
    io.write_model(tmp_path / "plain.safetensors", model)
    work.session.images.close()
    work.session.models.open(tmp_path / "plain.safetensors")
    work.session.images.show(Image(volume.voxels()[..., :1], Geometry.of_picture(64, 64), "picture"))
    work.mark()
    work.session.lessons.start(id_of(work.session, "leaf"), 2)
    assert work.session.wait(120)
    assert [type(failure) for failure in work.failures] == [ModelError]
    assert "choose the mode 'full'" in str(work.failures[0])


IN_VIEW = (slice(0, 32), slice(0, 32), slice(4, 5))


def mark_moss(work: Work, planes: list[int]) -> None:
    mask, known = np.zeros(SMALL, bool), np.zeros(SMALL, bool)
    mask[10:25, 10:20] = True
    known[..., planes] = True
    work.session.annotations.put(id_of(work.session, "moss"), ChunkedAnnotation.of(mask, known))


@pytest.fixture
def told(work: Work, tmp_path: Path) -> list[TrainingProgress]:
    """How far a long lesson of a new class is, which has just been begun; one slice is marked."""
    progress: list[TrainingProgress] = []
    open_small(work, tmp_path)
    work.session.classes.add("moss")
    mark_moss(work, [4])
    work.session.look_at((0, 0, 4), IN_VIEW)
    work.session.lessons.progressed.connect(progress.append)
    work.session.lessons.start(id_of(work.session, "moss"), 10_000)
    work.until(lambda: len(work.session.state.lesson_states) > 0)
    return progress


def test_a_class_is_taught_while_one_paints(work: Work, told: list[TrainingProgress]) -> None:
    session = work.session
    assert told[-1].dice == {}, "one slice is too few to say how good it is"
    mark_moss(work, [1, 4, 7])
    work.until(lambda: bool(told[-1].dice))
    work.until(lambda: bool(fusing.corrected(session.state, id_of(session, "moss"), IN_VIEW).any()))
    first, step = session.state.lesson_states[0], told[-1].step
    session.lessons.use_state(first)
    work.until(lambda: told[-1].step < step)
    session.lessons.finish()
    assert session.wait(120)
    (result,) = work.lessons
    assert result.held_out is not None
    assert result.certificate is not None
    assert result.certificate.holds
    session.lessons.use_state(first)
    assert session.wait(120)
    assert session.state.lesson_result is not None
    assert session.state.lesson_result.state is first
    session.lessons.accept()
    assert len(list(work.models.iterdir())) == 1
    assert session.state.can_predict(id_of(session, "moss"))
    assert work.failures == []


def test_an_engine_killed_in_a_lesson_costs_its_last_second_and_nothing_else(
    work: Work, told: list[TrainingProgress]
) -> None:
    session = work.session
    annotation, model, last = (
        session.state.annotations[id_of(session, "moss")],
        session.state.model,
        told[-1].step,
    )
    work.kill()
    assert session.wait(60)
    assert [type(failure) for failure in work.failures] == [EngineLost]
    assert "\n" not in str(work.failures[0])
    assert session.jobs.current is None
    assert session.state.annotations[id_of(session, "moss")] is annotation
    assert session.state.model is model
    assert list(work.models.glob("*")) == []
    count = len(told)
    session.lessons.go_on()
    work.until(lambda: len(told) > count)
    assert told[count].step > last, "not a step is lost that was told of"
    session.lessons.finish()
    assert session.wait(120)
    assert len(work.failures) == 1
    assert [result.class_id for result in work.lessons] == [id_of(session, "moss")]
