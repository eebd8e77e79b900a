"""Gaps in which the window does not answer while the engine works.

The app's own window on a screen (a virtual screen if none), the engine in its own process, a shipped model and a
real CT brought to slices of 256 x 256. A timer of one millisecond runs in Qt's event loop; a gap is the time between
two of the timer's time-outs. First all classes are predicted, again and again, then lessons of a class are given, with
the annotation compared and saved at the end of each; both for at least so many seconds. `gui_gap_ms` is the 99.9th
percentile of all gaps, each gap counted once. Besides: the longest gaps, and the median of drawing the unchanged
canvas: no gap with a drawing is shorter, and without a graphics card drawing takes long.

    make bench ONLY=gui_gap_ms
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from harness.report import DATA, report
from harness.window import MODEL, Drawings, need_a_screen, opened, redraw, rest, until

from condseg_app.data import ChunkedAnnotation
from condseg_app.session import fusing

if TYPE_CHECKING:
    from condseg_app.desktop.window import MainWindow
    from condseg_app.session import Session

TAUGHT = "liver"
STEPS = 60


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    seconds: Annotated[float, typer.Option(help="of each work, at least")] = 25.0,
) -> None:
    """Measure on the data set's first test volume."""
    need_a_screen()
    with opened(data) as window:
        session = window.session
        predicting = gaps_while(window, lambda: ask(session), seconds)
        until(lambda: session.jobs.current is None)
        mark(session)
        rest(1.0)
        floor = redraw(Drawings(window), 40)
        teaching = gaps_while(window, lambda: teach(session), seconds)
    report(
        "gui_gap_ms",
        tail(predicting + teaching),
        "ms",
        "<= 50",
        predicting=tail(predicting),
        predicting_longest=round(max(predicting), 1),
        teaching=tail(teaching),
        teaching_longest=round(max(teaching), 1),
        redraw_alone_ms=round(statistics.median(floor), 1),
        seconds=round(sum(predicting + teaching) / 1000),
    )


def ask(session: "Session") -> None:
    """Predict all classes from the start."""
    session.models.open(MODEL)
    session.classes.choose(session.state.classes[TAUGHT].id)
    session.predictions.start()


def mark(session: "Session") -> None:
    """Annotate the prediction on three slices, as a person would have corrected the class."""
    taught = session.state.classes[TAUGHT].id
    mask = fusing.mask(session.state, taught)
    seen = np.zeros_like(mask)
    seen[..., np.argsort(mask.sum((0, 1)))[-3:]] = True
    session.annotations.put(taught, ChunkedAnnotation.of(mask, seen))


def teach(session: "Session") -> None:
    """Begin a lesson; the result of an earlier lesson is dropped."""
    session.lessons.discard()
    session.lessons.start(session.state.classes[TAUGHT].id, STEPS)


def gaps_while(window: "MainWindow", begin: Callable[[], None], seconds: float) -> list[float]:
    """Milliseconds between time-outs during a job, which is begun again after each end."""
    from qtpy.QtCore import QEventLoop, Qt, QTimer

    loop, beat = QEventLoop(), QTimer()
    end, at = time.perf_counter() + seconds, [time.perf_counter()]

    def on_time_out() -> None:
        at.append(time.perf_counter())
        if window.session.jobs.current is None:
            if at[-1] > end:
                loop.quit()
            else:
                begin()

    beat.setTimerType(Qt.TimerType.PreciseTimer)
    beat.timeout.connect(on_time_out)
    beat.start(1)
    loop.exec()
    beat.stop()
    return [float(gap) for gap in np.diff(at) * 1000]


def tail(gaps: list[float]) -> float:
    """The 99.9th percentile."""
    return round(float(np.percentile(gaps, 99.9)), 1)


if __name__ == "__main__":
    typer.run(main)
