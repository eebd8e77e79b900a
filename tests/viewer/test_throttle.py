import time

from condseg_app.viewer.throttle import Throttle


def test_many_requests_are_few_runs_and_the_last_is_not_lost() -> None:
    runs: list[int] = []
    throttle = Throttle(lambda: runs.append(1), 0.05)
    for _ in range(100):
        throttle.request()
    assert len(runs) == 1
    assert throttle.pending
    time.sleep(0.06)
    throttle.flush()
    assert len(runs) == 2
    assert not throttle.pending


def test_a_slow_action_rests_longer() -> None:
    runs: list[int] = []

    def slow() -> None:
        runs.append(1)
        time.sleep(0.05)

    throttle = Throttle(slow, 0.001)
    throttle.request()
    time.sleep(0.06)
    throttle.request()
    assert len(runs) == 1
