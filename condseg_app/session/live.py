"""A running lesson in the mode 'exact': takes up annotations, shows the class, and goes back on request."""

import time
from collections.abc import Generator, Iterator
from dataclasses import replace

from condseg_app.data import ChunkedAnnotation, LearntState, Lesson, TrainingProgress
from condseg_app.jobs import Progress, Step
from condseg_app.remote import TeacherLike
from condseg_app.session.lesson_controls import LessonControls, LessonUpdate, Notice, Preview
from condseg_app.session.preview_schedule import PreviewSchedule, Turns

_LEARN_SECONDS = 0.5  # duration of a turn
_BETWEEN_SHOWS = 2.0  # seconds, at least
_STEPS_BETWEEN_STATES = 50
_NOTHING_MARKED = "The class has no annotation any more; the lesson goes on with the annotation it had."


class LiveLesson:
    """Drives a lesson; used in the thread of a job.

    Args:
        teacher: of the lesson.
        lesson: by the model's names.
        controls: the user's requests meanwhile.
        start: the state that the teacher goes on from; None for the beginning.
    """

    def __init__(
        self, teacher: TeacherLike, lesson: Lesson, controls: LessonControls, start: LearntState | None = None
    ) -> None:
        self._teacher, self._lesson, self._controls = teacher, lesson, controls
        self._marks = controls.marks
        self._seconds = 0.0 if start is None else start.seconds
        self._told = TrainingProgress(0, lesson.steps)
        self._state = self._kept = start
        self._shows = Turns(_BETWEEN_SHOWS)
        self._previews = PreviewSchedule(teacher, lesson.image.geometry.shape)

    def steps(self) -> Generator[Step, None, LearntState]:
        """Learn until all steps are taken or the user stops the lesson; returns the final class."""
        while True:
            yield from self._take_up()
            state = self._learn()
            yield self._learnt(state, kept=self._is_new(state))
            for block in self._previews.blocks(self._controls.seen):
                yield self._step(Preview(block))
            if (self._told.finished or self._controls.stopped) and self._controls.end():
                break
        if not self._told.finished:  # otherwise already examined
            state = self._examined(state)
            yield self._learnt(state, kept=True)
        return state

    def _learn(self) -> LearntState:
        began = time.monotonic()
        progress = self._teacher.advance(_LEARN_SECONDS)
        self._controls.steps = progress.step
        self._seconds += time.monotonic() - began
        self._told = replace(progress, seconds=self._seconds)
        return replace(self._teacher.state(), seconds=self._seconds)

    def _examined(self, state: LearntState) -> LearntState:
        dice = self._teacher.examine()
        found = {} if dice is None else {self._lesson.entry.name: dice}
        self._told = replace(self._told, dice=found)
        return replace(state, dice=dice)

    def _is_new(self, state: LearntState) -> bool:
        """Whether to keep the state: examined since the last kept state, after long learning, or final."""
        if self._kept is None:
            return state.dice is not None or state.step >= _STEPS_BETWEEN_STATES or self._told.finished
        steps = abs(state.step - self._kept.step)
        examined = state.dice != self._kept.dice or (self._told.finished and steps > 0)
        return examined or steps >= _STEPS_BETWEEN_STATES

    def _learnt(self, state: LearntState, kept: bool) -> Step:
        self._state = state
        if kept:
            self._kept = state
        return self._step(LessonUpdate(self._told, state, kept))

    def _step(self, result: object) -> Step:
        """Report all results with the progress of learning."""
        return Step(shown(self._told), result)

    def _take_up(self) -> Iterator[Step]:
        """Take up the user's present requests."""
        state = self._controls.taken_state()
        if state is not None:
            self._teacher.go_to(state)
            self._state = self._kept = state
            self._previews.hurry()
        marks = self._controls.marks
        if marks is not self._marks and self._shows.is_due():
            self._marks = marks
            yield from self._show(marks)

    def _show(self, marks: ChunkedAnnotation | None) -> Iterator[Step]:
        if marks is None or marks.state != "present":
            yield self._step(Notice(_NOTHING_MARKED))
            return
        if self._state is not None and self._state is not self._kept:
            yield self._learnt(self._state, kept=True)
        began = time.monotonic()
        self._teacher.show(marks.dense(self._lesson.entry.name))
        self._shows.rest(time.monotonic() - began)


def shown(progress: TrainingProgress) -> Progress:
    """Progress of the work; saving and comparing are still to come."""
    fraction = 0.95 * progress.step / max(progress.steps, 1)
    return Progress(fraction, f"Step {progress.step}/{progress.steps}", progress.seconds_left)
