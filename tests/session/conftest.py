"""A session with an engine whose answers and timing a test can foretell."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from condseg_app import io
from condseg_app.data import (
    Annotation,
    Block,
    Certificate,
    ClassChange,
    ClassTable,
    DeviceInfo,
    Geometry,
    Image,
    ImageProof,
    LearntState,
    Lesson,
    Model,
    Preprocessing,
    Region,
    TrainingProgress,
    ZScore,
)
from condseg_app.errors import CondsegError, WriteError
from condseg_app.remote import Endpoint, PredictorLike, TeacherLike
from condseg_app.session import Session
from tests.conftest import RealRows

CLASSES = ("liver", "spleen", "kidney")
SIGNALS = (
    *("images.changed", "models.changed", "annotations.changed", "predictions.changed"),
    *("classes.changed", "classes.current_changed", "classes.visibility_changed"),
    *("classes.priority_changed", "classes.threshold_changed"),
    *("jobs.changed", "jobs.progressed", "computing.changed", "exports.changed", "exports.written"),
    *("lessons.changed", "lessons.progressed", "lessons.ended"),
    *("proposals.slice_proposed", "proposals.image_proposed"),
)


@dataclass(eq=False)
class Tools(RealRows):
    """Stands in for the engine: voxels of intensity n are class n. One window is one slice.

    Attributes:
        lessons: that were begun.
        asked: (window, class) in the order in which they were computed.
        gate: calls let through; None for all.
        shown, gone_to, looked: the marks, states and parts that lessons were told of.
        entered: counts the calls that have begun.
        changes, proof: that lessons end with, in place of their own.
        fail: what the call with that number (from 0) raises.
    """

    asked: list[tuple[int, str]] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)
    shown: list[Annotation] = field(default_factory=list)
    gone_to: list[int] = field(default_factory=list)
    looked: list[Region] = field(default_factory=list)
    opened: int = 0
    place: Endpoint | None = None
    calls: int = 0
    gate: threading.Semaphore | None = None
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    fail: dict[int, Exception] = field(default_factory=dict)

    changes: tuple[ClassChange, ...] | None = None
    proof: Certificate | None = None

    def device(self) -> DeviceInfo:
        return DeviceInfo("cpu", "stand-in", 1)

    def predictor(self, model: Path, image: Image) -> PredictorLike:
        opened = io.read_model(model)
        opened.check_fits(image)
        self.opened += 1
        return Slices(self, opened, image)

    def teacher(self, model: Path, lesson: Lesson) -> TeacherLike:
        self.lessons.append(lesson)
        kind = Learning if lesson.mode == "exact" else Training
        return cast("TeacherLike", kind(self, io.read_model(model), lesson))

    def call(self) -> None:
        """What every call does first."""
        number, self.calls = self.calls, self.calls + 1
        self.entered.release()
        if self.gate is not None:
            assert self.gate.acquire(timeout=20)
        if number in self.fail:
            raise self.fail[number]


@dataclass(eq=False)
class Slices:
    tools: Tools
    model: Model
    image: Image

    @property
    def windows(self) -> int:
        return self.image.geometry.shape[2]

    def order(self, near: tuple[int, int, int] | None) -> list[int]:
        k = 0 if near is None else near[2]
        return sorted(range(self.windows), key=lambda window: abs(window - k))

    def segment(self, window: int, classes: Sequence[str]) -> Block:
        self.tools.call()
        self.tools.asked += [(window, name) for name in classes]
        region = (slice(None), slice(None), slice(window, window + 1))
        voxels = np.asarray(self.image.array[0])[region]
        return Block(
            region, {n: np.where(voxels == self.model.classes[n].value, 200, 10).astype("u1") for n in classes}
        )


@dataclass(eq=False)
class Training:
    tools: Tools
    before: Model
    lesson: Lesson
    step: int = 0

    def advance(self, seconds: float) -> TrainingProgress:
        self.tools.call()
        self.step = min(self.step + 10, self.lesson.steps)
        dice = {self.lesson.entry.name: 0.5 + self.step // 50 / 100}
        return TrainingProgress(self.step, self.lesson.steps, 1.0 / self.step, dice, 1.0, ("spleen", 0.93))

    def model(self) -> Model:
        table, entry = self.before.classes, self.lesson.entry
        return replace(self.before, classes=table if entry.name in table else table.adding(entry))

    def compare(self) -> tuple[ClassChange, ...]:
        self.tools.call()
        if self.tools.changes is not None:
            return self.tools.changes
        before = self.before.classes
        return tuple(ClassChange(e.name, 1.0 if e.name in before else None, 0.9, "x") for e in self.model().classes)

    def certificate(self) -> Certificate:
        self.tools.call()
        return self.tools.proof or Certificate(
            "3f2a", "3f2a", "77aa", "77aa", (ImageProof(self.lesson.image.name, "01", "01"),)
        )


@dataclass(eq=False)
class Learning(Training):
    """A training of one class: its row is the number of steps; what it shows is level 200 + that number."""

    part: Region | None = None

    def show(self, annotation: Annotation) -> None:
        self.tools.call()
        self.tools.shown.append(annotation)

    def examine(self) -> float | None:
        return 0.5 + self.step / 1000

    def state(self) -> LearntState:
        dice = 0.5 + self.step // 50 / 100 if self.step >= 50 else None
        return LearntState(self.step, {"row": np.array([self.step])}, dice=dice)

    def go_to(self, state: LearntState) -> None:
        self.tools.gone_to.append(state.step)
        self.step = int(state.row["row"][0])

    def look_at(self, part: Region) -> int:
        self.part = part
        return 1

    def segment(self, window: int) -> Block | None:
        assert self.part is not None
        self.tools.looked.append(self.part)
        shape = [part.stop - part.start for part in self.part]
        return Block(self.part, {self.lesson.entry.name: np.full(shape, 200 + min(self.step, 50), "u1")})


@dataclass(eq=False)
class Heard:
    """What a session has told."""

    failures: list[CondsegError] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    signals: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)

    def names(self) -> list[str]:
        return [name for name, _ in self.signals]


@dataclass(eq=False)
class JobRunner:
    """A session on a test's desk."""

    session: Session
    tools: Tools
    heard: Heard
    models: Path

    def hold(self) -> threading.Semaphore:
        """Let calls through only as the semaphore says."""
        self.tools.gate = threading.Semaphore(0)
        return self.tools.gate

    def let_go(self) -> None:
        """Let all calls through."""
        gate, self.tools.gate = self.tools.gate, None
        if gate is not None:
            gate.release(1000)

    def until(self, condition: Callable[[], bool]) -> None:
        """Take in results until something is so."""
        for _ in range(2000):
            if condition():
                return
            self.session.wait(0.005)
        raise AssertionError("it never came to be")

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let no model be written for as long as the block lasts."""

        def refuse(path: Path, model: object) -> None:
            raise WriteError("the disk is full; free some of it", path=path)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(io, "write_model", refuse)
            yield

    def finish(self) -> None:
        """Let all work end."""
        self.let_go()
        assert self.session.wait(20)


def make_model(classes: ClassTable, name: str = "abdomen", channels: int = 1) -> Model:
    return Model(
        name,
        "dense_unet",
        {},
        Preprocessing("3D", (4, 4, 4), (ZScore(),) * channels),
        classes,
        {"class_rows": np.arange(2 * len(classes), dtype=np.float32).reshape(-1, 2)},
        licence="CC0-1.0",
    )


def make_volume(seed: int = 0, name: str = "volume", shape: tuple[int, int, int] = (6, 5, 4)) -> Image:
    """Voxels of 0 to 3 on an oblique grid."""
    voxels = np.random.default_rng(seed).integers(0, 4, (1, *shape)).astype(np.int16)
    affine = np.array([[0.0, 2.0, 0.1, 5], [-1.5, 0, 0, 7], [0.0, 0.1, 4.0, -9], [0, 0, 0, 1]])
    return Image(voxels, Geometry(shape, affine), name)


@pytest.fixture
def volume() -> Image:
    return make_volume()


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    path = tmp_path / "abdomen.safetensors"
    io.write_model(path, make_model(ClassTable.from_names(CLASSES)))
    return path


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[JobRunner]:
    """A session with nothing open."""
    tools, heard = Tools(), Heard()
    session = Session(tools, tmp_path / "models")
    session.failed.connect(heard.failures.append)
    session.notice.connect(heard.notices.append)
    for name in SIGNALS:
        signal = attrgetter(name)(session)
        signal.connect(lambda *args, name=name: heard.signals.append((name, args)))
    desk = JobRunner(session, tools, heard, tmp_path / "models")
    yield desk
    desk.let_go()
    session.close()
    session.wait(20)


@pytest.fixture
def desk(empty: JobRunner, model_path: Path, volume: Image) -> JobRunner:
    """A session with a model and a volume open."""
    empty.session.models.open(model_path)
    empty.session.images.show(volume)
    assert empty.heard.failures == []
    empty.heard.signals.clear()
    return empty
