"""Strokes on a large volume, with the mouse and the keys: none is lost, and each costs what it touches."""

from typing import Any

import numpy as np
import psutil
import pytest
from napari.layers import Labels
from napari.qt import QtViewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget

from condseg_app.data import ChunkedAnnotation, ClassLevels, Geometry, Image, Region
from condseg_app.data.chunked_annotation import PRESENT
from condseg_app.qt import Panel
from tests.classes import id_of, ids_of

SHAPE = (512, 512, 300)
SLICE = SHAPE[0] * SHAPE[1]
LEFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier


class Brush:
    """The mouse over the canvas, with Correct clicked."""

    def __init__(self, window: QMainWindow, panel: Panel, qtbot: QtBot) -> None:
        (viewer,) = window.findChildren(QtViewer)
        self.canvas: QWidget = viewer.canvas.native
        self.panel, self.session, self.viewer, self.qtbot = panel, panel.session, panel.binding.viewer, qtbot
        self.session.classes.choose(id_of(self.session, "liver"))
        qtbot.mouseClick(panel.classes.correct_button, LEFT)
        assert panel.binding.annotation.layer is not None
        self.layer: Labels = panel.binding.annotation.layer

    def send(
        self, kind: QEvent.Type, point: QPoint, button: Qt.MouseButton, held: Qt.MouseButton, time: int = 0
    ) -> None:
        none = Qt.KeyboardModifier.NoModifier
        event = QMouseEvent(kind, QPointF(point), QPointF(self.canvas.mapToGlobal(point)), button, held, none)
        event.setTimestamp(time)
        QApplication.sendEvent(self.canvas, event)

    def stroke(self, start: tuple[int, int], moves: int = 8, step: tuple[int, int] = (9, 5)) -> list[tuple[int, ...]]:
        """Draw from a point beside the middle of the canvas; the voxels that the mouse was on."""
        no = Qt.MouseButton.NoButton
        points = [self.middle + QPoint(start[0] + n * step[0], start[1] + n * step[1]) for n in range(moves + 1)]
        self.send(QEvent.Type.MouseMove, points[0], no, no)
        self.send(QEvent.Type.MouseButtonPress, points[0], LEFT, LEFT)
        passed = [self.voxel()]
        for point in points[1:]:
            self.send(QEvent.Type.MouseMove, point, no, LEFT)
            passed.append(self.voxel())
        self.send(QEvent.Type.MouseButtonRelease, points[-1], LEFT, no)
        return passed

    def click(self, at: tuple[int, int]) -> None:
        self.stroke(at, moves=0)

    @property
    def middle(self) -> QPoint:
        return self.canvas.rect().center()

    def voxel(self) -> tuple[int, ...]:
        sight = self.panel.binding.sight
        assert sight is not None
        return sight.voxel_at(self.viewer.cursor.position)

    def marked(self) -> ChunkedAnnotation:
        """What the session has by now."""
        self.panel.binding.painting.collect()
        return self.session.state.annotations.get(id_of(self.session, "liver"), ChunkedAnnotation.empty(SHAPE))

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        self.canvas.setFocus()
        self.qtbot.keyClick(self.canvas, key, modifier)


class Work:
    """Counts the voxels that are looked at."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.voxels = 0
        for owner, name in ((ChunkedAnnotation, "read"), (ChunkedAnnotation, "edited"), (ClassLevels, "read")):
            patch.setattr(owner, name, self._counting(getattr(owner, name)))

    def _counting(self, do: Any) -> Any:
        def counted(own: Any, region: Region, *rest: Any) -> Any:
            ends = [part.indices(n)[:2] for part, n in zip(region, own.shape, strict=True)]
            self.voxels += int(np.prod([stop - start for start, stop in ends]))
            return do(own, region, *rest)

        return counted


def says(annotation: ChunkedAnnotation, voxel: tuple[int, ...]) -> int:
    i, j, k = (slice(at, at + 1) for at in voxel)
    return int(annotation.read((i, j, k)).item())


@pytest.fixture
def brush(window: QMainWindow, panel: Panel, qtbot: QtBot) -> Brush:
    voxels = np.broadcast_to(np.int16(0), (1, *SHAPE))
    panel.session.images.show(Image(voxels, Geometry.with_spacing(SHAPE, (1.0, 1.0, 1.0)), "large"))
    return Brush(window, panel, qtbot)


def test_correct_adds_no_layer_and_the_unused_layer_is_not_listed(
    window: QMainWindow, panel: Panel, qtbot: QtBot
) -> None:
    binding, (viewer,) = panel.binding, window.findChildren(QtViewer)
    layers = binding.viewer.layers
    qtbot.waitUntil(lambda: len(layers) == 2)
    kept = layers[-1]
    assert (kept.name, kept.editable) == ("brush", False)
    qtbot.waitUntil(lambda: not kept.visible)

    def listed() -> list[str]:
        return [layer.name for row, layer in enumerate(reversed(layers)) if not viewer.layers.isRowHidden(row)]

    added: list[object] = []
    colored: list[object] = []
    assert listed() == [layers[0].name]
    panel.session.predictions.start(ids_of(panel.session, ["liver"]))
    assert panel.session.wait(20)
    layers.events.inserted.connect(added.append)
    kept.events.colormap.connect(colored.append)
    for name in ("liver", "spleen"):
        panel.session.classes.choose(id_of(panel.session, name))
        qtbot.mouseClick(panel.classes.correct_button, LEFT)
        assert binding.annotation.layer is layers[-1] is layers.selection.active is kept
        assert (kept.visible, kept.mode, kept.selected_label) == (
            True,
            "paint",
            panel.session.state.classes[name].value,
        )
        assert listed() == [f"{name}, annotation", "all classes", layers[0].name]
        kept.paint((2, 3, 3), kept.selected_label)
        qtbot.mouseClick(panel.classes.correct_button, LEFT)
        assert panel.session.state.annotations[id_of(panel.session, name)].state == "present"
        assert listed() == ["all classes", layers[0].name]
        kept.undo()
        assert not np.asarray(kept.data).any(), "an unused layer has nothing to undo"
    assert (added, colored) == ([], [])
    layers.remove(kept)  # as by 'select all' and 'delete'
    qtbot.mouseClick(panel.classes.correct_button, LEFT)
    assert binding.annotation.layer is layers[-1]


def test_correct_lets_napari_s_controls_follow_once_and_draws_the_map_in_a_later_moment(
    window: QMainWindow, panel: Panel, qtbot: QtBot
) -> None:
    binding = panel.binding
    seen: list[object] = []
    panel.session.predictions.start(ids_of(panel.session, ["liver"]))
    assert panel.session.wait(20)
    panel.session.classes.choose(id_of(panel.session, "liver"))
    qtbot.waitUntil(lambda: binding.results.class_map.layer is not None and not binding._redraw.pending)
    binding.viewer.layers.selection.events.active.connect(lambda event: seen.append(event.value))
    binding.viewer.layers.selection.events.changed.connect(lambda event: seen.append(event.added))
    drawn = binding.results.class_map.layer
    assert drawn is not None
    drawn.events.set_data.connect(lambda event: seen.append("map"))
    panel.classes.correct_button.click()
    kept = binding.annotation.layer
    assert seen == [kept, {kept}]
    qtbot.waitUntil(lambda: seen[2:] == ["map"])


def test_the_brush_s_circle_has_no_box(brush: Brush) -> None:
    overlay = brush.viewer.canvas.overlays._brush_circle
    (viewer,) = brush.panel.window().findChildren(QtViewer)
    brush.layer.brush_size = 60
    brush.viewer.mouse_over_canvas = True
    brush.qtbot.waitUntil(lambda: overlay.visible and overlay in viewer.canvas._viewer_overlay_to_visual)
    (drawn,) = viewer.canvas._viewer_overlay_to_visual[overlay]
    assert drawn.box.parent is None


def test_a_press_of_the_brush_does_not_draw_the_scene_once_more_to_find_its_target(
    brush: Brush, monkeypatch: pytest.MonkeyPatch
) -> None:
    (viewer,) = brush.panel.window().findChildren(QtViewer)
    searched: list[object] = []
    monkeypatch.setattr(viewer.canvas._scene_canvas, "visual_at", searched.append)
    brush.stroke((0, 0))
    assert brush.marked().present > 0
    assert searched == []
    brush.layer.mode = "pan_zoom"
    brush.click((0, 0))
    assert len(searched) == 1, "the view is moved"


def test_quick_strokes_are_all_there_and_cost_what_they_touch(brush: Brush, monkeypatch: pytest.MonkeyPatch) -> None:
    brush.click((0, 0))  # makes the map of classes, too
    work, passed = Work(monkeypatch), [brush.voxel()]
    for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):  # in each plane
        brush.viewer.dims.order = order
        QApplication.processEvents()
        for n in range(4):
            before = work.voxels
            passed += brush.stroke((-90 + 40 * n, -60 + 25 * n))
            assert work.voxels - before < SLICE, "of 300 slices"
    marked = brush.marked()
    assert all(says(marked, voxel) == PRESENT for voxel in passed)
    size = brush.session.predictions.volume(id_of(brush.session, "liver"))
    assert size is not None
    assert size.value == pytest.approx(marked.mask.sum() / 1000)


def test_undo_and_redo_bring_back_what_there_was_and_cost_slices(brush: Brush, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, draft = [brush.marked()], brush.panel.binding.annotation.draft
    assert draft is not None
    for n in range(3):
        brush.stroke((-90 + 60 * n, -60))
        kept.append(brush.marked())
    assert len({annotation.present for annotation in kept}) == 4
    work = Work(monkeypatch)
    for step in (2, 1, 0, 1, 2, 3):
        redone = step > 0 and draft.annotation.present < kept[step].present
        brush.key(Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier if redone else CONTROL)
        QApplication.processEvents()
        assert draft.annotation.says_as(kept[step])
        assert brush.marked().says_as(kept[step])
    assert work.voxels < 6 * 8 * SLICE


def test_every_tool_s_marks_reach_the_session(brush: Brush) -> None:
    for key in (Qt.Key.Key_2, Qt.Key.Key_1, Qt.Key.Key_4):
        brush.key(key)
    assert brush.layer.mode == "fill"
    brush.click((0, 0))
    assert brush.marked().present == SLICE, "the bucket has filled the slice"
    brush.layer.mode = "erase"
    passed = brush.stroke((-50, 20))
    erased = brush.marked()
    assert not any(says(erased, voxel) == PRESENT for voxel in passed)
    z = brush.viewer.dims.current_step[0]
    brush.layer.paint_polygon([[z, 100, 100], [z, 100, 140], [z, 140, 140]], 0)
    before = brush.marked()
    assert before.present < erased.present
    brush.layer.n_edit_dimensions = 3
    brush.layer.mode = "paint"
    brush.layer.brush_size = 20
    brush.click((60, 60))
    slices = np.flatnonzero(brush.marked().present_on[2])
    assert np.ptp(slices) > 15, "a ball goes through several slices"
    brush.layer.undo()  # napari's own
    assert brush.marked().says_as(before)


def test_strokes_that_come_at_once_from_a_busy_window_keep_their_path(brush: Brush) -> None:
    """As Qt hands them on when the window was busy: two strokes with a corner, the second begun like a double-click."""
    no, start = Qt.MouseButton.NoButton, brush.middle - QPoint(100, 100)
    corners = [start + QPoint(0, 120), start + QPoint(120, 120)]
    seen = []
    for point in (start, *corners):
        brush.send(QEvent.Type.MouseMove, point, no, no)
        brush.qtbot.wait(30)
        seen.append(brush.voxel())
    time = 1000
    for press in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
        brush.send(press, start, LEFT, LEFT, time)
        for n in range(1, 25):
            at = start + (QPoint(0, 10 * n) if n <= 12 else QPoint(10 * (n - 12), 120))
            time += 8
            brush.send(QEvent.Type.MouseMove, at, no, LEFT, time)
        brush.send(QEvent.Type.MouseButtonRelease, corners[-1], LEFT, no, time + 1)
        brush.qtbot.waitUntil(lambda: not brush.panel.moves.is_behind, timeout=20_000)
        brush.qtbot.wait(30)
        assert [says(brush.marked(), voxel) for voxel in seen] == [PRESENT] * 3
        brush.panel.binding.painting.undo()
        assert brush.marked().present == 0
    assert brush.panel.window().updatesEnabled()


def test_moves_of_the_mouse_leave_no_memory_in_use(brush: Brush) -> None:
    no, used = Qt.MouseButton.NoButton, []
    for _ in range(3):
        for time in range(1, 10_001):
            brush.send(QEvent.Type.MouseMove, brush.middle, no, no, time)
        used.append(psutil.Process().memory_info().rss)
    assert used[2] - used[1] < 1_000_000, "a copy of each move would be 3.7 MB"


def test_a_stroke_is_one_step_for_undo(brush: Brush) -> None:
    binding = brush.panel.binding
    no, points = Qt.MouseButton.NoButton, [brush.middle + QPoint(6 * n, 0) for n in range(9)]
    brush.send(QEvent.Type.MouseMove, points[0], no, no)
    brush.send(QEvent.Type.MouseButtonPress, points[0], LEFT, LEFT)
    for point in points:
        brush.send(QEvent.Type.MouseMove, point, no, LEFT)
        binding.flush()
        assert id_of(brush.session, "liver") not in brush.session.state.annotations
    brush.send(QEvent.Type.MouseButtonRelease, points[-1], LEFT, no)
    binding.flush()
    assert brush.session.state.annotations[id_of(brush.session, "liver")].state == "present"
    binding.painting.undo()
    assert id_of(brush.session, "liver") not in brush.session.state.annotations
