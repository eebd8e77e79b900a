"""A running lesson in the mode 'exact': takes up annotations, shows the class, and goes back on request."""

import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np

from condseg_app.data import Block, ChunkedAnnotation, LearntState, Lesson, Region, Shape, TrainingProgress
from condseg_app.jobs import Progress, Step
from condseg_app.remote import TeacherLike

_LEARN_SECONDS, _LOOK_SECONDS = 0.5, 0.3  # duration of a turn
_BETWEEN_SHOWS, _BETWEEN_LOOKS = 2.0, 3.0  # seconds, at least
_STEPS_BETWEEN_STATES = 50
# Slices that are predicted by turns, beside the slice in view, to find where the class is doubtful.
_SURVEYED = 16
_NOTHING_MARKED = "The class has no annotation any more; the lesson goes on with the annotation it had."


@dataclass(frozen=True, eq=False)
class LessonUpdate:
    """Progress of a lesson.

    Attributes:
        progress: by the model's names.
        state: the class at present.
        kept: whether to keep the state for going back.
    """

    progress: TrainingProgress
    state: LearntState
    kept: bool


@dataclass(frozen=True, eq=False)
class Preview:
    """Result of a class in training on a part of the image."""

    block: Block


@dataclass(frozen=True)
class Notice:
    """A sentence on the lesson's response to a request."""

    text: str


class LessonControls:
    """The user's requests to a running lesson; the lesson's thread reads them between two calls.

    Attributes:
        marks: the present annotation of the class, None if empty; replaced, never changed.
        seen: the slice in view; None without a slice, or with another image in view.
        stopped: whether to end the lesson now and keep the result.
        steps: number of steps taken so far.
    """

    def __init__(self, marks: ChunkedAnnotation | None, seen: Region | None) -> None:
        self.marks, self.seen = marks, seen
        self.stopped = False
        self.steps = 0
        self._lock = threading.Lock()
        self._state: LearntState | None = None
        self._over = False

    def go_to(self, state: LearntState) -> bool:
        """Ask to go on from an earlier state; False if nothing is learnt any more."""
        with self._lock:
            if not self._over:
                self._state, self.stopped = state, False
            return not self._over

    def taken_state(self) -> LearntState | None:
        """The state that was asked for since the last call."""
        with self._lock:
            state, self._state = self._state, None
        return state

    def end(self) -> bool:
        """Wish for nothing more; False where something is wished for still."""
        with self._lock:
            self._over = self._state is None
        return self._over


class _Turns:
    """Schedules a repetition: after so many seconds, and after twice the last duration."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._again = seconds, float("-inf")

    def is_due(self) -> bool:
        """Whether the rest is over."""
        return time.monotonic() >= self._again

    def rest(self, took: float) -> None:
        """Begin a rest after a repetition that took so many seconds."""
        self._again = time.monotonic() + max(self._seconds, 2 * took)


class PreviewSchedule:
    """Shows the class on the slice in view repeatedly, and on a slice elsewhere in between.

    Args:
        teacher: shows the class.
        shape: of the image.
    """

    def __init__(self, teacher: TeacherLike, shape: Shape) -> None:
        self._teacher, self._shape = teacher, shape
        self._turns = _Turns(_BETWEEN_LOOKS)
        self._seen: Region | None = None
        self._windows: list[int] = []
        self._took = 0.0
        self._looks = 0

    def hurry(self) -> None:
        """Look at the slice in view next, without a rest."""
        self._seen = None

    def blocks(self, seen: Region | None) -> Iterator[Block]:
        """A few windows, if any are due."""
        if seen is None:
            self._windows = []
            return
        began = time.monotonic()
        if seen != self._seen:
            self._seen, self._looks = seen, 0
            self._open(seen)
        elif not self._windows and self._turns.is_due():
            self._looks += 1
            self._open(seen if self._looks % 2 == 0 else self._elsewhere(seen))
        while self._windows and time.monotonic() < began + _LOOK_SECONDS:
            block = self._teacher.segment(self._windows.pop(0))
            if block is not None:
                yield block
            if not self._windows:
                self._turns.rest(self._took + time.monotonic() - began)
        self._took += time.monotonic() - began

    def _open(self, part: Region) -> None:
        self._took = 0.0
        self._windows = list(range(self._teacher.look_at(part)))

    def _elsewhere(self, seen: Region) -> Region:
        """The next of some slices spread over the image, in turn; the slice in view if alone."""
        across = [a for a in range(3) if self._shape[a] > 1 and seen[a].stop - seen[a].start == 1]
        if not across:
            return seen
        slices = np.linspace(0, self._shape[across[0]] - 1, min(_SURVEYED, self._shape[across[0]])).astype(int)
        at = int(slices[self._looks // 2 % len(slices)])
        part = list(seen)
        part[across[0]] = slice(at, at + 1)
        return part[0], part[1], part[2]


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
        self._shows = _Turns(_BETWEEN_SHOWS)
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
