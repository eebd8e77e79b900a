"""Common parts of the benchmarks: the final line, and medians of runs that take turns."""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The checkout."""
DATA = ROOT.parent / "shared" / "data"
"""Real data beside the checkout."""


def report(name: str, value: float, unit: str, goal: str, **details: object) -> None:
    """Print the result as a line of JSON."""
    line = {"name": name, "value": round(value, 4), "unit": unit, "goal": goal, **details}
    sys.stdout.write(json.dumps(line) + "\n")


def in_turns(works: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Median seconds of several works in turns, so that a busy machine slows all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds):
        names = list(works) if turn % 2 == 0 else list(reversed(works))
        for name in names:
            start = time.perf_counter()
            works[name]()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in seconds.items()}
