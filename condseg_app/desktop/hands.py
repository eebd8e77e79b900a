"""Helpers that use widgets as a person does, and find a region to paint."""

import time
from collections.abc import Sequence
from itertools import count

import numpy as np
from qtpy.QtCore import QCoreApplication, QEventLoop, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton

from condseg_app.data import ClassId
from condseg_app.errors import CondsegError
from condseg_app.qt.class_model import Column
from condseg_app.qt.class_view import ClassView
from condseg_app.session import fusing
from condseg_app.session.state import State
from condseg_app.viewer.binding import LayerBinding


def free_name(name: str, names: Sequence[str]) -> str:
    """A name, with a number behind for a name that exists already."""
    taken = {other.casefold() for other in names}
    return next(found for n in count(1) if (found := name if n == 1 else f"{name} {n}") not in taken)


def click(button: QPushButton | None) -> None:
    """Click as a person would: a disabled button cannot be."""
    if button is None or not button.isEnabled():
        name = "a button" if button is None else f"'{button.text()}' cannot be clicked: {button.toolTip()}"
        raise CondsegError(f"{name}")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    spin(0.02)


def spin(seconds: float) -> None:
    """Let the window live for a moment."""
    QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, max(1, int(seconds * 1000)))
    time.sleep(min(seconds, 0.01))
    QApplication.sendPostedEvents()


def busiest(target: np.ndarray, number: int) -> list[int]:
    """Slices with the most to paint, not all next to each other."""
    areas = target.sum(axis=(1, 2)).astype(float)
    chosen: list[int] = []
    for _ in range(min(number, int((areas > 0).sum()))):
        best = int(areas.argmax())
        chosen.append(best)
        areas[max(0, best - 1) : best + 2] = 0
    return chosen


def click_class(table: ClassView, class_id: ClassId) -> None:
    """Click a class's name in the table."""
    index = table.filter.mapFromSource(table.classes.index(table.classes.row_of(class_id), Column.NAME))
    table.scrollTo(index)
    place = table.visualRect(index).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def show_largest(binding: LayerBinding, state: State, classes: Sequence[ClassId]) -> None:
    """Show the slice with the most classes, and of several such slices the slice with the largest area."""
    placement = binding.placement
    if placement is None or placement.ndim == 2:
        return
    areas = np.array([placement.to_display(fusing.mask(state, class_id)).sum(axis=(1, 2)) for class_id in classes])
    show_slice(binding, int(((areas > 0).sum(axis=0) + areas.sum(axis=0) / (areas.sum() + 1)).argmax()))


def show_slice(binding: LayerBinding, index: int) -> None:
    """Show a slice, in its middle."""
    sight = binding.sight
    if sight is not None:
        middle = [n // 2 for n in sight.placement.display_shape]
        sight.go_to(sight.placement.voxel([index, *middle[1:]]))


def region_to_paint(binding: LayerBinding, state: State) -> np.ndarray:
    """The predicted classes together, as displayed; else a box in the middle."""
    placement = binding.placement
    if placement is None:
        raise CondsegError("no image is open")
    union = np.zeros(placement.shape, bool)
    for class_id in filter(state.can_predict, state.classes.ids):
        union |= fusing.mask(state, class_id)
    shown = placement.to_display(union)
    if shown.any():
        return shown
    grid = np.indices(shown.shape).T - (np.array(shown.shape) - 1) / 2
    return np.asarray((np.abs(grid) < np.array(shown.shape) / 8).all(axis=-1)).T


def brush_over(binding: LayerBinding, wanted: np.ndarray, index: int | None, fineness: int) -> None:
    """Brush over a region of a slice with a small round brush.

    Args:
        binding: with the brush in hand.
        wanted: (rows, columns) mask.
        index: the slice; None in 2D.
        fineness: brush widths along the slice's shorter edge.
    """
    layer = binding.annotation.layer
    if layer is None:
        raise CondsegError("the brush was not taken up")
    layer.brush_size = max(1, round(min(wanted.shape) / fineness))
    reach = max(1, int(layer.brush_size) // 2)
    reach = reach if wanted[::reach, ::reach].any() else 1
    with layer.block_history():
        for row, column in np.argwhere(wanted[::reach, ::reach]) * reach:
            at = (row, column) if index is None else (index, row, column)
            layer.paint([float(a) for a in at], layer.selected_label, refresh=False)
    layer.refresh()
