"""The steps of a lesson: teaching the open model a class from the user's annotations."""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from condseg_app.data import (
    Certificate,
    ClassId,
    LearntState,
    Lesson,
    Model,
    TeachingMode,
    TrainingProgress,
)
from condseg_app.errors import WriteError
from condseg_app.jobs import Progress, Step, Steps
from condseg_app.remote import EngineLike, TeacherLike
from condseg_app.session.derived_models import save_derived_model
from condseg_app.session.lesson_controls import LessonControls
from condseg_app.session.lesson_record import LessonPlan, LessonResult
from condseg_app.session.live import LiveLesson, shown
from condseg_app.session.may import refuse
from condseg_app.session.state import State
from condseg_app.tasks.little_learnt import ENOUGH_DICE, reasons

_CALL_SECONDS = 0.5


def lesson_plan(state: State, class_id: ClassId, steps: int, folder: Path, mode: TeachingMode = "exact") -> LessonPlan:
    """Plan to teach a class from the annotations of the image in view, and of images open before.

    Raises:
        CondsegError: no image, no model, no fit, or the class has no annotation.
    """
    refuse(state, "teach", class_id)
    image, taught = state.opened_image(), state.entry(class_id)
    names = {i: state.model_class(i) for i in state.classes.ids if state.can_predict(i)}
    names.setdefault(class_id, taught.name)
    beside = ((other.image, other.annotations) for other in state.marked_elsewhere(class_id))
    shown = tuple(
        (on, {names[i]: annotation for i, annotation in annotations.items() if i in names})
        for on, annotations in ((image, state.annotations), *beside)
    )
    begun = replace(state, lesson=None)  # or every lesson would keep the lesson before
    return LessonPlan(begun, shown, replace(taught, name=names[class_id]), steps, mode, folder)


def _lesson(plan: LessonPlan) -> Lesson:
    """The lesson with all annotations as new whole arrays: for the lesson's thread."""
    (image, annotations), *beside = [
        (image, tuple(annotation.dense(own) for own, annotation in marked.items())) for image, marked in plan.shown
    ]
    return Lesson(plan.entry, image, annotations, plan.steps, plan.mode, tuple(beside))


def lesson_steps(
    engine: EngineLike, plan: LessonPlan, controls: LessonControls, start: LearntState | None = None
) -> Steps:
    """Give a lesson, and save the result into a new file.

    Yields, in the mode 'exact', the results of `LiveLesson`, in the mode 'full' `TrainingProgress`, and at the end a
    `LessonResult`.

    Args:
        engine: computes.
        plan: the lesson.
        controls: the user's requests during the lesson; the mode 'full' can only be stopped.
        start: state to go on from ('exact' only); from the beginning if None.
    """
    path, _ = plan.state.opened_model()
    yield Step(Progress(0.0, "Starting"))
    lesson = _lesson(plan)
    teacher = engine.teacher(path, lesson)
    if plan.mode == "full":
        yield from _train(teacher, plan, controls)
        yield from _ending(teacher, plan, controls, None)
        return
    if start is not None:
        teacher.go_to(start)
    state = yield from LiveLesson(teacher, lesson, controls, start).steps()
    yield from _ending(teacher, plan, controls, state)


def state_steps(engine: EngineLike, plan: LessonPlan, controls: LessonControls, state: LearntState) -> Steps:
    """Compare, certify and save an earlier state of a lesson that runs no more: a `LessonResult`."""
    path, _ = plan.state.opened_model()
    yield Step(Progress(0.0, f"Going back to step {state.step}"))
    teacher, marks = engine.teacher(path, _lesson(plan)), controls.marks
    if marks is not None and marks.state == "present":
        teacher.show(marks.dense(plan.entry.name))
    teacher.go_to(state)
    yield from _ending(teacher, plan, controls, state)


def discard(result: LessonResult) -> None:
    """Remove a lesson's file."""
    try:
        result.path.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError(f"cannot be removed ({error.strerror}); close what uses it", path=result.path) from error


def progress_by_id(progress: TrainingProgress, plan: LessonPlan) -> TrainingProgress:
    """Progress of a lesson, with the classes' ids in place of the model's names."""
    dice = {str(plan.id_of(own)): value for own, value in progress.dice.items()}
    nearest = progress.nearest and (plan.id_of(progress.nearest[0]), progress.nearest[1])
    return replace(progress, dice=dice, nearest=nearest)


def _train(teacher: TeacherLike, plan: LessonPlan, controls: LessonControls) -> Steps:
    seconds = 0.0
    while True:
        began = time.monotonic()
        progress = teacher.advance(_CALL_SECONDS)
        controls.steps = progress.step
        seconds += time.monotonic() - began
        yield Step(shown(progress), progress_by_id(replace(progress, seconds=seconds), plan))
        if progress.finished or controls.stopped:
            return


def _ending(teacher: TeacherLike, plan: LessonPlan, controls: LessonControls, state: LearntState | None) -> Steps:
    """Report the changes, and save the model; `state` is that of the class in the mode 'exact'."""
    yield Step(Progress(0.96, "Comparing with the model before"))
    changes = {plan.id_of(change.name): change for change in teacher.compare()}
    certificate = None
    if state is not None:
        yield Step(Progress(0.97, "Checking that the other classes answer as before"))
        certificate = teacher.certificate()
    yield Step(Progress(0.98, "Saving"))
    taught = _certified(teacher.model(), plan, certificate)
    file = save_derived_model(taught, plan.state, f"+{plan.name}", plan.folder)
    parent, _ = plan.state.opened_model()
    result = LessonResult(file, parent, plan.entry.id, changes, certificate, state)
    yield Step(Progress(1.0, "Saved"), _explained(result, plan, controls))


def _explained(result: LessonResult, plan: LessonPlan, controls: LessonControls) -> LessonResult:
    """The result with the reasons why little was learnt, where that is so."""
    if result.dice is None or result.dice >= ENOUGH_DICE:
        return result
    (_, model), own = plan.state.opened_model(), plan.entry.name
    own_marks = [(image.geometry, annotations.get(own)) for image, annotations in plan.shown]
    if controls.marks is not None and controls.marks.state == "present":
        own_marks[0] = plan.shown[0][0].geometry, controls.marks
    marks = [(grid, annotation) for grid, annotation in own_marks if annotation is not None]
    return replace(result, reasons=reasons(plan.name, marks, model.preprocessing, controls.steps))


def _certified(taught: Model, plan: LessonPlan, certificate: Certificate | None) -> Model:
    """The model with the certificate in its class's training record."""
    if certificate is None:
        return taught
    own = plan.entry.name
    noted: Mapping[str, Mapping[str, Any]] = taught.training.get("classes", {})
    record = {**noted.get(own, {}), "certificate": asdict(certificate)}
    return replace(taught, training={**taught.training, "classes": {**noted, own: record}})
