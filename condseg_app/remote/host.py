"""The engine's side of a connection.

dask sends an actor's class to its client, so this module imports no torch; methods import the engine when they run.
"""

from typing import Any

from condseg_app import __version__
from condseg_app.errors import EngineLost
from condseg_app.memory import free_memory
from condseg_app.remote.wire import Reply, SentAnnotation, SentImage, SentLesson, SentModel, read_model, received


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
        return Reply.of("Asking for the device", self._describe)

    def on_model(self, function: str, model: SentModel, argument: object) -> Reply:
        """The result of a function of `engine.class_rows` on a model."""
        return Reply.of("Changing the model's classes", lambda: self._on_model(function, model, argument))

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

    def _describe(self) -> object:
        from condseg_app.engine.devices import describe_device

        return describe_device(self._device)

    def _on_model(self, function: str, model: SentModel, argument: object) -> object:
        from condseg_app.engine import class_rows

        return getattr(class_rows, function)(read_model(model), argument)

    def _open_predictor(self, sent: SentModel, sent_image: SentImage) -> int:
        from condseg_app.engine.predict.memory_plan import require_one_part
        from condseg_app.engine.predict.predictor import Predictor

        model, image = read_model(sent), received(sent_image)
        require_one_part(model, image, free_memory())
        self._held, self._doing = Predictor(model, image, self._device), "Predicting"
        return int(self._held.windows)

    def _open_teacher(self, model: SentModel, lesson: SentLesson) -> None:
        from condseg_app.engine.finetune.teacher import Teacher

        self._held, self._doing = Teacher(read_model(model), lesson.read(), self._device), "Teaching"
