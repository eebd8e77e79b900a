"""The engine as the session uses it, in a process of its own or at an address."""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from condseg_app import io
from condseg_app.data import Annotation, DeviceInfo, Image, Lesson, Model, TaughtClass
from condseg_app.errors import EngineLost, ReadError
from condseg_app.remote.endpoint import Endpoint, own_certificate
from condseg_app.remote.protocols import PredictorLike, TeacherLike
from condseg_app.remote.wire import FileImage, SentAnnotation, SentLesson, SentModel, by_file, with_voxels

if TYPE_CHECKING:
    from condseg_app.remote.link import Link
    from condseg_app.remote.process import EngineProcess

_logger = logging.getLogger(__name__)

_CLOSING_WAITS = 0.2


class Engine:
    """The engine in a process of its own, started on first use.

    When the process dies, the call fails with `EngineLost`, and the next one starts another.

    Args:
        start: starts the process; an `EngineProcess` if None.
        address: of an engine that runs already ('workstation:8786'); nothing is started then.
        certificate: the file that the engine at `address` was started with; that in the user's folder if None.
    """

    def __init__(
        self,
        start: "Callable[[], EngineProcess] | None" = None,
        address: str | None = None,
        certificate: Path | None = None,
    ) -> None:
        self._start = start
        self.place = None if address is None else Endpoint(address, certificate or own_certificate())
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._closed = False

    @classmethod
    def at(cls, place: Endpoint | None) -> "Engine":
        """The engine at a place; started on this computer if None."""
        return cls() if place is None else cls(address=place.address, certificate=place.certificate)

    @property
    def pid(self) -> int | None:
        """Process id of an engine that was started here and is not known to be dead."""
        link = self._link
        return link.process.pid if link is not None and link.process is not None else None

    def device(self) -> DeviceInfo:
        """The device; of several the name of the first and the number of others."""
        link, host = self._new_host()
        device = cast("DeviceInfo", link.call(host, "device"))
        others = link.workers - 1
        return device if others < 1 else replace(device, name=f"{device.name} and {others} more")

    def predictor(self, model: Path, image: Image) -> PredictorLike:
        """Get ready to predict an image with the model of a file."""
        link, host = self._new_host()
        sent = self._send_model(model)
        file = _file_for(link, image)
        if file is not None:
            try:
                return cast("PredictorLike", Proxy(link, host, windows=link.call(host, "open_predictor", sent, file)))
            except ReadError:
                _logger.info("%s is sent, for its file cannot be read again", image.name, exc_info=True)
        windows = link.call(host, "open_predictor", sent, with_voxels(image))
        return cast("PredictorLike", Proxy(link, host, windows=windows))

    def teacher(self, model: Path, lesson: Lesson) -> TeacherLike:
        """Get ready to teach the model of a file."""
        link, host = self._new_host()
        shown = tuple((_file_for(link, image) or with_voxels(image), marks) for image, marks in lesson.shown)
        sent = SentLesson(lesson.entry, shown, lesson.steps, lesson.mode)
        link.call(host, "open_teacher", self._send_model(model), sent)
        return cast("TeacherLike", TeacherProxy(link, host, lesson))

    def class_of(self, model: Path, name: str) -> TaughtClass:
        """A class of a file's model by itself."""
        return cast("TaughtClass", self._on_model("taught_class", model, name))

    def with_class(self, model: Path, taught: TaughtClass) -> Model:
        """The model of a file with a class more."""
        return cast("Model", self._on_model("with_class", model, taught))

    def without_class(self, model: Path, name: str) -> Model:
        """The model of a file with a class less."""
        return cast("Model", self._on_model("without_class", model, name))

    def close(self) -> None:
        """End the engine; a later call raises `EngineLost`."""
        self._closed = True
        # An engine that is just being started is ended by the starting thread: a window must not wait for that.
        if self._lock.acquire(timeout=_CLOSING_WAITS):
            link, self._link = self._link, None
            self._lock.release()
            if link is not None:
                link.close()

    def _on_model(self, function: str, model: Path, argument: object) -> object:
        link, host = self._new_host()
        return link.call(host, "on_model", function, self._send_model(model), argument)

    def _new_host(self) -> "tuple[Link, Any]":
        link = self._linked()
        try:
            return link, link.host()
        except EngineLost:  # the engine died while idle: no reason to fail now
            _logger.info("the engine was lost; another is started", exc_info=True)
        link = self._linked()
        return link, link.host()

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
        # dask and cryptography, 0.7 s: loaded with the first engine, not with the window
        from condseg_app.remote.link import Link
        from condseg_app.remote.process import EngineProcess

        if self.place is not None:
            return Link.to_place(self.place)
        process = (self._start or EngineProcess)()
        _logger.info("engine started as process %d", process.pid)
        return Link.to_process(process)


def _file_for(link: "Link", image: Image) -> FileImage | None:
    """An image as its file, for an engine on this machine."""
    return None if link.process is None else by_file(image)


class Proxy:
    """Forwards each method to the object that a host holds.

    Args:
        link: to the engine.
        host: of the object.
        known: attributes of the object that do not change.
    """

    def __init__(self, link: "Link", host: Any, **known: object) -> None:
        self._link, self._host = link, host
        vars(self).update(known)

    def __getattr__(self, method: str) -> Callable[..., object]:
        if method.startswith("_"):
            raise AttributeError(method)
        return partial(self._link.call, self._host, "call", method)


class TeacherProxy(Proxy):
    """A teacher's proxy, which sends only the changed box of an annotation."""

    def __init__(self, link: "Link", host: Any, lesson: Lesson) -> None:
        super().__init__(link, host)
        self._shown = lesson.annotation

    def show(self, annotation: Annotation) -> None:
        """Go on with another annotation of the class."""
        change = SentAnnotation.between(self._shown, annotation)
        if change is not None:
            self._link.call(self._host, "call", "show", change)
            self._shown = annotation
