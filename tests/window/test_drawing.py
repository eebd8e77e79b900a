"""The drawing tools in the real windows: by the button, the class's menu, and keys; with the brush in hand or not."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QMainWindow, QMenu

from condseg_app.data import EVERYWHERE, ChunkedAnnotation, ClassId, Geometry, Image
from condseg_app.qt import Panel
from condseg_app.qt.class_model import Column
from condseg_app.qt.drawing_tools import TOOLS
from condseg_app.qt.number_dialog import NumberDialog
from condseg_app.session import fusing
from tests.classes import id_of
from tests.window.test_keyboard import press

Mask = NDArray[np.bool_]
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


def liver(panel: Panel) -> ClassId:
    return id_of(panel.session, "liver")


def put(panel: Panel, mask: Mask) -> None:
    """Annotate the current class."""
    panel.session.classes.choose(liver(panel))
    panel.session.annotations.put(liver(panel), ChunkedAnnotation.of(mask, mask))


def ring(panel: Panel) -> Mask:
    """A box with a hole, and a speck apart."""
    mask = np.zeros(panel.session.state.opened_image().geometry.shape, bool)
    mask[1:4, 1:4, 1:4] = True
    mask[2, 2, 2] = False
    mask[6, 5, 4] = True
    put(panel, mask)
    return mask


def shown(panel: Panel) -> Mask:
    assert panel.session.wait(20)
    return fusing.mask(panel.session.state, liver(panel))


def on_screen(panel: Panel) -> Mask:
    """The mask with the view's slices first."""
    assert panel.binding.placement is not None
    mask: Mask = panel.binding.placement.to_display(shown(panel))
    return np.moveaxis(mask, panel.binding.viewer.dims.order[0], 0)


def open_menu(panel: Panel, qtbot: QtBot) -> QMenu:
    qtbot.mouseClick(panel.classes.tools_button, Qt.MouseButton.LeftButton)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def choose(menu: QMenu, key: str, qtbot: QtBot) -> None:
    (action,) = (action for action in menu.actions() if action.objectName() == key)
    qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())


def test_the_button_s_menu_has_every_tool_and_uses_it(window: QMainWindow, panel: Panel, qtbot: QtBot) -> None:
    before = ring(panel)
    menu = open_menu(panel, qtbot)
    assert [action.objectName() for action in menu.actions() if action.objectName()] == [
        entry.key for entry in TOOLS if entry is not None
    ]
    assert all(action.isEnabled() and (action.isSeparator() or action.toolTip()) for action in menu.actions())
    choose(menu, "fill_holes", qtbot)
    assert shown(panel).sum() == before.sum() + 1
    assert panel.job.notice.full_text() == "Fill holes (liver): voxels added: 1."
    panel.session.undo()
    np.testing.assert_array_equal(shown(panel), before)


def test_a_number_is_asked_for_with_its_unit_and_remembered(window: QMainWindow, panel: Panel, qtbot: QtBot) -> None:
    before = ring(panel)
    choose(open_menu(panel, qtbot), "grow", qtbot)
    dialog = panel.findChild(NumberDialog)
    assert dialog is not None
    assert dialog.boxes[0].suffix() == " mm"
    assert dialog.boxes[0].value() == 1.0, "the finest spacing"
    dialog.boxes[0].setValue(2.0)
    qtbot.mouseClick(dialog.ok, Qt.MouseButton.LeftButton)
    assert shown(panel).sum() > before.sum()
    qtbot.waitUntil(lambda: panel.findChild(NumberDialog) is None)
    choose(open_menu(panel, qtbot), "shrink", qtbot)
    (shrink,) = panel.findChildren(NumberDialog)
    assert shrink.boxes[0].value() == 1.0
    shrink.reject()
    qtbot.waitUntil(lambda: panel.findChild(NumberDialog) is None)
    choose(open_menu(panel, qtbot), "grow", qtbot)
    (again,) = panel.findChildren(NumberDialog)
    assert again.boxes[0].value() == 2.0
    again.reject()
    panel.session.undo()
    np.testing.assert_array_equal(shown(panel), before)


def test_sizes_and_intensities_are_asked_for_as_the_image_has_them(
    window: QMainWindow, panel: Panel, qtbot: QtBot
) -> None:
    before = ring(panel)
    choose(open_menu(panel, qtbot), "remove_small", qtbot)
    (dialog,) = panel.findChildren(NumberDialog)
    assert dialog.boxes[0].suffix() == " ml"
    assert dialog.boxes[0].value() == pytest.approx(0.6), "a hundred voxels of 6 mm3"
    dialog.boxes[0].setValue(0.02)
    dialog.accept()
    assert shown(panel).sum() == before.sum() - 1
    qtbot.waitUntil(lambda: panel.findChild(NumberDialog) is None)
    choose(open_menu(panel, qtbot), "keep_range", qtbot)
    (asked,) = panel.findChildren(NumberDialog)
    asked.boxes[0].setValue(2)
    asked.boxes[1].setValue(3)
    asked.accept()
    voxels = panel.session.state.opened_image().voxels()[0]
    assert (voxels[shown(panel)] >= 2).all()


def test_the_class_s_menu_has_them_too(window: QMainWindow, panel: Panel) -> None:
    ring(panel)
    menu = panel.classes.table.menu_for(liver(panel))
    (tools,) = menu.findChildren(QMenu, "tools_menu")
    assert tools.menuAction() in menu.actions()
    assert tools.menuAction().isEnabled()
    (largest,) = (action for action in tools.actions() if action.objectName() == "keep_largest")
    largest.trigger()
    assert not shown(panel)[6, 5, 4]
    panel.session.classes.set_locked(liver(panel), True)
    other = panel.classes.table.menu_for(liver(panel))
    (disabled,) = other.findChildren(QMenu, "tools_menu")
    assert not disabled.menuAction().isEnabled()
    menu.close()
    other.close()


@pytest.mark.parametrize("rolls", range(3))
def test_slices_are_copied_along_the_view(window: QMainWindow, panel: Panel, rolls: int) -> None:
    viewer = panel.binding.viewer
    for _ in range(rolls):
        viewer.dims.roll()
    axis = viewer.dims.order[0]
    viewer.dims.set_current_step(axis, 2)
    mask = np.zeros(panel.session.state.opened_image().geometry.shape, bool)
    placement = panel.binding.placement
    assert placement is not None
    placement.to_display(mask)[(slice(None),) * axis + (2,)] = True
    mask[0] = mask[:, 0] = mask[:, :, 0] = False
    put(panel, mask)
    panel.keyboard.focus_viewer()
    for key, step in ((Qt.Key.Key_Right, 3), (Qt.Key.Key_Right, 4), (Qt.Key.Key_Left, 3)):
        press(key, SHIFT)
        after = on_screen(panel)
        np.testing.assert_array_equal(after[step], after[2])
        assert viewer.dims.current_step[axis] == step
    assert not on_screen(panel)[:2].any()


def test_keys_use_the_tools_with_the_brush_in_hand(window: QMainWindow, panel: Panel, qtbot: QtBot) -> None:
    before = ring(panel)
    qtbot.mouseClick(panel.classes.correct_button, Qt.MouseButton.LeftButton)
    draft = panel.binding.annotation.draft
    assert draft is not None
    panel.keyboard.focus_viewer()
    press(Qt.Key.Key_F, SHIFT)
    filled = shown(panel)
    assert filled[2, 2, 2]
    np.testing.assert_array_equal(draft.shown(EVERYWHERE), filled)
    press(Qt.Key.Key_L, SHIFT)
    largest = shown(panel)
    np.testing.assert_array_equal(draft.shown(EVERYWHERE), largest)
    assert not draft.shown(EVERYWHERE)[6, 5, 4]
    press(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(draft.shown(EVERYWHERE), filled)
    press(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(draft.shown(EVERYWHERE), before)
    assert panel.binding.annotation.class_id == liver(panel)


def test_painting_that_is_under_way_is_used_and_never_lost(window: QMainWindow, panel: Panel, qtbot: QtBot) -> None:
    ring(panel)
    qtbot.mouseClick(panel.classes.correct_button, Qt.MouseButton.LeftButton)
    draft = panel.binding.annotation.draft
    assert draft is not None
    one = np.full((1, 1, 1), draft.value, draft.dtype)
    draft.write((slice(5, 6), slice(5, 6), slice(4, 5)), one)  # not in the session yet
    panel.keyboard.focus_viewer()
    press(Qt.Key.Key_F, SHIFT)
    panel.binding.annotation.stroking = True
    draft.write((slice(5, 6), slice(0, 1), slice(0, 1)), one)  # while the tool is at work
    assert shown(panel)[5, 5, 4]
    assert draft.shown(EVERYWHERE)[5, 0, 0]
    assert not shown(panel)[2, 2, 2]
    assert "was dropped" in panel.job.notice.full_text()
    panel.binding.annotation.stroking = False
    press(Qt.Key.Key_F, SHIFT)
    assert shown(panel)[[5, 5, 2], [5, 0, 2], [4, 0, 2]].all()


def test_between_painted_slices_the_class_is_filled_in(window: QMainWindow, panel: Panel) -> None:
    mask = np.zeros(panel.session.state.opened_image().geometry.shape, bool)
    mask[1:5, 1:5, [0, 4]] = True  # the view's slices are along K
    put(panel, mask)
    panel.keyboard.focus_viewer()
    press(Qt.Key.Key_I, SHIFT)
    assert shown(panel)[1:5, 1:5].all()


def test_in_3d_a_slice_is_asked_for_and_the_others_work(window: QMainWindow, panel: Panel) -> None:
    before = ring(panel)
    panel.binding.viewer.dims.ndisplay = 3
    panel.keyboard.focus_viewer()
    press(Qt.Key.Key_Right, SHIFT)
    assert panel.job.notice.full_text() == "Turn to 2D first: in 3D no single slice is in view."
    np.testing.assert_array_equal(shown(panel), before)
    press(Qt.Key.Key_F, SHIFT)
    assert shown(panel)[2, 2, 2]


def test_on_a_picture(window: QMainWindow, panel: Panel, stage: Any, qtbot: QtBot) -> None:
    panel.session.images.show(Image(np.zeros((1, 9, 8, 1), np.uint8), Geometry.of_picture(9, 8), "photo"))
    mask = np.zeros((9, 8, 1), bool)
    mask[1:6, 1:6] = True
    mask[3, 3] = False
    put(panel, mask)
    menu = open_menu(panel, qtbot)
    impossible = {action.objectName(): action.toolTip() for action in menu.actions() if not action.isEnabled()}
    assert set(impossible) == {"fill_holes_2d", "fill_between", "copy_next", "copy_before"}
    assert set(impossible.values()) == {"A 2D image has no depth"}
    choose(menu, "fill_holes", qtbot)
    assert shown(panel)[3, 3, 0]
    choose(open_menu(panel, qtbot), "shrink", qtbot)
    (dialog,) = panel.findChildren(NumberDialog)
    assert dialog.boxes[0].suffix() == " px"
    dialog.accept()
    assert shown(panel).sum() == 9
    press(Qt.Key.Key_I, SHIFT)
    assert panel.job.notice.full_text() == "A 2D image has no depth."


def test_without_a_mask_each_tool_says_why(window: QMainWindow, panel: Panel, qtbot: QtBot) -> None:
    button = panel.classes.tools_button
    assert not button.isEnabled()
    assert button.toolTip() == "Choose a class in the table first"
    panel.session.classes.choose(liver(panel))
    assert button.toolTip().endswith(" (Alt+C)")
    menu = open_menu(panel, qtbot)
    tools = [action for action in menu.actions() if action.objectName()]
    assert not any(action.isEnabled() for action in tools)
    assert "has no mask on this image yet" in tools[0].toolTip()
    menu.close()


def test_a_locked_class_is_neither_painted_nor_drawn_nor_covered(
    window: QMainWindow, panel: Panel, qtbot: QtBot
) -> None:
    before, spleen = ring(panel), id_of(panel.session, "spleen")
    qtbot.mouseClick(panel.classes.correct_button, Qt.MouseButton.LeftButton)
    lock_by_menu(panel)
    assert panel.binding.annotation.class_id is None, "the brush is put down"
    assert panel.classes.table.classes.index(0, Column.NAME).data(Qt.ItemDataRole.DecorationRole) is not None
    for button in (panel.classes.correct_button, panel.classes.tools_button):
        assert not button.isEnabled()
        assert "Liver is locked" in button.toolTip() or "liver is locked" in button.toolTip()
    panel.keyboard.focus_viewer()
    press(Qt.Key.Key_F, SHIFT)
    assert "liver is locked" in panel.job.notice.full_text()
    press(Qt.Key.Key_K)
    assert "liver is locked" in panel.job.notice.full_text()
    panel.session.classes.choose(spleen)
    panel.binding.begin_painting(spleen)
    layer = panel.binding.annotation.layer
    assert layer is not None
    layer.data[...] = layer.selected_label  # as all of napari's tools write
    panel.binding.painting.collect()
    np.testing.assert_array_equal(fusing.mask(panel.session.state, spleen), ~before)
    np.testing.assert_array_equal(shown(panel), before)
    lock_by_menu(panel)
    panel.session.classes.choose(liver(panel))
    assert panel.classes.correct_button.isEnabled()


def test_a_stroke_over_a_locked_class_leaves_no_trace_on_screen(
    window: QMainWindow, panel: Panel, qtbot: QtBot
) -> None:
    before, spleen = ring(panel), id_of(panel.session, "spleen")
    panel.session.classes.set_locked(liver(panel), True)
    panel.session.classes.choose(spleen)
    panel.binding.begin_painting(spleen)
    layer, placement = panel.binding.annotation.layer, panel.binding.placement
    assert layer is not None
    assert placement is not None
    displayed = placement.to_display(before)
    step = int(np.flatnonzero(displayed.any(axis=(1, 2)))[1])
    panel.binding.viewer.dims.set_current_step(0, step)
    layer.brush_size = 20
    layer.paint((step, 2, 3), layer.selected_label)
    qtbot.waitUntil(lambda: "were left alone" in panel.job.notice.full_text())
    np.testing.assert_array_equal(layer._slice.image.raw > 0, ~displayed[step])


def lock_by_menu(panel: Panel) -> None:
    """Lock or unlock the liver."""
    menu = panel.classes.table.menu_for(liver(panel))
    (lock,) = (action for action in menu.actions() if action.objectName() == "lock")
    lock.trigger()
    menu.close()


def test_drawing_is_confined_by_the_menu(window: QMainWindow, panel: Panel, qtbot: QtBot) -> None:
    before, spleen = ring(panel), id_of(panel.session, "spleen")
    panel.session.annotations.put(spleen, ChunkedAnnotation.of(~before, ~before))

    def confine(text: str) -> None:
        menu = open_menu(panel, qtbot)
        (areas,) = menu.findChildren(QMenu, "areas_menu")
        (area,) = (action for action in areas.actions() if action.text() == text)
        assert not area.isChecked()
        area.trigger()
        menu.close()

    confine("Where no other class is")
    press(Qt.Key.Key_F, SHIFT)
    assert not shown(panel)[2, 2, 2], "the spleen is there"
    assert panel.job.notice.full_text() == "Fill holes (liver): voxels left alone: 1."
    confine("Inside spleen")
    press(Qt.Key.Key_L, SHIFT)
    assert shown(panel)[6, 5, 4], "it is outside of the spleen"
    press(Qt.Key.Key_F, SHIFT)
    assert shown(panel)[2, 2, 2]
    confine("Everywhere")
    press(Qt.Key.Key_L, SHIFT)
    assert not shown(panel)[6, 5, 4]
