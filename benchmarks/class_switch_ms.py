"""How long a click on another class takes until the slice is drawn with it.

The app's own window with napari's viewer, on a screen (a virtual one if there is none), the engine in its own process,
a shipped model and a real CT brought to slices of 256 x 256. All classes are predicted first; then rows of the class table
are clicked, and the time is taken from the click to the end of the round of events in which the canvas was drawn.
`class_switch_ms` is the 95th percentile. Besides: the time from the click on a class that was not asked for yet to the
first drawing that shows some of it on the slice in view, for the very first class on an image, and the median and the
longest of later ones, each on a slice that the engine has not seen.

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
from harness.window import need_a_screen, opened, rest, until

from condseg_app.data import Region

if TYPE_CHECKING:
    from condseg_app.desktop.window import MainWindow


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    switches: Annotated[int, typer.Option()] = 200,
) -> None:
    """Measure on the data set's first test volume."""
    need_a_screen()
    with opened(data) as window:
        clicks = Clicks(window)
        first, *later = first_slices(clicks)
        window.session.predict()
        until(lambda: window.session.job is None)
        rest(2.0)  # until all is drawn
        times = switch(clicks, switches)
    p95 = float(np.percentile(times, 95))
    report(
        "class_switch_ms",
        p95,
        "ms",
        "<= 33",
        switches=switches,
        median=round(statistics.median(times), 2),
        longest=round(max(times), 2),
        first_class_of_an_image_ms=round(first),
        uncached_median_ms=round(statistics.median(later)),
        uncached_longest_ms=round(max(later)),
        uncached_goal="<= 1000",
    )


class Clicks:
    """Clicks on rows of the class table, and when the canvas was drawn after them."""

    def __init__(self, window: "MainWindow") -> None:
        self.window = window
        self.drawn = 0
        self._scene = window.canvas.widget.canvas._scene_canvas  # napari tells nobody when it has drawn
        self._scene.events.draw.connect(self._on_draw, position="last")

    def on(self, name: str) -> None:
        """Click the row of a class."""
        from qtpy.QtCore import Qt
        from qtpy.QtTest import QTest

        table = self.window.panel.classes.table
        row = table.filter.mapFromSource(table.classes.index(table.classes.row_of(name), 2))
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(row).center())

    def _on_draw(self, event: object) -> None:
        self.drawn += 1


def switch(clicks: Clicks, count: int) -> list[float]:
    """Milliseconds of each of so many switches between complete classes, in random order."""
    session, rng = clicks.window.session, random.Random(0)
    names, times = session.classes.names, []
    for _ in range(count):
        name = rng.choice([other for other in names if other != session.current_class])
        drawn, start = clicks.drawn, time.perf_counter()
        clicks.on(name)
        until(lambda drawn=drawn: clicks.drawn > drawn)  # type: ignore[misc]
        times.append((time.perf_counter() - start) * 1000)
        layer = clicks.window.binding.class_layer.layer
        if layer is None or layer.name != name or not layer.visible:
            raise SystemExit(f"{name} was clicked and something else was drawn")
        rest(0.1)
    return times


def first_slices(clicks: Clicks) -> list[float]:
    """Milliseconds until some of a class that was not asked for is drawn, class after class on slice after slice."""
    session, binding = clicks.window.session, clicks.window.binding
    slices = np.linspace(0.5, 0.9, len(session.classes))
    times = []
    for name, part in zip(session.classes.names, slices, strict=True):
        session.cancel()
        if binding.sight is not None:
            binding.sight.go_to((128, 128, int(part * session.image.geometry.shape[2])))  # type: ignore[union-attr]
        rest(1.5)
        start = time.perf_counter()
        seen = Seen(clicks, name)
        clicks.on(name)
        until(seen.is_drawn)
        times.append((time.perf_counter() - start) * 1000)
    return times


class Seen:
    """Whether the canvas was drawn after a part of the slice in view was filled in for a class."""

    def __init__(self, clicks: Clicks, name: str) -> None:
        self._clicks, self._name = clicks, name
        self._drawn_before: int | None = None
        clicks.window.session.prediction_changed.connect(self._on_prediction)

    def is_drawn(self) -> bool:
        """Whether it is so."""
        return self._drawn_before is not None and self._clicks.drawn > self._drawn_before

    def _on_prediction(self, name: str, region: Region) -> None:
        visible = self._clicks.window.binding.visible_slice()
        if visible is not None and name == self._name and region[2].start <= visible[2].start < region[2].stop:
            self._drawn_before = self._clicks.drawn
            self._clicks.window.session.prediction_changed.disconnect(self._on_prediction)


if __name__ == "__main__":
    typer.run(main)
