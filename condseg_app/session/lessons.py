"""The session's commands for teaching: running lessons, their states and their results."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from condseg_app import io
from condseg_app.data import TEACHING_STEPS, LearntState, Model, Region, TeachingMode, TrainingProgress
from condseg_app.errors import ModelError
from condseg_app.jobs import Job, JobEnd
from condseg_app.remote import EngineLike
from condseg_app.session import table, teaching
from condseg_app.session.command import command
from condseg_app.session.live import LessonControls, LessonUpdate, Notice, Preview
from condseg_app.session.predicting import previewed, with_predictions_of
from condseg_app.session.state import State
from condseg_app.session.teaching import LessonPlan, LessonResult, lesson_steps, on_screen, state_steps
from condseg_app.session.unsaved import UnsavedLesson
from condseg_app.session.working import Working


@dataclass(frozen=True, eq=False)
class LessonRecord:
    """A lesson in the mode 'exact' with its results, which outlives the engine.

    Attributes:
        plan: the lesson.
        controls: the user's requests.
        states: of the class, to go back to; the earliest first.
        last: the class as last reported.
    """

    plan: LessonPlan
    controls: LessonControls
    states: tuple[LearntState, ...] = ()
    last: LearntState | None = None

    def after(self, learnt: LessonUpdate) -> "LessonRecord":
        """The record with a step more."""
        states = (*self.states, learnt.state) if learnt.kept else self.states
        return replace(self, states=states, last=learnt.state)


class Lessons(Working):
    """The open image and model, with lessons that teach the model a class.

    Args:
        engine: computes.
        models_folder: where taught models are saved.
    """

    def __init__(self, engine: EngineLike, models_folder: Path) -> None:
        super().__init__(engine)
        self._models_folder = models_folder
        self._record: LessonRecord | None = None
        self._controls: LessonControls | None = None
        self._taught: Job | None = None
        self._is_learning = False
        self._told: TrainingProgress | None = None
        self._taught_class = ""
        self._seen: Region | None = None
        self._before: tuple[LessonResult, Path] | None = None
        self.annotation_changed.connect(self._on_marks)
        self.image_changed.connect(self._on_other_image)

    @property
    def lesson_class(self) -> str | None:
        """The class of `lesson_states`, by its name when the lesson began."""
        return None if self._record is None else self._record.plan.class_name

    @property
    def lesson_states(self) -> tuple[LearntState, ...]:
        """The states of the class that is taught, or was last, the earliest first ('exact' only)."""
        return () if self._record is None else self._record.states

    @property
    def is_teaching(self) -> bool:
        """Whether `job` is a lesson, or the end of a lesson."""
        return self._job is not None and self._job is self._taught

    @property
    def can_go_on_with_lesson(self) -> bool:
        """Whether a lesson has stopped running with its result kept."""
        return self._record is not None and self._record.last is not None and not self.is_teaching

    @property
    def unsaved_lesson(self) -> UnsavedLesson | None:
        """The lesson that has learnt something of which no file is written yet."""
        told, record = self._told, self._record
        if self._lesson is not None and not (self.is_teaching and self._is_learning):
            return None
        if told is None or told.step == 0 or not (self.is_teaching or (record is not None and record.last is not None)):
            return None
        return UnsavedLesson(self._taught_class, told.step, told.steps, told.seconds)

    @property
    def can_take_lesson_back(self) -> bool:
        """Whether the open model was taught here, with its parent model available."""
        return self._before is not None and self._before[0].path == self.model_path

    @command
    def teach(self, name: str, steps: int = TEACHING_STEPS, mode: TeachingMode = "exact") -> None:
        """Teach the model a class from the annotations of all images that were open; the model's file stays unchanged.

        In the mode 'exact' the lesson takes up new annotations, and shows the class on the slice in view.

        Args:
            name: the class.
            steps: training steps.
            mode: whether the class alone may change ('exact') or everything ('full').
        """
        if self._refuses_while_teaching():
            return
        plan = LessonPlan.of(self._state, name, steps, self._models_folder, mode)
        self._lesson = None  # an earlier result that was neither accepted nor discarded stays among the models
        self._forget_record()
        self._learn(LessonRecord(plan, self._controls_for(plan)))

    @command
    def go_on_with_lesson(self) -> None:
        """Go on with a lesson that has ended or lost its engine: from the learnt state, with the present annotations.

        The lesson gets the remaining steps, or the usual number if none remain.
        """
        record = self._record
        if record is None or record.last is None or self._refuses_while_teaching():
            return
        if self.model_path != record.plan.state.model_path:
            raise ModelError("the lesson is on another model; open that one to go on with it")
        steps, last = record.plan.steps, record.last
        steps = steps if last.step < steps else last.step + TEACHING_STEPS
        plan = LessonPlan.of(self._state, record.plan.class_name, steps, self._models_folder)
        self._learn(replace(record, plan=plan, controls=self._controls_for(plan)))

    @command
    def finish_lesson(self) -> None:
        """End the lesson now and keep the result, as if all steps were taken."""
        if self.is_teaching and self._controls is not None:
            self._controls.stopped = True
            self.resume()

    @command
    def keep_lesson(self) -> None:
        """Save the present state of a lesson, whether running or without its engine."""
        if self.is_teaching:
            self.finish_lesson()
        elif self.unsaved_lesson is not None and self._record is not None and self._record.last is not None:
            self.use_state(self._record.last)

    @command
    def use_state(self, state: LearntState) -> None:
        """Go back to an earlier state of the class: a lesson goes on from there, or its model is saved."""
        record = self._record
        if record is None:
            return
        if self.is_teaching and record.controls.go_to(state):
            self.resume()
            return
        self._drop_job()
        self._record = replace(record, last=state)
        steps = partial(state_steps, self.engine, record.plan, record.controls, state)
        self._give(Job(f"Going back to step {state.step}", steps), learning=False)

    @command
    def accept_lesson(self) -> None:
        """Go on with the taught model; annotations and thresholds stay, and predictions that are still true."""
        result, self._lesson = self._lesson, None
        if result is None:
            return
        model, before = io.read_model_description(result.path), self.model_path
        self._end_lesson()
        but = model.classes[result.class_name].value if result.kept_others and before == result.parent else None
        self._open_model(partial(_relative, path=result.path, model=model, but=but))
        self._before = None if before is None else (result, before)

    @command
    def take_lesson_back(self) -> None:
        """Go back to the model before the last accepted lesson; the taught model stays among the models."""
        if self._before is not None and self.model is not None and self.can_take_lesson_back:
            (result, before), self._before = self._before, None
            same = result.kept_others and before == result.parent
            but = self.model.classes[result.class_name].value if same else None
            self._open_model(partial(_relative, path=before, model=io.read_model_description(before), but=but))

    @command
    def discard_lesson(self) -> None:
        """Forget the result, and remove the taught model."""
        result, self._lesson = self._lesson, None
        self._end_lesson()
        if result is not None:
            teaching.discard(result)

    def _refuses_while_teaching(self) -> bool:
        if self.is_teaching:
            self.notice.emit("A class is being taught already; stop that lesson first, or wait until it ends.")
        return self.is_teaching

    def _controls_for(self, plan: LessonPlan) -> LessonControls:
        return LessonControls(self._state.annotations[plan.class_name], self._seen)

    def _learn(self, record: LessonRecord) -> None:
        self._drop_job()
        plan = record.plan
        self._record, self._controls = record if plan.mode == "exact" else None, record.controls
        self._taught_class = plan.class_name
        self._told = None if record.last is None else self._told
        steps = partial(lesson_steps, self.engine, plan, record.controls, record.last)
        self._give(Job(f"Teaching {plan.class_name}", steps), learning=True)
        self.lesson_states_changed.emit()

    def _give(self, job: Job, *, learning: bool) -> None:
        self._taught, self._is_learning = job, learning
        self._take_up(job, self._on_lesson)

    def _leave_lesson(self) -> None:
        """Discard the results of a cancelled lesson, and say so; earlier saves stay."""
        if self._is_learning and self._lesson is None:
            self._forget_record()
            self.notice.emit("The lesson was stopped; nothing was saved, and the model is as it was.")
        else:
            self.notice.emit("It was stopped; what was learnt before is kept.")

    def _end_lesson(self) -> None:
        """Nothing more is learnt or gone back to."""
        if self.is_teaching:
            self._give_up_job()
        self._forget_record()

    def _forget_record(self) -> None:
        self._record = self._told = None
        self._become(replace(self._state, previews={}))
        self.lesson_states_changed.emit()

    def _open_model(self, change: Callable[[State], State]) -> None:
        """Open another model; earlier edits can still be undone."""
        state = change(self._state)  # may refuse
        self._history.carry_over(self._state, change)
        self._open(state)

    def _open(self, state: State) -> None:
        """Become a state with another image or model, where nothing is predicted yet."""
        self._forget_windows()
        if not self.is_teaching:
            self._give_up_job()
        is_other = state.image is not self.image
        self._become(state)
        if is_other and _is_marked_on_other_grid(state):
            self.notice.emit(
                "The annotations of this image are on another grid; open the image as it was to have them again."
            )

    # the user's actions meanwhile

    def _look_from(self, seen: Region | None) -> None:
        self._seen = seen
        if self._record is not None:
            self._record.controls.seen = seen if self._record.plan.is_on(self.image) else None

    def _on_marks(self, _name: str) -> None:
        """Tell the lesson the annotation of its class, also after a renaming."""
        record = self._record
        if record is None or not record.plan.is_on(self.image):
            return
        name = self._called_now(record.plan)
        if name is not None:
            record.controls.marks = self._state.annotations.get(name)

    def _on_other_image(self) -> None:
        record = self._record
        self._look_from(None)
        if record is not None and record.plan.is_of(self.image) and not record.plan.is_on(self.image):
            self.notice.emit(
                "The image has another grid than the lesson's; the lesson goes on with the annotation it had."
            )

    def _called_now(self, plan: LessonPlan) -> str | None:
        value = plan.state.classes[plan.class_name].value
        return next((entry.name for entry in self.classes if entry.value == value), None)

    # results of the lesson

    @command
    def _on_lesson(self, job: Job, result: object) -> None:
        if job is not self._job:
            if isinstance(result, LessonResult):  # cancelled while the file was being written
                teaching.discard(result)
        elif isinstance(result, LessonResult):
            self._on_result(result)
        elif isinstance(result, TrainingProgress):
            self._tell(result)
        elif isinstance(result, Notice):
            self.notice.emit(result.text)
        elif self._record is not None and isinstance(result, LessonUpdate):
            self._on_learnt(self._record, result)
        elif self._record is not None and isinstance(result, Preview):
            self._on_preview(self._record.plan, result)

    def _tell(self, progress: TrainingProgress) -> None:
        self._told = progress
        self.lesson_progressed.emit(progress)

    def _on_learnt(self, record: LessonRecord, learnt: LessonUpdate) -> None:
        self._record = record.after(learnt)
        self._tell(on_screen(learnt.progress, record.plan))
        if learnt.kept:
            self.lesson_states_changed.emit()

    def _on_preview(self, plan: LessonPlan, preview: Preview) -> None:
        name = self._called_now(plan)
        if name is not None and plan.is_on(self.image):
            self._fill([name], preview.block, lambda state: previewed(state, name, preview.block))

    def _on_result(self, result: LessonResult) -> None:
        earlier, self._lesson = self._lesson, result
        self.lesson_ended.emit(result)
        if earlier is not None:  # of the same lesson
            teaching.discard(earlier)

    def _on_end(self, job: Job, end: JobEnd) -> None:
        lost = job is self._job and job is self._taught and end.error is not None
        super()._on_end(job, end)
        last = None if self._record is None else self._record.last
        if lost and last is not None:
            self.notice.emit(f"What was learnt up to step {last.step} is kept: go on with it, or use it as it is.")
        elif lost:
            self._forget_record()


def _is_marked_on_other_grid(state: State) -> bool:
    """Whether the image in view has no annotations, but had some when open on another grid."""
    others = {other.image.key for other in state.elsewhere.values()}
    return state.image is not None and not state.annotations and state.image.key in others


def _relative(state: State, path: Path, model: Model, but: int | None) -> State:
    """The state with a model taught from the open model, or the parent of the open model.

    Args:
        state: with the open model.
        path: of the other model's file.
        model: description of the other model.
        but: the value of the only class that may answer differently; None where any may.
    """
    opened = table.with_derived_model(state, path, model)
    return opened if but is None else with_predictions_of(opened, state, but)
