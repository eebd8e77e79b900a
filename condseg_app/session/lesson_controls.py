"""Messages between a running lesson and the session."""

import threading
from dataclasses import dataclass

from condseg_app.data import Block, ChunkedAnnotation, LearntState, Region, TrainingProgress


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
