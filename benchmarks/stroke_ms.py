"""Time that a brush stroke on a large volume keeps the window busy.

The app's own window on a screen (a virtual screen if none) and a real CT brought to 512 x 512 x 300 voxels, then
to 512 x 512 x 600, each in a separate process. The probabilities come from the labels instead of a network, block by
block. *Correct* is clicked, then strokes are drawn with real mouse events, on slices along all three axes, some with
the eraser, with an undo and redo now and then; the second half while other classes are predicted. A time is the time of
the window's thread from an event of the mouse (press, move, release, undo or redo) until the canvas is drawn; of each
stroke the longest. Where several programs share the processor that time describes this program better than the clock
does, which stands beside as `wall`. `stroke_ms` is the 99th percentile on the slower volume.

A stroke is lost if a voxel under the mouse differs from the painted value, if undo or redo does not restore the
earlier state, or if the sizes in the class table are not those of the masks. Memory is the highest while painting, less
that with the image open, in units of the volume as 16-bit numbers. Besides: the time of drawing the unchanged canvas,
which no stroke can be quicker than, and that of *Correct*.

    make bench ONLY=stroke_ms
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from harness.report import DATA, report
from harness.window import Drawings, first_test_case, nearest, need_a_screen, opened, rest, until
from numpy.typing import NDArray

from condseg_app.data import Block, DeviceInfo, Image, Region
from condseg_app.session import fusing

if TYPE_CHECKING:
    from condseg_app.desktop.window import MainWindow

PAINTED, BESIDE = "liver", ("spleen", "pancreas", "left_kidney", "right_kidney")
STROKES, MOVES, BLOCK = 100, 12, 96


def main(
    data: Annotated[Path, typer.Option()] = DATA / "abdomen_ct",
    slices: Annotated[int | None, typer.Option(help="measure on so many only, and print all figures")] = None,
) -> None:
    """Measure on both volumes, or on a single volume."""
    need_a_screen()
    if slices is not None:
        sys.stdout.write(json.dumps(measured(data, slices)) + "\n")
        return
    found = {}
    for count in (300, 600):
        command = [sys.executable, __file__, "--data", str(data), "--slices", str(count)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[f"slices_{count}"] = json.loads(done.stdout.splitlines()[-1])
    worst = max(each["p99"] for each in found.values())
    lost = sum(each["lost"] for each in found.values())
    memory = max(each["memory_in_volumes"] for each in found.values())
    report("stroke_ms", worst, "ms", "<= 50", lost=lost, memory_in_volumes=memory, memory_goal="<= 2.5", **found)


class KnownAnswers:
    """An engine in place of networks: the labels of the data set, in blocks."""

    place = None

    def __init__(self, data: Path) -> None:
        _, annotations = first_test_case(data)
        self._masks = {annotation.class_name: annotation.mask for annotation in annotations}

    def device(self) -> DeviceInfo:
        """The device's description."""
        return DeviceInfo("cpu", "labels", 1)

    def close(self) -> None:
        """Nothing to end."""

    def predictor(self, model: Path, image: Image) -> "_Predictor":
        """Get ready to say where classes are."""
        del model
        return _Predictor(self._masks, image)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"labels cannot {name}")


class _Predictor:
    def __init__(self, masks: dict[str, NDArray[np.bool_]], image: Image) -> None:
        self._masks, shape = masks, image.geometry.shape
        before = next(iter(masks.values())).shape
        self._at = [nearest(n, size) for n, size in zip(before, shape, strict=True)]
        cuts = [[slice(a, min(a + BLOCK, n)) for a in range(0, n, BLOCK)] for n in shape]
        self._regions: list[Region] = [(i, j, k) for i in cuts[0] for j in cuts[1] for k in cuts[2]]
        self.windows = len(self._regions)

    def order(self, near: tuple[int, int, int] | None) -> list[int]:
        """The windows next to a voxel first."""
        middles = np.array([[(s.start + s.stop) / 2 for s in region] for region in self._regions])
        return [int(n) for n in np.argsort(((middles - np.array(near or (0, 0, 0))) ** 2).sum(axis=1))]

    def segment(self, window: int, classes: Sequence[str]) -> Block:
        """Probabilities of classes in a window."""
        time.sleep(0.02)  # a network takes longer still
        region = self._regions[window]
        i, j, k = (at[part] for at, part in zip(self._at, region, strict=True))
        found = {}
        for name in classes:
            mask = self._masks.get(name)
            there = np.zeros([len(i), len(j), len(k)], bool) if mask is None else mask[i][:, j][..., k]
            found[name] = np.where(there, 200, 10).astype(np.uint8)
        return Block(region, found)


@dataclass
class Times:
    """Milliseconds of the window's thread, and by the clock."""

    busy: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def add(self, busy: float, wall: float) -> None:
        """Add a time."""
        self.busy.append(busy)
        self.wall.append(wall)


class Painter:
    """Draws with the mouse, and counts strokes that are not fully drawn."""

    def __init__(self, window: "MainWindow") -> None:
        self.window, self.drawings = window, Drawings(window)
        self.rng = np.random.default_rng(0)
        self.times, self.redraws = Times(), Times()
        self.lost = 0

    def timed(self, do: Callable[[], object], times: Times | None = None) -> tuple[float, float]:
        """Time an action until the canvas is drawn."""
        count, busy, wall = self.drawings.count, time.thread_time(), time.perf_counter()
        do()
        self.drawings.scene.update()  # also where no other code asks for a drawing
        until(lambda: self.drawings.count > count)
        taken = (time.thread_time() - busy) * 1000, (time.perf_counter() - wall) * 1000
        if times is not None:
            times.add(*taken)
        return taken

    def stroke(self, erase: bool) -> None:
        """Draw a stroke and check all touched voxels."""
        from qtpy.QtCore import QPoint, Qt
        from qtpy.QtTest import QTest

        binding, canvas = self.window.binding, self.drawings.scene.native
        binding.annotation.layer.mode = "erase" if erase else "paint"  # type: ignore[union-attr]
        middle = np.array([canvas.width(), canvas.height()]) / 2
        at = middle + self.rng.uniform(-0.25, 0.25, 2) * min(canvas.width(), canvas.height())
        path = [QPoint(*(int(p) for p in at))]
        for _ in range(MOVES):
            at = at + self.rng.normal(0, 12, 2)
            path.append(QPoint(*(int(p) for p in at)))
        left, touched, longest = Qt.MouseButton.LeftButton, [], []
        self._move(path[0], Qt.MouseButton.NoButton)
        longest.append(self.timed(lambda: QTest.mousePress(canvas, left, pos=path[0])))
        touched.append(self._voxel())
        for point in path[1:]:
            longest.append(self.timed(lambda point=point: self._move(point, left)))  # type: ignore[misc]
            touched.append(self._voxel())
        longest.append(self.timed(lambda: QTest.mouseRelease(canvas, left, pos=path[-1])))
        self.times.add(max(busy for busy, _ in longest), max(wall for _, wall in longest))
        rest(0.05)
        binding.painting.collect()
        self.lost += not all(self._is(voxel, not erase) for voxel in touched)

    def back_and_forth(self) -> None:
        """Undo and redo the last stroke."""
        session, actions = self.window.session, self.window._actions
        painted = session.state.classes[PAINTED].id
        after = session.state.annotations.get(painted)
        self.timed(actions["undo"].trigger, self.times)
        before = session.state.annotations.get(painted)
        self.timed(actions["redo"].trigger, self.times)
        again = session.state.annotations.get(painted)
        self.lost += before is after or again is None or not again.says_as(after)

    def look_along(self, axis: int) -> None:
        """Turn to a slice in the middle of the volume along an axis."""
        dims = self.window.canvas.model.dims
        dims.order = (axis, *(other for other in range(3) if other != axis))
        dims.set_current_step(axis, int(dims.nsteps[axis] * self.rng.uniform(0.4, 0.6)))
        rest(0.3)

    def _move(self, point: Any, button: Any) -> None:
        from qtpy.QtCore import QEvent, QPointF, Qt
        from qtpy.QtGui import QMouseEvent
        from qtpy.QtWidgets import QApplication

        canvas = self.drawings.scene.native
        at, on_screen = QPointF(point), QPointF(canvas.mapToGlobal(point))
        none = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(
            canvas, QMouseEvent(QEvent.Type.MouseMove, at, on_screen, Qt.MouseButton.NoButton, button, none)
        )

    def _voxel(self) -> tuple[int, int, int]:
        sight = self.window.binding.sight
        return sight.voxel_at(self.window.canvas.model.cursor.position)  # type: ignore[union-attr]

    def _is(self, voxel: tuple[int, int, int], there: bool) -> bool:
        i, j, k = (slice(at, at + 1) for at in voxel)
        state = self.window.session.state
        return bool((fusing.corrected(state, state.classes[PAINTED].id, (i, j, k)) >= 128).item() == there)


def measured(data: Path, slices: int) -> dict[str, object]:
    """All figures for a volume of so many slices."""
    shape = (512, 512, slices)
    with opened(data, shape, KnownAnswers(data)) as window:
        session, painter, classes = window.session, Painter(window), window.session.state.classes
        for _ in range(20):
            painter.timed(lambda: None, painter.redraws)
        before = start_of_memory()
        session.classes.choose(classes[PAINTED].id)
        session.predictions.start([classes[PAINTED].id])
        until(lambda: session.jobs.current is None)
        rest(1.0)
        correct = painter.timed(window.panel.classes.correct_button.click)
        rest(1.0)
        for number in range(STROKES):
            if number == STROKES // 2:
                session.predictions.start([classes[name].id for name in BESIDE])
            if number % 10 == 0:
                painter.look_along(number // 10 % 3)
            painter.stroke(erase=number % 4 == 3)
            if number % 2 == 1:
                painter.back_and_forth()
        until(lambda: session.jobs.current is None)
        peak = highest_memory()
        painter.lost += size_is_wrong(window)
    return {
        "p99": p99(painter.times.busy),
        "median": round(statistics.median(painter.times.busy), 1),
        "longest": round(max(painter.times.busy), 1),
        "wall_p99": p99(painter.times.wall),
        "wall_median": round(statistics.median(painter.times.wall), 1),
        "lost": painter.lost,
        "strokes_undos_redos": len(painter.times.busy),
        "memory_in_volumes": round((peak - before) / (2 * int(np.prod(shape))), 3),
        "correct_ms": round(correct[0], 1),
        "redraw_alone_ms": round(statistics.median(painter.redraws.busy), 1),
        "redraw_alone_wall_ms": round(statistics.median(painter.redraws.wall), 1),
    }


def size_is_wrong(window: "MainWindow") -> int:
    """1 if the class table tells another size than that of the mask."""
    painted = window.session.state.classes[PAINTED].id
    size, voxels = window.session.predictions.volume(painted), int(fusing.mask(window.session.state, painted).sum())
    image = window.session.state.image
    wanted = voxels * image.geometry.voxel_volume / 1000  # type: ignore[union-attr]
    return int(size is None or abs(size.value - wanted) > 1e-6 * wanted)


def start_of_memory() -> int:
    """Bytes in use now; `highest_memory` counts from here."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def highest_memory() -> int:
    """The most bytes in use since `start_of_memory`."""
    return _status("VmHWM")


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def p99(times: list[float]) -> float:
    """The 99th percentile."""
    return round(float(np.percentile(times, 99)), 1)


if __name__ == "__main__":
    typer.run(main)
