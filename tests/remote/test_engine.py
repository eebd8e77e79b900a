"""The engine in a process of its own: same answers, errors as sentences, and ends that are noticed."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from distributed.protocol.serialize import Serialized

from condseg_app import io
from condseg_app.data import Annotation, Block, ClassTable, Geometry, Image, Lesson, Model, Preprocessing
from condseg_app.engine.devices import describe_device
from condseg_app.engine.networks import new_model
from condseg_app.engine.predict.predictor import Predictor
from condseg_app.errors import ClassTableError, CondsegError, EngineLost
from condseg_app.io.image_files import write_image
from condseg_app.remote import Engine
from condseg_app.remote.certificate import make_certificate
from condseg_app.remote.process import EngineProcess
from tests.remote.handshake import answers

CLASSES = ("leaf", "stone")
SMALL = {"width": 16, "growth": (16, 16), "layers": (1, 1)}


@pytest.fixture(scope="module")
def model() -> Model:
    return new_model("tiny", "dense-2d", ClassTable.from_names(CLASSES), Preprocessing("2D", (32, 32, 1)), SMALL)


@pytest.fixture(scope="module")
def model_path(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    io.write_model(path, model)
    return path


@pytest.fixture(scope="module")
def picture() -> Image:
    voxels = np.random.default_rng(0).integers(0, 255, (1, 70, 50, 1)).astype(np.uint8)
    return Image(voxels, Geometry.of_picture(70, 50), "picture")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


@pytest.fixture
def own_engine() -> Iterator[Engine]:
    """One that a test may break."""
    engine = Engine()
    yield engine
    engine.close()


def assert_same(a: Block, b: Block) -> None:
    assert a.region == b.region
    assert a.probabilities.keys() == b.probabilities.keys()
    for name in a.probabilities:
        np.testing.assert_array_equal(a.probabilities[name], b.probabilities[name])


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.02)


def test_the_process_answers_as_the_functions_do(
    engine: Engine, model_path: Path, model: Model, picture: Image
) -> None:
    there, here = engine.predictor(model_path, picture), Predictor(model, picture)
    assert there.windows == here.windows > 1
    assert there.order((60, 40, 0)) == here.order((60, 40, 0))
    for window in reversed(range(there.windows)):
        block = there.segment(window, CLASSES)
        assert all(levels.dtype == np.uint8 for levels in block.probabilities.values())
        assert_same(block, here.segment(window, CLASSES))
    assert engine.device() == describe_device("auto")


def test_two_images_are_kept_apart(engine: Engine, model_path: Path, picture: Image) -> None:
    inverse = replace(picture, array=255 - picture.voxels())
    a, b = engine.predictor(model_path, picture), engine.predictor(model_path, inverse)
    first = a.segment(0, ["leaf"])
    assert not np.array_equal(first.probabilities["leaf"], b.segment(0, ["leaf"]).probabilities["leaf"])


def test_an_image_is_read_from_its_file_by_the_engine(
    engine: Engine, model_path: Path, model: Model, picture: Image, tmp_path: Path
) -> None:
    file = tmp_path / "picture.png"
    write_image(file, picture)
    # What is in memory here is never looked at, for the engine can read the file.
    opened = replace(io.read_image(file), array=np.zeros_like(picture.voxels()))
    expected = Predictor(model, picture).segment(0, CLASSES)
    assert_same(engine.predictor(model_path, opened).segment(0, CLASSES), expected)


@pytest.mark.parametrize("change", ["removed", "replaced", "no image"])
def test_an_image_whose_file_has_changed_is_sent(
    engine: Engine, model_path: Path, model: Model, picture: Image, tmp_path: Path, change: str
) -> None:
    file = tmp_path / "picture.png"
    write_image(file, picture)
    opened = replace(io.read_image(file), array=picture.voxels())
    if change == "removed":
        file.unlink()
    elif change == "replaced":
        write_image(file, Image(np.zeros((1, 9, 9, 1), np.uint8), Geometry.of_picture(9, 9)))
    else:
        file.write_bytes(b"nonsense")
    expected = Predictor(model, picture).segment(0, CLASSES)
    assert_same(engine.predictor(model_path, opened).segment(0, CLASSES), expected)


def test_errors_for_the_user_arrive_as_they_were(
    engine: Engine, model_path: Path, picture: Image, tmp_path: Path
) -> None:
    predictor = engine.predictor(model_path, picture)
    with pytest.raises(ClassTableError, match="there are: leaf, stone"):
        predictor.segment(0, ["nose"])
    missing = tmp_path / "missing.safetensors"
    with pytest.raises(CondsegError) as caught:
        engine.predictor(missing, picture)
    assert caught.value.path == missing
    assert predictor.segment(0, ["leaf"]).probabilities.keys() == {"leaf"}, "the engine lives on"


def test_unexpected_errors_arrive_as_a_sentence_that_names_the_engines_log(
    engine: Engine, model_path: Path, picture: Image
) -> None:
    with pytest.raises(CondsegError, match=r"Predicting failed unexpectedly \(IndexError\).*engine\.log"):
        engine.predictor(model_path, picture).segment(10**6, CLASSES)


def test_a_lesson_is_given_there(engine: Engine, model_path: Path, model: Model, picture: Image) -> None:
    mask = np.zeros(picture.geometry.shape, bool)
    mask[10:40, 10:30] = True
    entry = model.classes.propose("root")
    lesson = Lesson(entry=entry, image=picture, annotations=(Annotation("root", mask, mask | True),), steps=3)
    teacher = engine.teacher(model_path, lesson)
    progress = teacher.advance(0.01)
    assert progress.steps == 3
    while not progress.finished:
        progress = teacher.advance(0.5)
    taught = teacher.model()
    assert taught.classes.names == (*CLASSES, "root")
    assert all(isinstance(weights, np.ndarray) for weights in taught.weights.values())
    assert [change.name for change in teacher.compare()] == [*CLASSES, "root"]


def test_a_lesson_on_several_images_is_learnt_from_all_of_them(
    engine: Engine, model_path: Path, model: Model, picture: Image
) -> None:
    mask = np.zeros(picture.geometry.shape, bool)
    mask[10:40, 10:30] = True
    marks = Annotation("root", mask, mask | True)
    other = replace(picture, array=np.asarray(picture.array)[:, ::-1].copy(), source=None, name="other")
    lesson = Lesson(model.classes.propose("root"), picture, (marks,), 3, beside=((other, (marks,)),))
    teacher = engine.teacher(model_path, lesson)
    teacher.advance(0.01)
    both = {picture.key, other.key}
    assert {key for key, _ in teacher.state().slices} == both
    teacher.show(replace(marks, mask=np.roll(mask, 5, axis=0)))
    teacher.advance(0.01)
    assert {key for key, _ in teacher.state().slices} == both, "new marks take none of the old ones' place"


def test_a_killed_engine_is_noticed_at_once_and_the_next_call_starts_another(
    own_engine: Engine, model_path: Path, picture: Image
) -> None:
    predictor = own_engine.predictor(model_path, picture)
    pid = own_engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises(EngineLost, match=r"was killed.*do it again"):
        predictor.segment(0, CLASSES)
    assert time.monotonic() - began < 5
    with pytest.raises(EngineLost):
        predictor.order(None)
    assert own_engine.predictor(model_path, picture).windows > 1
    assert own_engine.pid != pid


def test_an_engine_killed_while_idle_is_replaced_without_a_word(own_engine: Engine) -> None:
    own_engine.device()
    pid = own_engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert own_engine.device().kind


def test_a_connection_keeps_few_of_its_messages(own_engine: Engine) -> None:
    for _ in range(40):
        own_engine.device()
    assert sum(type(found) is Serialized for found in gc.get_objects()) < 20


def test_closing_ends_the_process_for_good(own_engine: Engine) -> None:
    own_engine.device()
    pid = own_engine.pid
    assert pid is not None
    began = time.monotonic()
    own_engine.close()
    assert time.monotonic() - began < 3
    assert not psutil.pid_exists(pid)
    with pytest.raises(EngineLost):
        own_engine.device()


def test_a_window_that_closes_does_not_wait_for_an_engine_that_is_being_started() -> None:
    began, go = threading.Event(), threading.Event()
    started: list[EngineProcess] = []

    def start() -> EngineProcess:
        began.set()
        assert go.wait(20)
        started.append(EngineProcess())
        return started[0]

    engine = Engine(start=start)
    refused: list[bool] = []

    def ask() -> None:
        with pytest.raises(EngineLost):
            engine.device()
        refused.append(True)

    job = threading.Thread(target=ask)
    job.start()
    assert began.wait(20)
    at = time.monotonic()
    engine.close()
    assert time.monotonic() - at < 2
    go.set()
    job.join(60)
    assert refused == [True]
    assert not started[0].is_alive()


def test_the_engine_ends_with_its_window_however_that_ends() -> None:
    script = """
        import sys, time
        from condseg_app.remote.process import EngineProcess
        engine = EngineProcess()
        sys.stdout.write(f"{engine.pid}\\n")
        sys.stdout.flush()
        time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True) as window:
        assert window.stdout is not None
        pid = int(window.stdout.readline())
        assert psutil.pid_exists(pid)
        window.kill()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_only_this_computer_can_reach_it_and_only_with_its_certificate() -> None:
    process = EngineProcess()
    try:
        listening = [c for c in psutil.Process(process.pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert listening
        assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}
        for connection in listening:
            assert not answers(connection.laddr.port, None), "it speaks without a certificate"
            assert not answers(connection.laddr.port, make_certificate()), "it accepts a strange certificate"
            assert answers(connection.laddr.port, process.certificate)
    finally:
        process.stop()


def test_a_process_that_cannot_start_says_so() -> None:
    with pytest.raises(EngineLost, match="could not be started"):
        EngineProcess(["/no/such/program"])
    with pytest.raises(EngineLost, match=r"ended with code 3; try again, or see the log .*engine\.log"):
        EngineProcess([sys.executable, "-c", "raise SystemExit(3)"])
