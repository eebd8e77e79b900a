"""Lessons: teaching the open model a class from what a person has marked."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from condseg_app import io
from condseg_app.compute import EngineLike, Progress, Step, Steps, TeacherLike
from condseg_app.data import ClassChange, Lesson, Model, TrainingProgress
from condseg_app.errors import WriteError
from condseg_app.session.state import State
from condseg_app.session.table import personal

_CALL_SECONDS = 0.5
_MOST_NAMES = 1000
_NOT_IN_FILE_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


@dataclass(frozen=True)
class LessonResult:
    """What a lesson has led to.

    Attributes:
        path: the new model's file; the model that was taught is untouched.
        class_name: what was taught.
        changes: each class before and after.
    """

    path: Path
    class_name: str
    changes: tuple[ClassChange, ...]


@dataclass(frozen=True, eq=False)
class LessonPlan:
    """A lesson with all that is needed to give it, whatever is opened in the meantime.

    Attributes:
        state: what was open when it began.
        lesson: by the model's names.
        class_name: the class's name on screen.
        folder: where the new model goes.
    """

    state: State
    lesson: Lesson
    class_name: str
    folder: Path

    @classmethod
    def of(cls, state: State, name: str, steps: int, folder: Path) -> "LessonPlan":
        """Teach a class from everything that is marked on the image in view.

        Raises:
            CondsegError: no image, no model, they do not fit, or nothing of the class is marked.
        """
        image, (_, model) = state.opened_image(), state.opened_model()
        model.check_fits(image)
        known = {**state.asked_as, name: state.asked_as.get(name, name)}
        entry = replace(state.classes[name], name=known[name])
        annotations = tuple(
            replace(annotation, class_name=known[other])
            for other, annotation in state.annotations.items()
            if other in known
        )
        return cls(state, Lesson(entry=entry, image=image, annotations=annotations, steps=steps), name, folder)


def lesson_steps(engine: EngineLike, plan: LessonPlan) -> Steps:
    """Give a lesson: `TrainingProgress` on the way, a `LessonResult` at the end, and a new file."""
    path, _ = plan.state.opened_model()
    yield Step(Progress(0.0, "Starting"))
    teacher = engine.teacher(path, plan.lesson)
    yield from _train(teacher)
    yield Step(Progress(0.96, "Comparing with the model before"))
    changes = _on_screen(plan, teacher.compare())
    yield Step(Progress(0.98, "Saving"))
    file = save_model(teacher.model(), plan)
    yield Step(Progress(1.0, "Saved"), LessonResult(file, plan.class_name, changes))


def save_model(trained: Model, plan: LessonPlan) -> Path:
    """Write the model into a new file of the user's models, named after the model and the class."""
    parent, model = plan.state.opened_model()
    path = _new_file(plan.folder, f"{model.name}+{plan.class_name}")
    try:
        io.write_model(
            path,
            replace(
                trained,
                name=path.stem,
                classes=personal(plan.state, trained.classes),
                parent=io.file_hash(parent),
                source=None,
            ),
        )
    except BaseException:
        path.unlink(missing_ok=True)  # the empty file that kept the name
        raise
    return path


def discard(result: LessonResult) -> None:
    """Remove a lesson's file."""
    try:
        result.path.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be removed ({error.strerror}); close what uses it", path=result.path) from error


def _train(teacher: TeacherLike) -> Steps:
    while True:
        progress = teacher.advance(_CALL_SECONDS)
        yield Step(_shown(progress), progress)
        if progress.finished:
            return


def _shown(progress: TrainingProgress) -> Progress:
    fraction = 0.95 * progress.step / max(progress.steps, 1)  # saving and comparing are still to come
    return Progress(fraction, f"Step {progress.step} of {progress.steps}", progress.seconds_left)


def _on_screen(plan: LessonPlan, changes: tuple[ClassChange, ...]) -> tuple[ClassChange, ...]:
    names: Mapping[str, str] = {own: name for name, own in plan.state.asked_as.items()}
    return tuple(replace(change, name=names.get(change.name, change.name)) for change in changes)


def _new_file(folder: Path, stem: str) -> Path:
    """An empty file of a name that was free."""
    safe = _NOT_IN_FILE_NAMES.sub("_", stem)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for count in range(1, _MOST_NAMES):
            path = folder / (f"{safe}.safetensors" if count == 1 else f"{safe} {count}.safetensors")
            with suppress(FileExistsError):
                path.touch(exist_ok=False)
                return path
    except OSError as error:
        raise WriteError(
            f"no model can be written here ({error.strerror}); free it or its disk", path=folder
        ) from error
    raise WriteError(f"there are too many models named '{safe}'; remove some", path=folder)
