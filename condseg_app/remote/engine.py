"""Engines as the session uses them: in a process of their own, or in this one."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from condseg_app import io
from condseg_app.data import (
    Annotation,
    Block,
    Certificate,
    ClassChange,
    DeviceInfo,
    Image,
    LearntState,
    Lesson,
    Model,
    Region,
    TaughtClass,
    TrainingProgress,
)
from condseg_app.errors import EngineLost, ReadError
from condseg_app.remote.host import EngineActor, PredictorActor, Teacher, TorchTools, TrainerActor
from condseg_app.remote.link import Link
from condseg_app.remote.place import Place, own_certificate
from condseg_app.remote.process import EngineProcess
from condseg_app.remote.protocols import PredictorLike, TeacherLike, Toolbox
from condseg_app.remote.wire import (
    FileImage,
    SentLesson,
    SentMarks,
    SentModel,
    by_file,
    with_voxels,
)

_logger = logging.getLogger(__name__)

_CLOSING_WAITS = 0.2


class LocalEngine:
    """The engine in this process: for the command line and for tests."""

    place: Place | None = None

    def __init__(self, tools: Toolbox | None = None) -> None:
        self._tools = TorchTools() if tools is None else tools

    def device(self) -> DeviceInfo:
        """What computes."""
        return self._tools.device()

    def predictor(self, model: Path, image: Image) -> PredictorLike:
        """Get ready to predict an image with the model of a file."""
        return self._tools.predictor(io.read_model(model), image)

    def teacher(self, model: Path, lesson: Lesson) -> TeacherLike:
        """Get ready to teach the model of a file."""
        return Teacher(self._tools, io.read_model(model), lesson)

    def class_of(self, model: Path, name: str) -> TaughtClass:
        """A class of a file's model by itself."""
        return self._tools.class_of(io.read_model(model), name)

    def with_class(self, model: Path, taught: TaughtClass) -> Model:
        """The model of a file with a class more."""
        return self._tools.with_class(io.read_model(model), taught)

    def without_class(self, model: Path, name: str) -> Model:
        """The model of a file with a class less."""
        return self._tools.without_class(io.read_model(model), name)

    def close(self) -> None:
        """Nothing to end."""


class Engine:
    """The engine in a process of its own, which is started when it is first needed.

    When the process dies, the call fails with `EngineLost`, and the next one starts another.

    Args:
        tools: what the engine runs; the real functions if None.
        start: starts the process.
        address: of an engine that runs already ('workstation:8786'); nothing is started then.
        certificate: the file that the engine at `address` was started with; the one in the user's folder if None.
    """

    def __init__(
        self,
        tools: Toolbox | None = None,
        start: Callable[[], EngineProcess] = EngineProcess,
        address: str | None = None,
        certificate: Path | None = None,
    ) -> None:
        self._tools = TorchTools() if tools is None else tools
        self._start = start
        self.place = None if address is None else Place(address, certificate or own_certificate())
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._closed = False

    @classmethod
    def at(cls, place: Place | None) -> "Engine":
        """The engine at a place; one that is started on this computer if None."""
        return cls() if place is None else cls(address=place.address, certificate=place.certificate)

    @property
    def pid(self) -> int | None:
        """The engine's process, if one was started here and has not been noticed to be dead."""
        link = self._link
        return link.process.pid if link is not None and link.process is not None else None

    def device(self) -> DeviceInfo:
        """What computes; of several devices the first one's name and how many more there are."""
        link, actor = self._new_actor(EngineActor)
        device = cast("DeviceInfo", link.call(actor, "device"))
        others = link.workers - 1
        return device if others < 1 else replace(device, name=f"{device.name} and {others} more")

    def predictor(self, model: Path, image: Image) -> PredictorLike:
        """Get ready to predict an image with the model of a file."""
        link, actor = self._new_actor(PredictorActor)
        sent = self._send_model(model)
        file = _file_for(link, image)
        if file is not None:
            try:
                return _RemotePredictor(link, actor, cast("int", link.call(actor, "open", sent, file)))
            except ReadError:
                _logger.info("%s is sent, for its file cannot be read again", image.name, exc_info=True)
        return _RemotePredictor(link, actor, cast("int", link.call(actor, "open", sent, with_voxels(image))))

    def teacher(self, model: Path, lesson: Lesson) -> TeacherLike:
        """Get ready to teach the model of a file."""
        link, actor = self._new_actor(TrainerActor)
        shown = tuple((_file_for(link, image) or with_voxels(image), marks) for image, marks in lesson.shown)
        sent = SentLesson(lesson.entry, shown, lesson.steps, lesson.mode)
        link.call(actor, "open", self._send_model(model), sent)
        return _RemoteTeacher(link, actor, lesson)

    def class_of(self, model: Path, name: str) -> TaughtClass:
        """A class of a file's model by itself."""
        return cast("TaughtClass", self._ask("class_of", self._send_model(model), name))

    def with_class(self, model: Path, taught: TaughtClass) -> Model:
        """The model of a file with a class more."""
        return cast("Model", self._ask("with_class", self._send_model(model), taught))

    def without_class(self, model: Path, name: str) -> Model:
        """The model of a file with a class less."""
        return cast("Model", self._ask("without_class", self._send_model(model), name))

    def close(self) -> None:
        """End it; a call after that raises `EngineLost`."""
        self._closed = True
        # An engine that is just being started is ended by whoever starts it: a window must not wait for that.
        if self._lock.acquire(timeout=_CLOSING_WAITS):
            link, self._link = self._link, None
            self._lock.release()
            if link is not None:
                link.close()

    def _ask(self, method: str, *arguments: object) -> object:
        link, actor = self._new_actor(EngineActor)
        return link.call(actor, method, *arguments)

    def _new_actor(self, kind: type) -> "tuple[Link, Any]":
        link = self._linked()
        try:
            return link, link.actor(kind, self._tools)
        except EngineLost:  # it died while nothing was asked of it: no reason to fail now
            _logger.info("the engine was lost; another is started", exc_info=True)
        link = self._linked()
        return link, link.actor(kind, self._tools)

    def _send_model(self, path: Path) -> SentModel:
        return path.resolve() if self.place is None else io.read_model(path)

    def _linked(self) -> "Link":
        with self._lock:
            if self._link is None or not self._link.is_alive():
                self._unlink()
                self._refuse_if_closed()
                self._link = self._new_link()
            if self._closed:
                self._unlink()
            self._refuse_if_closed()
            return self._link

    def _unlink(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise EngineLost("the engine was closed with its window; open the window again")

    def _new_link(self) -> "Link":
        if self.place is not None:
            return Link.to_place(self.place, self._tools)
        process = self._start()
        _logger.info("engine started as process %d", process.pid)
        return Link.to_process(process)


def _file_for(link: Link, image: Image) -> FileImage | None:
    """An image as its file, where the engine is on this machine and can read it."""
    return None if link.process is None else by_file(image)


class _RemotePredictor:
    def __init__(self, link: Link, actor: Any, windows: int) -> None:
        self._link, self._actor = link, actor
        self.windows = windows

    def order(self, near: tuple[int, int, int] | None) -> list[int]:
        return cast("list[int]", self._link.call(self._actor, "order", near))

    def segment(self, window: int, classes: Sequence[str]) -> Block:
        return cast("Block", self._link.call(self._actor, "segment", window, list(classes)))


class _RemoteTeacher:
    def __init__(self, link: Link, actor: Any, lesson: Lesson) -> None:
        self._link, self._actor = link, actor
        self._shown = next(a for a in lesson.annotations if a.class_name == lesson.entry.name)

    def advance(self, seconds: float) -> TrainingProgress:
        return cast("TrainingProgress", self._link.call(self._actor, "advance", seconds))

    def model(self) -> Model:
        return cast("Model", self._link.call(self._actor, "model"))

    def compare(self) -> tuple[ClassChange, ...]:
        return cast("tuple[ClassChange, ...]", self._link.call(self._actor, "compare"))

    def certificate(self) -> Certificate:
        return cast("Certificate", self._link.call(self._actor, "certificate"))

    def show(self, marks: Annotation) -> None:
        change = SentMarks.between(self._shown, marks)
        if change is not None:
            self._link.call(self._actor, "show", change)
            self._shown = marks

    def examine(self) -> float | None:
        return cast("float | None", self._link.call(self._actor, "examine"))

    def state(self) -> LearntState:
        return cast("LearntState", self._link.call(self._actor, "state"))

    def go_to(self, state: LearntState) -> None:
        self._link.call(self._actor, "go_to", state)

    def look_at(self, part: Region) -> int:
        return cast("int", self._link.call(self._actor, "look_at", part))

    def segment(self, window: int) -> Block | None:
        return cast("Block | None", self._link.call(self._actor, "segment", window))
