"""The work of an engine, on values as they were sent. Imports torch: only a host imports this module, when it works."""

from condseg_app.data import DeviceInfo
from condseg_app.engine import class_rows
from condseg_app.engine.devices import describe_device
from condseg_app.engine.finetune.teacher import Teacher
from condseg_app.engine.predict.memory_plan import require_one_part
from condseg_app.engine.predict.predictor import Predictor
from condseg_app.memory import free_memory
from condseg_app.remote.wire import SentImage, SentLesson, SentModel, read_model, received


def device(name: str) -> DeviceInfo:
    """The device of a name such as 'auto' or 'cuda'."""
    return describe_device(name)


def on_model(function: str, model: SentModel, argument: object) -> object:
    """The result of a function of `engine.class_rows` on a model."""
    return getattr(class_rows, function)(read_model(model), argument)


def predictor(sent: SentModel, sent_image: SentImage, device: str) -> Predictor:
    """A predictor; OutOfMemory if the image needs parts."""
    model, image = read_model(sent), received(sent_image)
    require_one_part(model, image, free_memory())
    return Predictor(model, image, device)


def teacher(model: SentModel, lesson: SentLesson, device: str) -> Teacher:
    """A teacher."""
    return Teacher(read_model(model), lesson.read(), device)
