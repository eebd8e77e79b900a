"""Time from a click on another class to the drawn slice.

The app's own window with napari's viewer as large as it opens, and once more as large as a small screen, on a virtual
screen if there is no other, the engine in its own process, a shipped model and a real CT brought to slices of
256 x 256. All classes are predicted first; then rows of the class table are clicked, and the time is taken from the
click to the end of the round of events in which the canvas was drawn with that class. `class_switch_ms` is the 95th
percentile. Besides: the time from the click on a class without a prediction to the first drawing with a window of the
class on the slice in view, for the very first class on an image, and the median and the longest of later classes, each
on a slice new to the engine; and the median of drawing the unchanged canvas again, which is the floor. Without a
graphics card the floor is most of the time, and grows with the size of the window.

    make bench ONLY=class_switch_ms
"""

import random
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from harness.report import DATA, report
from harness.window import Drawings, need_a_screen, opened, redraw, rest, until

from condseg_app.data import ClassId, Region, as_level
from condseg_app.session import fusing
from condseg_app.viewer.sight import overlaps

if TYPE_CHECKING:
    from condseg_app.desktop.window import MainWindow

_SMALL = 1024, 700


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    switches: Annotated[int, typer.Option()] = 200,
) -> None:
    """Measure on the data set's first test volume."""
    need_a_screen()
    with opened(data) as window:
        clicks = Clicks(window)
        first, *later = first_slices(clicks)
        window.session.predictions.start()
        until(lambda: window.session.jobs.current is None)
        rest(2.0)  # until all is drawn
        floor = redraw(clicks, switches // 4)
        times = switch(clicks, switches)
        size = _size(window)
        window.resize(*_SMALL)
        rest(1.0)
        small, small_size = switch(clicks, switches), _size(window)
    report(
        "class_switch_ms",
        _p95(times),
        "ms",
        "<= 33",
        window=size,
        switches=switches,
        median=round(statistics.median(times), 2),
        longest=round(max(times), 2),
        redraw_alone_ms=round(statistics.median(floor), 2),
        small_window=small_size,
        small_window_p95=round(_p95(small), 2),
        first_class_of_an_image_ms=round(first),
        uncached_median_ms=round(statistics.median(later)),
        uncached_longest_ms=round(max(later)),
        uncached_goal="<= 1000",
    )


def _size(window: "MainWindow") -> str:
    return f"{window.width()} x {window.height()}"


def _p95(times: list[float]) -> float:
    return float(np.percentile(times, 95))


class Clicks(Drawings):
    """Clicks on rows of the class table, and the class that the canvas then shows."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self.shown: ClassId | None = None
        self.begun: ClassId | None = None
        window.session.predictions.changed.connect(self._on_prediction)

    def on(self, class_id: ClassId) -> None:
        """Click the row of a class."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        table = self.window.panel.classes.table
        row = table.filter.mapFromSource(table.classes.index(table.classes.row_of(class_id), 2))
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(row).center())

    def _on_prediction(self, class_id: ClassId, region: Region | None) -> None:
        """Note a class with a new result for the slice in view, to be drawn from here on."""
        if overlaps(region, self.window.binding.visible_slice()) and self.begun != class_id:
            self.begun, self.shown = class_id, None

    def on_draw(self) -> None:
        """Note which class, by the present probabilities, was drawn."""
        self.shown = None
        binding, session = self.window.binding, self.window.session
        layer, visible, class_id = binding.results.class_map.layer, binding.visible_slice(), session.state.current_class
        if layer is not None and class_id is not None and visible is not None and binding.placement is not None:
            levels = binding.placement.to_display(fusing.corrected(session.state, class_id, visible))[0]
            reached = levels >= as_level(session.state.threshold(class_id))
            drawn = layer._slice.image.raw == session.state.entry(class_id).value
            if np.array_equal(drawn, reached):
                self.shown = class_id


def switch(clicks: Clicks, count: int) -> list[float]:
    """Milliseconds of each of so many switches between complete classes, in random order."""
    session, rng = clicks.window.session, random.Random(0)
    classes, times = session.state.classes.ids, []
    for _ in range(count):
        class_id = rng.choice([other for other in classes if other != session.state.current_class])
        start = time.perf_counter()
        clicks.on(class_id)
        until(lambda class_id=class_id: clicks.shown == class_id)  # type: ignore[misc]
        times.append((time.perf_counter() - start) * 1000)
        rest(0.1)
    return times


def first_slices(clicks: Clicks) -> list[float]:
    """Milliseconds until some of a class that was not asked for is drawn, class after class on slice after slice."""
    session, binding = clicks.window.session, clicks.window.binding
    slices = np.linspace(0.5, 0.9, len(session.state.classes))
    times = []
    for class_id, part in zip(session.state.classes.ids, slices, strict=True):
        session.jobs.cancel()
        if binding.sight is not None:
            binding.sight.go_to((128, 128, int(part * session.state.image.geometry.shape[2])))  # type: ignore[union-attr]
        rest(1.5)
        clicks.begun = None
        start = time.perf_counter()
        clicks.on(class_id)
        until(lambda class_id=class_id: clicks.begun == clicks.shown == class_id)  # type: ignore[misc]
        times.append((time.perf_counter() - start) * 1000)
    return times


if __name__ == "__main__":
    typer.run(main)
