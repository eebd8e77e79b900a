"""What the tests of viewer, panel, app and plugin share: a session whose answers a test can foretell."""

import gc
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import hypothesis
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
    TaughtClass,
    TrainingProgress,
)
from condseg_app.errors import CondsegError
from condseg_app.remote import PredictorLike, TeacherLike
from condseg_app.session import Session

# A busy machine must not fail a test; how fast the code is has tests of its own.
hypothesis.settings.register_profile("condseg", deadline=None)
hypothesis.settings.load_profile("condseg")


def pytest_collection_finish() -> None:
    """Spare the garbage collector what is loaded: napari calls it for every layer that goes."""
    gc.collect()
    gc.freeze()


NAMES = ("liver", "spleen", "kidney")


def _set_event() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


class RealRows:
    """The real part of a stand-in engine: rows of classes are taken out and put in as the engine does."""

    def class_of(self, model: Path, name: str) -> TaughtClass:
        from condseg_app.engine.class_rows import taught_class  # torch, which few of these tests need

        return taught_class(io.read_model(model), name)

    def with_class(self, model: Path, taught: TaughtClass) -> Model:
        from condseg_app.engine.class_rows import with_class  # torch, which few of these tests need

        return with_class(io.read_model(model), taught)

    def without_class(self, model: Path, name: str) -> Model:
        from condseg_app.engine.class_rows import without_class  # torch, which few of these tests need

        return without_class(io.read_model(model), name)

    def close(self) -> None:
        """Nothing to end."""


@dataclass(eq=False)
class IntensityTools(RealRows):
    """Stands in for the engine: a voxel of intensity n is of class n. One window is one slice of the source.

    While `at_rest` is cleared, every window takes until it is set again.
    """

    place: None = None
    at_rest: threading.Event = field(default_factory=_set_event)
    lessons: list[Lesson] = field(default_factory=list)
    trainers: "list[_Trainer]" = field(default_factory=list)

    def device(self) -> DeviceInfo:
        return DeviceInfo("cpu", "stand-in", 2)

    def predictor(self, model: Path, image: Image) -> PredictorLike:
        return _Predictor(io.read_model(model), image, self.at_rest)

    def teacher(self, model: Path, lesson: Lesson) -> TeacherLike:
        self.lessons.append(lesson)
        self.trainers.append((_Learner if lesson.mode == "exact" else _Trainer)(io.read_model(model), lesson))
        return cast("TeacherLike", self.trainers[-1])


@dataclass(eq=False)
class _Predictor:
    model: Model
    image: Image
    at_rest: threading.Event

    @property
    def windows(self) -> int:
        return self.image.geometry.shape[2]

    def order(self, near: tuple[int, int, int] | None) -> list[int]:
        return sorted(range(self.windows), key=lambda window: abs(window - (0 if near is None else near[2])))

    def segment(self, window: int, classes: Sequence[str]) -> Block:
        self.at_rest.wait(60)
        region = (slice(None), slice(None), slice(window, window + 1))
        voxels = np.asarray(self.image.array[0])[region]
        levels = {n: np.where(voxels == self.model.classes[n].value, 200, 10).astype("u1") for n in classes}
        return Block(region, levels)


@dataclass(eq=False)
class _Trainer:
    before: Model
    lesson: Lesson
    step: int = 0

    def advance(self, seconds: float) -> TrainingProgress:
        time.sleep(0.005)  # a real step takes longer still; without any rest the queue would never be empty
        self.step = min(self.step + 1, self.lesson.steps)
        dice = {self.lesson.entry.name: 0.5}
        return TrainingProgress(self.step, self.lesson.steps, 1.0 / self.step, dice, 1.0, ("spleen", 0.93))

    def model(self) -> Model:
        table, entry = self.before.classes, self.lesson.entry
        return replace(self.before, classes=table if entry.name in table else table.adding(entry))

    def compare(self) -> tuple[ClassChange, ...]:
        before = self.before.classes
        return tuple(ClassChange(e.name, 1.0 if e.name in before else None, 0.75, "x") for e in self.model().classes)

    def certificate(self) -> Certificate:
        return Certificate("3f2a", "3f2a", "77aa", "77aa", (ImageProof(self.lesson.image.name, "01", "01"),))


@dataclass(eq=False)
class _Learner(_Trainer):
    """It finds the class on every odd column of what is looked at."""

    part: Region | None = None

    def show(self, annotation: Annotation) -> None:
        others = (a for a in self.lesson.annotations if a.class_name != annotation.class_name)
        self.lesson = replace(self.lesson, annotations=(*others, annotation))

    def examine(self) -> float | None:
        return 0.5

    def state(self) -> LearntState:
        return LearntState(self.step, {"row": np.array([self.step])}, dice=0.5 + self.step // 5 / 100)

    def go_to(self, state: LearntState) -> None:
        self.step = state.step

    def look_at(self, part: Region) -> int:
        self.part = part
        return 1

    def segment(self, window: int) -> Block | None:
        if self.part is None:
            return None
        levels = np.zeros([part.stop - part.start for part in self.part], "u1")
        levels[1::2] = 200
        return Block(self.part, {self.lesson.entry.name: levels})


@dataclass(eq=False)
class Stage:
    """A session with a model open, and what it has said."""

    session: Session
    tools: IntensityTools
    model_file: Path
    failures: list[CondsegError]
    notices: list[str]

    @property
    def model_files(self) -> tuple[io.ModelFile, ...]:
        return _model_files(self.model_file)

    def predict_all(self) -> None:
        self.session.predictions.start()
        assert self.session.wait(20)


def _model_files(path: Path) -> tuple[io.ModelFile, ...]:
    return (io.ModelFile("abdomen", path, io.read_model_description(path)),)


def small_model(name: str, dimensions: str) -> Model:
    """A model that knows three classes."""
    flat = dimensions == "2D"
    plan = Preprocessing("2D" if flat else "3D", (4, 4, 1 if flat else 4))
    weights = {"class_rows": np.arange(2 * len(NAMES), dtype=np.float32).reshape(-1, 2)}
    return Model(name, "dense_unet", {}, plan, ClassTable.from_names(NAMES), weights, licence="CC0-1.0")


def volume(orientation: str = "LAS", shape: tuple[int, int, int] = (7, 6, 5)) -> Image:
    """Voxels of 0 to 3 on a grid in mm with spacing 1, 2, 3 along R, A, S."""
    ras = Geometry.with_spacing(shape, (1.0, 2.0, 3.0))
    geometry = ras.reoriented(orientation)
    voxels = np.random.default_rng(5).integers(0, 4, (1, *geometry.shape)).astype(np.int16)
    return Image(voxels, geometry, "scan")


def picture(width: int = 9, height: int = 6) -> Image:
    """A grey picture with intensities of 0 to 3."""
    voxels = np.random.default_rng(6).integers(0, 4, (1, width, height, 1)).astype(np.uint8)
    return Image(voxels, Geometry.of_picture(width, height), "photo")


@pytest.fixture
def scan() -> Image:
    return volume()


@pytest.fixture
def film(tmp_path: Path, scan: Image) -> Path:
    """Two frames; the voxels of the second are those of the scan."""
    import nibabel.nifti1  # only where it is needed: this file is for all tests

    path = tmp_path / "film.nii.gz"
    second = scan.voxels()[0]
    voxels = np.stack([second * 0, second], axis=3)
    nibabel.nifti1.Nifti1Image(voxels, scan.geometry.affine).to_filename(path)
    return path


@pytest.fixture
def photo() -> Image:
    return picture()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A session with the stand-in engine and a model for volumes open, and no image."""
    path = tmp_path / "abdomen.safetensors"
    io.write_model(path, small_model("abdomen", "3D"))
    tools = IntensityTools()
    session = Session(tools, tmp_path / "models", find_models=lambda: _model_files(path))
    failures: list[CondsegError] = []
    notices: list[str] = []
    session.failed.connect(failures.append)
    session.notice.connect(notices.append)
    session.models.open(path)
    yield Stage(session, tools, path, failures, notices)
    tools.at_rest.set()
    session.close()
    session.wait(20)


@pytest.fixture
def flat_model(tmp_path: Path) -> Path:
    """A model for 2D images."""
    path = tmp_path / "flat.safetensors"
    io.write_model(path, small_model("flat", "2D"))
    return path
