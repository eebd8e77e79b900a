"""What lives in the engine process, one object for each image to predict and each lesson.

dask sends an actor's class to its client, so these classes stand in a module without torch; the modules
with torch are imported when a method runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from condseg_app import __version__
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
from condseg_app.errors import EngineLost, ModelError
from condseg_app.memory import free_memory
from condseg_app.remote.protocols import ExactTrainerLike, PredictorLike, Toolbox, TrainerLike
from condseg_app.remote.wire import Reply, SentImage, SentLesson, SentMarks, SentModel, read_model, received


@dataclass(frozen=True)
class TorchTools:
    """The real engine's functions, on a device."""

    device_name: str = "auto"

    def device(self) -> DeviceInfo:
        """What computes."""
        from condseg_app.engine.devices import describe_device

        return describe_device(self.device_name)

    def predictor(self, model: Model, image: Image) -> PredictorLike:
        """Get ready to predict; OutOfMemory if that cannot be done in one part, as the window needs it."""
        from condseg_app.engine.predict.memory_plan import require_one_part
        from condseg_app.engine.predict.predictor import Predictor

        require_one_part(model, image, free_memory())
        return Predictor(model, image, self.device_name)

    def trainer(self, model: Model, lesson: Lesson) -> TrainerLike:
        """Get ready to teach."""
        from condseg_app.engine.finetune.full import FullTeacher
        from condseg_app.engine.finetune.live_preview import LiveTeacher

        if lesson.mode == "full":
            return FullTeacher(model, lesson.entry, lesson.shown, lesson.steps, self.device_name)
        return LiveTeacher(model, lesson, self.device_name)

    def compare(self, before: Model, after: Model, lesson: Lesson) -> tuple[ClassChange, ...]:
        """Each class before and after, on the lesson's image."""
        from condseg_app.engine.finetune.compare import compare_on_lesson

        return compare_on_lesson(before, after, lesson, self.device_name)

    def certify(self, before: Model, after: Model, lesson: Lesson) -> Certificate:
        """Whether the other classes answer on the lesson's image as they did."""
        from condseg_app.engine.finetune.exact import certify

        return certify(before, after, [lesson.image], self.device_name, lesson.entry.name)

    def class_of(self, model: Model, name: str) -> TaughtClass:
        """A class by itself."""
        from condseg_app.engine.class_rows import taught_class

        return taught_class(model, name)

    def with_class(self, model: Model, taught: TaughtClass) -> Model:
        """The model with a class more."""
        from condseg_app.engine.class_rows import with_class

        return with_class(model, taught)

    def without_class(self, model: Model, name: str) -> Model:
        """The model with a class less."""
        from condseg_app.engine.class_rows import without_class

        return without_class(model, name)


class Teacher:
    """A training together with what is needed to say what it has changed."""

    def __init__(self, tools: Toolbox, model: Model, lesson: Lesson) -> None:
        self._tools, self._before, self._lesson = tools, model, lesson
        self._trainer = tools.trainer(model, lesson)

    def advance(self, seconds: float) -> TrainingProgress:
        """Train for about so long."""
        return self._trainer.advance(seconds)

    def model(self) -> Model:
        """The model as it is now."""
        return self._trainer.model()

    def compare(self) -> tuple[ClassChange, ...]:
        """Each class before and after, on the lesson's image."""
        return self._tools.compare(self._before, self._trainer.model(), self._lesson)

    def certificate(self) -> Certificate:
        """Whether the other classes answer on the lesson's image as they did."""
        return self._tools.certify(self._before, self._trainer.model(), self._lesson)

    def show(self, marks: Annotation) -> None:
        """Go on with what is marked of the class now."""
        others = tuple(a for a in self._lesson.annotations if a.class_name != marks.class_name)
        lesson = replace(self._lesson, annotations=(*others, marks))
        self._alone.show(lesson.shown)
        self._lesson = lesson

    def marks(self) -> Annotation:
        """What is marked of the class, as it was shown last."""
        return next(a for a in self._lesson.annotations if a.class_name == self._lesson.entry.name)

    def examine(self) -> float | None:
        """Dice on marked slices that were not learnt from."""
        return self._alone.examine()

    def state(self) -> LearntState:
        """The class as it is now."""
        return self._alone.state()

    def go_to(self, state: LearntState) -> None:
        """Go on from an earlier state."""
        self._alone.go_to(state)

    def look_at(self, part: Region) -> int:
        """Get ready to show the class as it is now on a part of the image."""
        return self._alone.look_at(part)

    def segment(self, window: int) -> Block | None:
        """The class in one window of that part."""
        return self._alone.segment(window)

    @property
    def _alone(self) -> ExactTrainerLike:
        if not isinstance(self._trainer, ExactTrainerLike):
            raise ModelError("the whole model is taught, not a class alone; choose the mode 'exact'")
        return self._trainer


class EngineActor:
    """Answers questions about the engine itself, and about models as they are."""

    def __init__(self, tools: Toolbox) -> None:
        self._tools = tools

    def version(self) -> Reply:
        """Which CondSeg this is."""
        return Reply(__version__)

    def device(self) -> Reply:
        """What computes, a `DeviceInfo`."""
        return Reply.of("Asking for the device", self._tools.device)

    def class_of(self, model: SentModel, name: str) -> Reply:
        """A class by itself, a `TaughtClass`."""
        return Reply.of("Taking out a class", lambda: self._tools.class_of(read_model(model), name))

    def with_class(self, model: SentModel, taught: TaughtClass) -> Reply:
        """The model with a class more."""
        return Reply.of("Putting in a class", lambda: self._tools.with_class(read_model(model), taught))

    def without_class(self, model: SentModel, name: str) -> Reply:
        """The model with a class less."""
        return Reply.of("Removing a class", lambda: self._tools.without_class(read_model(model), name))


class PredictorActor:
    """Predicts one image with one model; replies as `PredictorLike` returns."""

    def __init__(self, tools: Toolbox) -> None:
        self._tools = tools
        self._predictor: PredictorLike | None = None

    def open(self, model: SentModel, image: SentImage) -> Reply:
        """Get ready; replies with the number of windows."""
        return Reply.of("Opening the image", lambda: self._open(model, image))

    def order(self, near: tuple[int, int, int] | None) -> Reply:
        """The windows in order."""
        return Reply.of("Predicting", lambda: self._opened().order(near))

    def segment(self, window: int, classes: Sequence[str]) -> Reply:
        """One window's `Block`."""
        return Reply.of("Predicting", lambda: self._opened().segment(window, classes))

    def _open(self, model: SentModel, image: SentImage) -> int:
        self._predictor = self._tools.predictor(read_model(model), received(image))
        return self._predictor.windows

    def _opened(self) -> PredictorLike:
        if self._predictor is None:
            raise EngineLost("the engine holds no image; predict again")
        return self._predictor


class TrainerActor:
    """Teaches one lesson; replies as `TeacherLike` returns."""

    def __init__(self, tools: Toolbox) -> None:
        self._tools = tools
        self._teacher: Teacher | None = None

    def open(self, model: SentModel, lesson: SentLesson) -> Reply:
        """Get ready."""
        return Reply.of("Opening the lesson", lambda: self._open(model, lesson))

    def advance(self, seconds: float) -> Reply:
        """How far it is after so long, a `TrainingProgress`."""
        return Reply.of("Teaching", lambda: self._opened().advance(seconds))

    def model(self) -> Reply:
        """The model as it is now."""
        return Reply.of("Teaching", lambda: self._opened().model())

    def compare(self) -> Reply:
        """Each class before and after."""
        return Reply.of("Comparing", lambda: self._opened().compare())

    def certificate(self) -> Reply:
        """Whether the other classes answer as they did."""
        return Reply.of("Checking the other classes", lambda: self._opened().certificate())

    def show(self, change: SentMarks) -> Reply:
        """Go on with what is marked now."""
        return Reply.of("Taking up what is marked", lambda: self._show(change))

    def examine(self) -> Reply:
        """Dice on marked slices that were not learnt from."""
        return Reply.of("Examining", lambda: self._opened().examine())

    def state(self) -> Reply:
        """The class as it is now, a `LearntState`."""
        return Reply.of("Teaching", lambda: self._opened().state())

    def go_to(self, state: LearntState) -> Reply:
        """Go on from an earlier state."""
        return Reply.of("Going back", lambda: self._opened().go_to(state))

    def look_at(self, part: Region) -> Reply:
        """In how many windows the class as it is now can be shown on a part of the image."""
        return Reply.of("Predicting", lambda: self._opened().look_at(part))

    def segment(self, window: int) -> Reply:
        """One of these windows' `Block`."""
        return Reply.of("Predicting", lambda: self._opened().segment(window))

    def _show(self, change: SentMarks) -> None:
        teacher = self._opened()
        teacher.show(change.onto(teacher.marks()))

    def _open(self, model: SentModel, lesson: SentLesson) -> None:
        self._teacher = Teacher(self._tools, read_model(model), lesson.read())

    def _opened(self) -> Teacher:
        if self._teacher is None:
            raise EngineLost("the engine holds no lesson; teach again")
        return self._teacher
