"""Commands for teaching: running a lesson, going back to its states, and taking its result."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from condseg_app import io
from condseg_app.data import TEACHING_STEPS, ClassId, LearntState, Model, TeachingMode
from condseg_app.errors import ModelError
from condseg_app.session import table, teaching
from condseg_app.session.command import command
from condseg_app.session.computing import Computing
from condseg_app.session.jobs import Jobs
from condseg_app.session.lesson_record import LessonRecord, LessonResult
from condseg_app.session.lesson_run import LessonRun
from condseg_app.session.may import raise_reason, why_not_use
from condseg_app.session.state import State
from condseg_app.session.store import Store
from condseg_app.session.teaching import lesson_plan
from condseg_app.session.unsaved import unsaved_lesson
from condseg_app.session.window_queue import with_predictions_of


class Lessons:
    """Commands on the lesson that runs, or ran last: `State.lesson`.

    Args:
        store: of the session.
        jobs: of the session.
        computing: of the session.
        folder: where taught models are saved.

    Attributes:
        progressed: emitted with the `TrainingProgress` of the lesson.
        ended: emitted with the `LessonResult` once the lesson's model is saved: compare, then accept or discard.
    """

    def __init__(self, store: Store, jobs: Jobs, computing: Computing, folder: Path) -> None:
        self._store, self._jobs, self._folder = store, jobs, folder
        self._run = LessonRun(store, jobs, computing)
        self.changed, self.progressed, self.ended = store.lesson_changed, self._run.progressed, self._run.ended
        self.look_from = self._run.look_from

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
        self._run.forget()  # an earlier result that was neither accepted nor discarded stays among the models
        self._run.learn(LessonRecord(plan))

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
        self._run.learn(replace(record, plan=lesson_plan(self._state, record.plan.entry.id, steps, self._folder)))

    @command
    def finish(self) -> None:
        """End the lesson now and keep the result, as if all steps were taken."""
        if self._state.is_teaching:
            self._run.controls.stopped = True
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
        if self._state.is_teaching and self._run.controls.go_to(state):
            self._jobs.resume()
            return
        self._run.save(record, state)

    # The result

    @command
    def accept(self) -> None:
        """Go on with the taught model; annotations and thresholds stay, and predictions that are still true."""
        result, before = self._taken_result(), self._state.model_path
        if result is None:
            return
        model = io.read_model_description(result.path)
        self._run.end()
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
        self._run.end()
        if result is not None:
            teaching.discard(result)

    def _taken_result(self) -> LessonResult | None:
        """The result that waits, which waits no longer."""
        record = self._record
        if record is None or record.result is None:
            return None
        self._store.become(replace(self._state, lesson=replace(record, result=None)))
        return record.result


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
