"""Jobs: what reaches their owner, and what stops them."""

import contextlib
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psygnal import EmitLoopError, emit_queued

from condseg_app.errors import Cancelled, CondsegError, OutOfMemory, ReadError
from condseg_app.jobs import Job, JobEnd, Progress, Step, Steps, TimeLeft


@pytest.fixture(autouse=True)
def _empty_queue() -> None:
    """Drop the calls that earlier tests have left to this thread: their receivers are gone."""
    while True:
        with contextlib.suppress(EmitLoopError, ReferenceError):
            emit_queued()
            return


class Owner:
    """Hears a job on its own thread."""

    def __init__(self, job: Job) -> None:
        self.results: list[object] = []
        self.progress: list[Progress] = []
        self.ends: list[JobEnd] = []
        self.threads: set[int] = set()
        job.delivered.connect(self._result, thread="current")
        job.progressed.connect(self.progress.append, thread="current")
        job.ended.connect(self.ends.append, thread="current")

    def _result(self, result: object) -> None:
        self.results.append(result)
        self.threads.add(threading.get_ident())


def finish(job: Job) -> Owner:
    owner = Owner(job)
    job.start()
    assert job.wait(10)
    emit_queued()
    return owner


def counting(n: int) -> Steps:
    for i in range(n):
        yield Step(Progress((i + 1) / n), i)


def test_all_results_arrive_in_order_on_the_owners_thread() -> None:
    owner = finish(Job("Counting", lambda: counting(100)))
    assert owner.results == list(range(100))
    assert owner.threads == {threading.get_ident()}
    assert owner.ends == [JobEnd("finished")]
    assert owner.progress[-1].fraction == 1.0
    assert len(owner.progress) < 20, "progress is not reported more often than a screen can show"


def test_nothing_is_called_back_before_the_owner_empties_the_queue() -> None:
    job = Job("Counting", lambda: counting(3))
    owner = Owner(job)
    job.start()
    assert job.wait(10)
    assert owner.results == []
    emit_queued()
    assert owner.results == [0, 1, 2]


class CoarseFilter:
    """Steps that can be let through one by one, from another thread."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.closed = False

    def steps(self) -> Steps:
        try:
            for i in range(1000):
                self.entered.release()
                self.go.acquire()
                yield Step(Progress(i / 1000), i)
        finally:
            self.closed = True


def test_cancel_takes_effect_after_the_step_under_way_whose_result_is_kept() -> None:
    gate = CoarseFilter()
    job = Job("Working", gate.steps)
    owner = Owner(job)
    job.start()
    for _ in range(3):
        assert gate.entered.acquire(timeout=5)
        gate.go.release()
    assert gate.entered.acquire(timeout=5)
    job.cancel()
    gate.go.release()
    assert job.wait(5)
    emit_queued()
    assert owner.results == [0, 1, 2, 3]
    assert owner.ends == [JobEnd("cancelled")]
    assert job.state == "cancelled"
    assert gate.closed, "what the steps hold is let go"


def test_pause_waits_between_steps_and_resume_goes_on() -> None:
    gate = CoarseFilter()
    job = Job("Working", gate.steps)
    job.start()
    assert gate.entered.acquire(timeout=5)
    job.pause()
    assert job.state == "paused"
    gate.go.release()
    assert not gate.entered.acquire(timeout=0.2), "no step begins while paused"
    job.resume()
    assert gate.entered.acquire(timeout=5)
    job.cancel()
    gate.go.release()
    assert job.wait(5)


def test_the_time_left_does_not_grow_while_paused() -> None:
    gate = CoarseFilter()
    job = Job("Working", gate.steps)
    began = time.monotonic()
    job.start()
    for _ in range(3):
        gate.go.release()
        assert gate.entered.acquire(timeout=5)
    assert gate.entered.acquire(timeout=5)
    job.pause()
    gate.go.release()
    time.sleep(1.0)
    job.resume()
    gate.go.release()
    for _ in range(2):
        assert gate.entered.acquire(timeout=5)
    assert job.progress.fraction == 4 / 1000
    assert job.progress.seconds_left is not None
    worked = time.monotonic() - began - 0.5  # at least half of the pause was one
    assert job.progress.seconds_left < worked / job.progress.fraction
    job.cancel()
    gate.go.release()
    assert job.wait(5)


def test_a_paused_job_can_be_cancelled() -> None:
    gate = CoarseFilter()
    job = Job("Working", gate.steps)
    job.start()
    assert gate.entered.acquire(timeout=5)
    job.pause()
    gate.go.release()
    job.cancel()
    assert job.wait(5)
    assert job.state == "cancelled"


def test_a_job_cancelled_at_once_takes_at_most_one_step() -> None:
    taken: list[int] = []

    def steps() -> Steps:
        for i in range(100):
            taken.append(i)
            yield Step(Progress(0.0))
            time.sleep(0.01)

    job = Job("Working", steps)
    job.cancel()
    assert finish(job).ends == [JobEnd("cancelled")]
    assert taken == []


def failing(error: Exception) -> Steps:
    yield Step(Progress(0.5), "before")
    raise error


def test_an_error_made_for_the_user_arrives_as_it_is() -> None:
    error = ReadError("no image in it", path="a.nii")
    owner = finish(Job("Opening", lambda: failing(error)))
    assert owner.results == ["before"]
    assert owner.ends == [JobEnd("failed", error)]


def test_an_unexpected_error_becomes_a_sentence_and_a_traceback_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    owner = finish(Job("Predicting", lambda: failing(ZeroDivisionError("oh"))))
    (end,) = owner.ends
    assert end.state == "failed"
    assert isinstance(end.error, CondsegError)
    assert str(end.error).startswith("Predicting failed unexpectedly (ZeroDivisionError)")
    assert "condseg.log" in str(end.error)
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")])
def test_want_of_memory_is_called_that(error: Exception) -> None:
    (end,) = finish(Job("Predicting", lambda: failing(error))).ends
    assert isinstance(end.error, OutOfMemory)


def test_an_error_after_cancelling_is_not_reported() -> None:
    entered, go = threading.Event(), threading.Event()

    def steps() -> Steps:
        entered.set()
        go.wait(5)
        raise ZeroDivisionError
        yield

    job = Job("Working", steps)
    owner = Owner(job)
    job.start()
    assert entered.wait(5)
    job.cancel()
    go.set()
    assert job.wait(5)
    emit_queued()
    assert owner.ends == [JobEnd("cancelled")]


def test_steps_may_cancel_themselves() -> None:
    assert finish(Job("Working", lambda: failing(Cancelled("enough")))).ends == [JobEnd("cancelled")]


@given(st.integers(2, 50), st.floats(0.01, 100.0), st.floats(0.0, 1000.0))
def test_an_even_pace_is_foretold_exactly_whatever_starting_took(steps: int, seconds: float, start: float) -> None:
    now = [0.0]
    pace = TimeLeft(lambda: now[0])
    assert pace.timed(Progress(0.0)).seconds_left is None
    now[0] += start
    assert pace.timed(Progress(0.0)).seconds_left is None
    for i in range(1, steps + 1):
        now[0] += seconds
        left = pace.timed(Progress(i / steps)).seconds_left
        assert left == pytest.approx(seconds * (steps - i), abs=1e-6 * steps * seconds + 1e-6 * start)


def test_a_pause_does_not_count_as_work() -> None:
    now = [0.0]
    pace = TimeLeft(lambda: now[0])
    pace.timed(Progress(0.0))
    now[0] = 101.0
    pace.rest(100.0)
    assert pace.timed(Progress(0.5)).seconds_left == pytest.approx(1.0)


def test_a_known_time_left_is_kept() -> None:
    assert TimeLeft().timed(Progress(0.5, "", 7.0)).seconds_left == 7.0
