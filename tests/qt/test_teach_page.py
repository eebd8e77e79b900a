from typing import Any

import numpy as np
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

from condseg_app.data import Annotation
from condseg_app.qt import Panel
from condseg_app.qt.teach_page import marked_text

LEFT = Qt.MouseButton.LeftButton


def paint(panel: Panel, name: str) -> None:
    """A stroke with the real brush, on the slice in view."""
    panel.show_teach(name)
    if panel.binding.annotation.class_name != name:
        panel.teach.paint.click()
    layer = panel.binding.annotation.layer
    assert layer is not None
    layer.brush_size = 3
    layer.paint((2, 3, 3), panel.session.classes[name].value)
    panel.binding.collect()


def job_state(panel: Panel) -> str:
    assert panel.session.job is not None
    return panel.session.job.state


def test_what_is_marked_is_told(panel: Panel) -> None:
    panel.session.add_class("lesion")
    panel.show_teach("lesion")
    page = panel.teach
    assert page.which.currentText() == "lesion"
    assert page.marked.text() == "nothing yet"
    assert not page.start.isEnabled()
    assert "paint it on a few slices" in page.start.toolTip()
    paint(panel, "lesion")
    assert page.marked.text().endswith("on 1 slice")
    assert page.start.isEnabled()


def test_complete_marks_the_slice_then_the_volume(qtbot: QtBot, panel: Panel) -> None:
    paint(panel, "liver")
    qtbot.mouseClick(panel.teach.slice_done, LEFT)
    assert panel.teach.marked.text().endswith("on 1 slice, 1 complete")
    qtbot.mouseClick(panel.teach.volume_done, LEFT)
    assert panel.teach.marked.text().endswith("the whole image is complete")
    panel.session.undo()
    assert panel.teach.marked.text().endswith("on 1 slice, 1 complete")


def test_complete_works_without_a_stroke(qtbot: QtBot, panel: Panel) -> None:
    """A class that is absent is declared so."""
    panel.show_teach("liver")
    qtbot.mouseClick(panel.teach.slice_done, LEFT)
    assert panel.session.annotations["liver"].state == "absent"


def test_in_3d_no_slice_can_be_complete(qtbot: QtBot, panel: Panel, stage: Any) -> None:
    panel.show_teach("liver")
    panel.binding.viewer.dims.ndisplay = 3
    qtbot.mouseClick(panel.teach.slice_done, LEFT)
    assert "liver" not in panel.session.annotations
    assert "2D" in stage.notices[-1]


def test_a_lesson_from_start_to_acceptance(qtbot: QtBot, panel: Panel, stage: Any) -> None:
    panel.session.add_class("lesion")
    paint(panel, "lesion")
    page = panel.teach
    page.steps.setValue(3)
    qtbot.mouseClick(page.start, LEFT)
    assert page.pause.isEnabled()
    qtbot.waitUntil(lambda: panel.session.lesson is not None, timeout=20_000)
    lesson = stage.tools.lessons[-1]
    assert lesson.steps == 3
    assert lesson.entry.name == "lesion"
    assert page.curves._values["lesion"] == ([1, 2, 3], [0.5] * 3)
    assert page.curves._values[""][0] == [1, 2, 3]
    cells = [[page.changes.item(row, column) for column in range(4)] for row in range(page.changes.rowCount())]
    rows = [[cell.text() for cell in row if cell is not None] for row in cells]
    assert rows[0] == ["lesion", "–", "0.75", "new"]
    assert rows[1] == ["liver", "1.00", "0.75", "-0.25"]
    assert "Worse than before: liver" in page.verdict.text()
    qtbot.mouseClick(page.accept, LEFT)
    assert panel.session.can_predict("lesion")
    assert not page.result.isVisible()


def test_a_lesson_can_be_discarded(qtbot: QtBot, panel: Panel) -> None:
    paint(panel, "liver")
    panel.teach.steps.setValue(1)
    qtbot.mouseClick(panel.teach.start, LEFT)
    qtbot.waitUntil(lambda: panel.session.lesson is not None, timeout=20_000)
    lesson = panel.session.lesson
    assert lesson is not None
    assert lesson.path.exists()
    qtbot.mouseClick(panel.teach.discard, LEFT)
    assert not lesson.path.exists()


def test_a_lesson_can_be_paused_and_stopped(qtbot: QtBot, panel: Panel, stage: Any) -> None:
    paint(panel, "liver")
    panel.teach.steps.setValue(100_000)
    qtbot.mouseClick(panel.teach.start, LEFT)
    qtbot.mouseClick(panel.teach.pause, LEFT)
    assert job_state(panel) == "paused"
    assert panel.teach.pause.text() == "Go on"
    qtbot.mouseClick(panel.teach.pause, LEFT)
    assert job_state(panel) == "running"
    qtbot.mouseClick(panel.teach.stop, LEFT)
    assert panel.session.job is None
    assert panel.session.lesson is None
    assert "nothing was saved" in stage.notices[-1]


def test_marked_text_counts_across_the_axis_that_was_painted() -> None:
    mask = np.zeros((5, 6, 7), bool)
    supervised = mask.copy()
    supervised[:, 2] = True
    supervised[0, 4, 0] = True
    mask[1, 2, 3] = mask[0, 4, 0] = True
    assert marked_text(Annotation("x", mask, supervised)) == "2 voxels on 2 slices, 1 complete"
    flat = Annotation("x", mask[:, :, 3:4], supervised[:, :, 3:4])
    assert marked_text(flat) == "1 pixel"
    assert marked_text(None) == "nothing yet"
