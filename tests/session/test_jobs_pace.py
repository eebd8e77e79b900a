"""Results of a quick job reach a busy window a few at a time."""

import time

from condseg_app.jobs import Job, Progress, Step, Steps
from condseg_app.session.jobs import Jobs
from condseg_app.session.store import Store


def test_results_that_come_faster_than_they_are_taken_in_neither_hold_the_window_up_nor_pile_up() -> None:
    made, taken = 0, []

    def steps() -> Steps:
        nonlocal made
        for n in range(200):
            made += 1
            yield Step(Progress(n / 200), n)

    def take(result: object) -> None:
        time.sleep(0.004)  # many steps go by meanwhile
        taken.append(result)

    runner = Jobs(Store())
    runner.run(Job("quick", steps), take)
    time.sleep(0.1)
    while len(taken) < 100:
        before = len(taken)
        runner.take_in(0.01)
        assert len(taken) - before <= 3, "a moment's worth"
        assert made - len(taken) < 20, "the job waits"
    assert runner.wait(20)
    assert taken == list(range(200))


def test_a_job_that_waits_for_the_window_can_be_cancelled() -> None:
    made = 0

    def steps() -> Steps:
        nonlocal made
        while True:
            made += 1
            yield Step(Progress(0.5), made)

    runner, job = Jobs(Store()), Job("endless", steps)
    runner.run(job)
    time.sleep(0.05)
    runner.close()
    assert job.wait(5)
    assert made < 20
    assert runner.wait(5)
