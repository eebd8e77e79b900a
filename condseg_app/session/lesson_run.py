"""The lesson that runs: its job, the user's actions meanwhile, and its results."""

from dataclasses import replace
from functools import partial

from psygnal import Signal

from condseg_app.data import ClassId, LearntState, Region, TrainingProgress
from condseg_app.jobs import Job, JobEnd
from condseg_app.session import teaching
from condseg_app.session.command import command
from condseg_app.session.computing import Computing
from condseg_app.session.jobs import Jobs
from condseg_app.session.lesson_controls import LessonControls, LessonUpdate, Notice, Preview
from condseg_app.session.lesson_record import LessonPlan, LessonRecord, LessonResult
from condseg_app.session.state import JobKind, State
from condseg_app.session.store import Store
from condseg_app.session.teaching import lesson_steps, progress_by_id, state_steps
from condseg_app.session.window_queue import previewed
from condseg_app.session.work import Work

Answer = LessonUpdate | Preview | Notice | TrainingProgress | LessonResult
"""A lesson's results while it runs, and at its end."""


class LessonRun:
    """Runs the lesson of `State.lesson`.

    Args:
        store: of the session.
        jobs: of the session.
        computing: of the session.
    """

    progressed = Signal(TrainingProgress)
    ended = Signal(LessonResult)

    def __init__(self, store: Store, jobs: Jobs, computing: Computing) -> None:
        self._store, self._jobs, self._computing = store, jobs, computing
        # Requests to the lesson's thread, and the view of which they tell: no state.
        self.controls = LessonControls(None, None)
        self._seen: Region | None = None
        store.annotation_changed.connect(self._on_annotation)
        store.image_changed.connect(self._on_other_image)

    @property
    def _state(self) -> State:
        return self._store.state

    @property
    def _record(self) -> LessonRecord | None:
        return self._store.state.lesson

    def learn(self, record: LessonRecord) -> None:
        """Begin with a lesson, or go on with it."""
        self._jobs.leave()  # the engine may be another from here on
        plan = record.plan
        self.controls = LessonControls(self._state.annotations[plan.entry.id], self._seen)
        self._store.become(replace(self._state, lesson=record))
        steps = partial(lesson_steps, self._computing.engine, plan, self.controls, record.last)
        self._start("lesson", Job(f"Teaching {plan.name}", steps))

    def save(self, record: LessonRecord, state: LearntState) -> None:
        """Save a state of a lesson that runs no more."""
        self._jobs.leave()
        self._store.become(replace(self._state, lesson=replace(record, last=state)))
        steps = partial(state_steps, self._computing.engine, record.plan, self.controls, state)
        self._start("saving of a lesson", Job(f"Going back to step {state.step}", steps))

    def end(self) -> None:
        """Nothing more is learnt or gone back to."""
        if self._state.is_teaching:
            self._jobs.give_up()
        self.forget()

    def forget(self) -> None:
        """Forget the lesson, but not its saved result."""
        self._store.become(replace(self._state, previews={}, lesson=None))

    def look_from(self, seen: Region | None) -> None:
        """Show the class on the slice in view; None without a slice."""
        self._seen = seen
        if self._record is not None:
            self.controls.seen = seen if self._record.plan.is_on(self._state.image) else None

    def _on_annotation(self, class_id: ClassId) -> None:
        """Tell the lesson the annotation of its class."""
        plan = None if self._record is None else self._record.plan
        if plan is not None and class_id == plan.entry.id and plan.mode != "full" and plan.is_on(self._state.image):
            self.controls.marks = self._state.annotations.get(class_id)

    def _on_other_image(self) -> None:
        record, image = self._record, self._state.image
        self.look_from(None)
        if record is None or record.plan.mode == "full" or not record.plan.is_of(image) or record.plan.is_on(image):
            return
        self._store.notice.emit(
            "The image has another grid than the lesson's; the lesson goes on with the annotation it had."
        )

    def _start(self, kind: JobKind, job: Job) -> None:
        cancelled = partial(self._on_cancelled, kind)
        self._jobs.start(Work(job, kind, self._take, _discard_late, self._on_end, cancelled))

    def _on_cancelled(self, kind: JobKind) -> None:
        """Discard the results of a cancelled lesson, and say so; earlier saves stay."""
        if kind == "lesson" and self._state.lesson_result is None:
            self.forget()
            self._store.notice.emit("The lesson was stopped; nothing was saved, and the model is as it was.")
        else:
            self._store.notice.emit("It was stopped; what was learnt before is kept.")

    def _on_end(self, end: JobEnd) -> None:
        last = None if self._record is None else self._record.last
        if end.error is None:
            return
        if last is None:
            self.forget()
        else:
            self._store.notice.emit(
                f"What was learnt up to step {last.step} is kept: go on with it, or use it as it is."
            )

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
