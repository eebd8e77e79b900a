"""Commands for teaching: running a lesson, going back to its states, and taking its result."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from psygnal import Signal

from condseg_app import io
from condseg_app.data import TEACHING_STEPS, ClassId, LearntState, Model, Region, TeachingMode, TrainingProgress
from condseg_app.errors import ModelError
from condseg_app.jobs import Job, JobEnd
from condseg_app.session import table, teaching
from condseg_app.session.command import command
from condseg_app.session.computing import Computing
from condseg_app.session.jobs import Jobs
from condseg_app.session.lesson_controls import LessonControls, LessonUpdate, Notice, Preview
from condseg_app.session.lesson_record import LessonPlan, LessonRecord, LessonResult
from condseg_app.session.may import raise_reason, why_not_use
from condseg_app.session.state import JobKind, State
from condseg_app.session.store import Store
from condseg_app.session.teaching import lesson_plan, lesson_steps, progress_by_id, state_steps
from condseg_app.session.unsaved import unsaved_lesson
from condseg_app.session.window_queue import previewed, with_predictions_of
from condseg_app.session.work import Work

Answer = LessonUpdate | Preview | Notice | TrainingProgress | LessonResult
"""A lesson's results while it runs, and at its end."""


class Lessons:
    """Commands on the lesson that runs, or ran last: `State.lesson`.

    Args:
        store: of the session.
        jobs: of the session.
        computing: of the session.
        folder: where taught models are saved.
    """

    progressed = Signal(TrainingProgress)
    """Progress of the lesson."""
    ended = Signal(LessonResult)
    """A lesson's model is saved: compare, then accept or discard."""

    def __init__(self, store: Store, jobs: Jobs, computing: Computing, folder: Path) -> None:
        self._store, self._jobs, self._computing, self._folder = store, jobs, computing, folder
        self._controls = LessonControls(None, None)
        self._seen: Region | None = None
        self.changed = store.lesson_changed
        store.annotation_changed.connect(self._on_annotation)
        store.image_changed.connect(self._on_other_image)

    @property
    def _state(self) -> State:
        return self._store.state

    @property
    def _record(self) -> LessonRecord | None:
        return self._store.state.lesson

    # The lesson

    @command
    def start(self, class_id: ClassId, steps: int = TEACHING_STEPS, mode: TeachingMode = "exact") -> None:
        """Teach the model a class from the annotations of all images that were open; the model's file stays unchanged.

        In the mode 'exact' the lesson takes up new annotations, and shows the class on the slice in view.

        Args:
            class_id: the class.
            steps: training steps.
            mode: whether the class alone may change ('exact') or everything ('full').
        """
        if self._store.refuses_while_teaching():
            return
        plan = lesson_plan(self._state, class_id, steps, self._folder, mode)
        self._forget()  # an earlier result that was neither accepted nor discarded stays among the models
        self._learn(LessonRecord(plan))

    @command
    def go_on(self) -> None:
        """Go on with a lesson that has ended or lost its engine: from the learnt state, with the present annotations.

        The lesson gets the remaining steps, or the usual number if none remain.
        """
        record = self._record
        if record is None or record.last is None or self._store.refuses_while_teaching():
            return
        if self._state.model_path != record.plan.state.model_path:
            raise ModelError("the lesson is on another model; open that one to go on with it")
        steps, last = record.plan.steps, record.last
        steps = steps if last.step < steps else last.step + TEACHING_STEPS
        self._learn(replace(record, plan=lesson_plan(self._state, record.plan.entry.id, steps, self._folder)))

    @command
    def finish(self) -> None:
        """End the lesson now and keep the result, as if all steps were taken."""
        if self._state.is_teaching:
            self._controls.stopped = True
            self._jobs.resume()

    @command
    def keep(self) -> None:
        """Save the present state of a lesson, whether running or without its engine."""
        record = self._record
        if self._state.is_teaching:
            self.finish()
        elif record is not None and record.last is not None and unsaved_lesson(self._state) is not None:
            self.use_state(record.last)

    @command
    def use_state(self, state: LearntState) -> None:
        """Go back to an earlier state of the class: a lesson goes on from there, or its model is saved."""
        record = self._record
        if record is None:
            return
        raise_reason(why_not_use(self._state, state))
        if self._state.is_teaching and self._controls.go_to(state):
            self._jobs.resume()
            return
        self._jobs.leave()
        self._store.become(replace(self._state, lesson=replace(record, last=state)))
        steps = partial(state_steps, self._computing.engine, record.plan, self._controls, state)
        self._start("saving of a lesson", Job(f"Going back to step {state.step}", steps))

    # The result

    @command
    def accept(self) -> None:
        """Go on with the taught model; annotations and thresholds stay, and predictions that are still true."""
        result, before = self._taken_result(), self._state.model_path
        if result is None:
            return
        model = io.read_model_description(result.path)
        self._end()
        but = result.class_id if result.kept_others and before == result.parent else None
        self._store.open_model(partial(_relative, path=result.path, model=model, but=but))
        self._store.become(replace(self._state, accepted=None if before is None else (result, before)))

    @command
    def take_back(self) -> None:
        """Go back to the model before the last accepted lesson; the taught model stays among the models."""
        if self._state.accepted is None or self._state.model is None or not self._state.can_take_lesson_back:
            return
        result, before = self._state.accepted
        same = result.kept_others and before == result.parent
        but = result.class_id if same else None
        self._store.become(replace(self._state, accepted=None))
        self._store.open_model(partial(_relative, path=before, model=io.read_model_description(before), but=but))

    @command
    def discard(self) -> None:
        """Forget the result, and remove the taught model."""
        result = self._taken_result()
        self._end()
        if result is not None:
            teaching.discard(result)

    # The user's actions meanwhile

    def look_from(self, seen: Region | None) -> None:
        """Show the class on the slice in view; None without a slice."""
        self._seen = seen
        if self._record is not None:
            self._controls.seen = seen if self._record.plan.is_on(self._state.image) else None

    def _on_annotation(self, class_id: ClassId) -> None:
        """Tell the lesson the annotation of its class."""
        plan = None if self._record is None else self._record.plan
        if plan is not None and class_id == plan.entry.id and plan.mode != "full" and plan.is_on(self._state.image):
            self._controls.marks = self._state.annotations.get(class_id)

    def _on_other_image(self) -> None:
        record, image = self._record, self._state.image
        self.look_from(None)
        if record is None or record.plan.mode == "full" or not record.plan.is_of(image) or record.plan.is_on(image):
            return
        self._store.notice.emit(
            "The image has another grid than the lesson's; the lesson goes on with the annotation it had."
        )

    # The lesson's job

    def _learn(self, record: LessonRecord) -> None:
        self._jobs.leave()  # the engine may be another from here on
        plan = record.plan
        self._controls = LessonControls(self._state.annotations[plan.entry.id], self._seen)
        self._store.become(replace(self._state, lesson=record))
        steps = partial(lesson_steps, self._computing.engine, plan, self._controls, record.last)
        self._start("lesson", Job(f"Teaching {plan.name}", steps))

    def _start(self, kind: JobKind, job: Job) -> None:
        cancelled = partial(self._on_cancelled, kind)
        self._jobs.start(Work(job, kind, self._take, _discard_late, self._on_end, cancelled))

    def _on_cancelled(self, kind: JobKind) -> None:
        """Discard the results of a cancelled lesson, and say so; earlier saves stay."""
        if kind == "lesson" and self._state.lesson_result is None:
            self._forget()
            self._store.notice.emit("The lesson was stopped; nothing was saved, and the model is as it was.")
        else:
            self._store.notice.emit("It was stopped; what was learnt before is kept.")

    def _on_end(self, end: JobEnd) -> None:
        last = None if self._record is None else self._record.last
        if end.error is None:
            return
        if last is None:
            self._forget()
        else:
            self._store.notice.emit(
                f"What was learnt up to step {last.step} is kept: go on with it, or use it as it is."
            )

    def _end(self) -> None:
        """Nothing more is learnt or gone back to."""
        if self._state.is_teaching:
            self._jobs.give_up()
        self._forget()

    def _forget(self) -> None:
        self._store.become(replace(self._state, previews={}, lesson=None))

    def _taken_result(self) -> LessonResult | None:
        """The result that waits, which waits no longer."""
        record = self._record
        if record is None or record.result is None:
            return None
        self._store.become(replace(self._state, lesson=replace(record, result=None)))
        return record.result

    # Its results

    @command
    def _take(self, answer: Answer) -> None:
        record = self._record
        match answer:
            case Notice():
                self._store.notice.emit(answer.text)
            case _ if record is None:
                return
            case TrainingProgress():
                self._tell(record, answer)
            case LessonUpdate():
                self._tell(_after(record, answer), progress_by_id(answer.progress, record.plan))
            case Preview():
                self._show(record.plan, answer)
            case LessonResult():
                self._finish(record, answer)

    def _tell(self, record: LessonRecord, progress: TrainingProgress) -> None:
        self._store.become(replace(self._state, lesson=replace(record, progress=progress)))
        self.progressed.emit(progress)

    def _show(self, plan: LessonPlan, preview: Preview) -> None:
        taught, block = plan.entry.id, preview.block
        if self._state.classes.by_id(taught) is not None and plan.is_on(self._state.image):
            self._store.fill([taught], block, lambda state: previewed(state, taught, block))

    def _finish(self, record: LessonRecord, result: LessonResult) -> None:
        self._store.become(replace(self._state, lesson=replace(record, result=result)))
        self.ended.emit(result)
        if record.result is not None:  # of the same lesson
            teaching.discard(record.result)


def _after(record: LessonRecord, update: LessonUpdate) -> LessonRecord:
    """The record with a step more."""
    states = (*record.states, update.state) if update.kept else record.states
    return replace(record, states=states, last=update.state)


def _discard_late(answer: Answer) -> None:
    """Remove the file of a lesson that was cancelled while the file was being written."""
    if isinstance(answer, LessonResult):
        teaching.discard(answer)


def _relative(state: State, path: Path, model: Model, but: ClassId | None) -> State:
    """The state with a model taught from the open model, or the parent of the open model.

    Args:
        state: with the open model.
        path: of the other model's file.
        model: description of the other model.
        but: the only class that may answer differently; None where any may.
    """
    opened = table.with_derived_model(state, path, model)
    return opened if but is None else with_predictions_of(opened, state, but)
