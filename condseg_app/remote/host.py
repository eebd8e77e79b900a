"""The engine's side of a connection.

dask sends an actor's class to its client, so this module imports no torch; `work` is imported when a method runs.
"""

from importlib import import_module
from typing import Any

from condseg_app import __version__
from condseg_app.errors import EngineLost
from condseg_app.remote.wire import Reply, SentAnnotation, SentImage, SentLesson, SentModel


class Host:
    """Holder of a predictor or a teacher, to which calls are forwarded; every method returns a `Reply`.

    Args:
        device: 'auto', 'cpu', 'cuda', ...
    """

    def __init__(self, device: str = "auto") -> None:
        self._device = device
        self._held: Any = None
        self._doing = "Computing"

    def version(self) -> Reply:
        """The version of CondSeg."""
        return Reply(__version__)

    def device(self) -> Reply:
        """The device, a `DeviceInfo`."""
        return Reply.of("Asking for the device", lambda: _work().device(self._device))

    def on_model(self, function: str, model: SentModel, argument: object) -> Reply:
        """The result of a function of `engine.class_rows` on a model."""
        return Reply.of("Changing the model's classes", lambda: _work().on_model(function, model, argument))

    def open_predictor(self, model: SentModel, image: SentImage) -> Reply:
        """Hold a predictor; the reply is its number of windows. OutOfMemory if the image needs parts."""
        return Reply.of("Opening the image", lambda: self._open_predictor(model, image))

    def open_teacher(self, model: SentModel, lesson: SentLesson) -> Reply:
        """Hold a teacher."""
        return Reply.of("Opening the lesson", lambda: self._open_teacher(model, lesson))

    def call(self, method: str, *arguments: object) -> Reply:
        """Call a method of the object that is held."""
        return Reply.of(self._doing, lambda: getattr(self._opened(), method)(*map(self._unpacked, arguments)))

    def _unpacked(self, argument: object) -> object:
        return argument.onto(self._opened().annotation()) if isinstance(argument, SentAnnotation) else argument

    def _opened(self) -> Any:
        if self._held is None:
            raise EngineLost("the engine holds neither image nor lesson; do it again")
        return self._held

    def _open_predictor(self, model: SentModel, image: SentImage) -> int:
        self._held, self._doing = _work().predictor(model, image, self._device), "Predicting"
        return int(self._held.windows)

    def _open_teacher(self, model: SentModel, lesson: SentLesson) -> None:
        self._held, self._doing = _work().teacher(model, lesson, self._device), "Teaching"


def _work() -> Any:
    return import_module("condseg_app.remote.work")
