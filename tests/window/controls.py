"""Finds whatever can be used in a window, by walking its widgets, and uses it with events as a person makes them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from napari.qt import QtViewer
from qtpy.QtCore import QEventLoop, QModelIndex, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QAction, QContextMenuEvent, QKeySequence, QShortcut, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QHeaderView,
    QLineEdit,
    QListView,
    QMenu,
    QMenuBar,
    QPlainTextEdit,
    QScrollBar,
    QTabBar,
    QTextEdit,
    QWidget,
)

_LEFT, _RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
_PLAIN = Qt.KeyboardModifier.NoModifier
_ROWS = 4


@dataclass(frozen=True)
class Control:
    """One way to use one thing in a window.

    Attributes:
        place: which widget, the same for the one that takes its place later.
        way: how it is used.
        use: does it.
    """

    place: str
    way: str
    use: Callable[[], object]

    @property
    def name(self) -> str:
        """Place and way."""
        return f"{self.place} [{self.way}]"


Ways = Iterator[tuple[str, Callable[[], object]]]


def pump(milliseconds: int = 25) -> None:
    """Let the loop of events run for a while."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def controls_of(window: QWidget) -> dict[str, Control]:
    """What can be used in a window, by name: everything that is visible and enabled, in other docks' windows too."""
    if isinstance(window, QFileDialog):  # its own parts are Qt's
        return {c.name: c for c in _made(_called(window), _of_file_dialog(window))}
    found = _made(_called(window), _of_shortcuts(window))
    for place, widget in walk(window):
        if widget.isEnabled() and not is_part(widget):
            found += _made(place, ways_of(widget))
    return {control.name: control for control in found}


def walk(widget: QWidget, place: str = "") -> Iterator[tuple[str, QWidget]]:
    """A widget and what is visible in it, each with its place: the names, or else kinds, of what holds it."""
    place = place or _called(widget)
    yield place, widget
    children = [child for child in widget.children() if isinstance(child, QWidget)]
    alike, passed = Counter(map(_called, children)), Counter[str]()
    for child in children:
        name = _called(child)
        passed[name] += 1
        if child.isVisible() and (not child.isWindow() or child.windowType() == Qt.WindowType.Tool):
            yield from walk(child, f"{place}/{name}" if alike[name] == 1 else f"{place}/{name}#{passed[name]}")


def ways_of(widget: QWidget) -> Ways:
    """How a widget can be used."""
    ways = next((ways for kind, ways in _KINDS if isinstance(widget, kind)), None)
    if ways is not None:
        yield from ways(widget)
    elif widget.testAttribute(Qt.WidgetAttribute.WA_SetCursor) and _has_hand(widget):
        yield "click", lambda: _click(widget)
    menus = (Qt.ContextMenuPolicy.CustomContextMenu, Qt.ContextMenuPolicy.ActionsContextMenu)
    if (ways is not None or widget.contextMenuPolicy() in menus) and not isinstance(widget, QMenu):
        yield "right click", lambda: right_click(widget)  # one that does nothing with it hands it on to its parents


def right_click(widget: QWidget, at: QPoint | None = None) -> None:
    """Press and release the right button, and ask for a menu as Qt does then."""
    place = widget.rect().center() if at is None else at
    QTest.mouseClick(widget, _RIGHT, _PLAIN, place)
    reason = QContextMenuEvent.Reason.Mouse
    if widget.isVisible():
        QApplication.sendEvent(widget, QContextMenuEvent(reason, place, widget.mapToGlobal(place)))


def _made(place: str, ways: Ways) -> list[Control]:
    return [Control(place, way, use) for way, use in ways]


def _called(widget: QWidget) -> str:
    return widget.objectName() or type(widget).__name__


def _has_hand(widget: QWidget) -> bool:
    return widget.cursor().shape() == Qt.CursorShape.PointingHandCursor


def is_part(widget: QWidget) -> bool:
    """Whether it is only a part of another control."""
    parent = widget.parentWidget()
    inner = isinstance(widget, QHeaderView) or isinstance(parent, QAbstractSpinBox | QComboBox | QTabBar)
    return inner or (parent is not None and isinstance(parent.parentWidget(), QAbstractItemView))


def _click(widget: QWidget, at: QPoint | None = None) -> None:
    QTest.mouseClick(widget, _LEFT, _PLAIN, widget.rect().center() if at is None else at)


def _keys(widget: QWidget, *keys: Qt.Key) -> None:
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    for key in keys:
        if widget.isVisible():
            QTest.keyClick(widget, key)


def _of_button(button: QAbstractButton) -> Ways:
    yield "click", lambda: _click(button, QPoint(min(12, button.width() // 2), button.height() // 2))
    if button.focusPolicy() & Qt.FocusPolicy.TabFocus:
        yield "space bar", lambda: _keys(button, Qt.Key.Key_Space)


def _of_combo_box(box: QComboBox) -> Ways:
    yield "click", lambda: _click(box)  # its list is a window of its own
    yield "arrow keys", lambda: _keys(box, Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_End)


def _of_slider(slider: QAbstractSlider) -> Ways:
    if slider.findChild(QAbstractSlider) is not None:  # with figures beside it
        return
    for part in (1, 3):
        at = QPoint(slider.width() * part // 4, slider.height() * part // 4)
        yield f"click at {part}/4", lambda at=at: _click(slider, at)  # type: ignore[misc]
    if not isinstance(slider, QScrollBar):
        yield "keys", lambda: _keys(slider, Qt.Key.Key_Right, Qt.Key.Key_PageDown, Qt.Key.Key_Home, Qt.Key.Key_End)


def _of_spin_box(box: QAbstractSpinBox) -> Ways:
    yield "arrow keys", lambda: _keys(box, Qt.Key.Key_Up, Qt.Key.Key_Down)
    for text in ("2", "-70000", "x"):
        yield f"type {text}", lambda text=text: _type(box, text)  # type: ignore[misc]


def _of_line(line: QLineEdit) -> Ways:
    for text in ("a 1", "[/x], <b>", ""):
        yield f"type '{text}'", lambda text=text: _type(line, text)  # type: ignore[misc]


def _type(widget: QWidget, text: str) -> None:
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keySequence(widget, QKeySequence(QKeySequence.StandardKey.SelectAll))
    QTest.keyClick(widget, Qt.Key.Key_Delete)
    QTest.keyClicks(widget, text)
    QTest.keyClick(widget, Qt.Key.Key_Return)


def _of_tabs(bar: QTabBar) -> Ways:
    for number in range(bar.count()):
        yield f"tab {number}", lambda number=number: _click(bar, bar.tabRect(number).center())  # type: ignore[misc]


def _of_items(view: QAbstractItemView) -> Ways:
    model = view.model()
    if model is None:
        return
    nothing = QModelIndex()
    rows = range(model.rowCount(nothing))
    for row in rows if len(rows) <= _ROWS else (0, 1, len(rows) // 2, len(rows) - 1):
        for column in (view.modelColumn(),) if isinstance(view, QListView) else range(model.columnCount(nothing)):
            index = model.index(row, column)
            at = view.visualRect(index).center()
            if not view.viewport().rect().contains(at):
                continue
            yield f"click {row},{column}", lambda at=at: _click(view.viewport(), at)  # type: ignore[misc]
            yield (
                f"double click {row},{column}",
                lambda at=at: QTest.mouseDClick(view.viewport(), _LEFT, _PLAIN, at),  # type: ignore[misc]
            )
            yield f"right click {row},{column}", lambda at=at: right_click(view.viewport(), at)  # type: ignore[misc]
    yield "keys", lambda: _keys(view, Qt.Key.Key_Down, Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_A)
    yield "Delete", lambda: _keys(view, Qt.Key.Key_Delete)


def _of_text(text: QWidget) -> Ways:
    yield "click", lambda: _click(text)


def _of_actions(bar: QMenuBar | QMenu) -> Ways:
    """Entries of a menu bar, which open menus, or of an open menu."""
    for number, action in enumerate(bar.actions()):
        if action.isVisible() and action.isEnabled() and not action.isSeparator():
            at = bar.actionGeometry(action).center()
            title = action.objectName() or action.text() or str(number)
            yield title.replace("&", ""), lambda at=at: _click(bar, at)  # type: ignore[misc]


def _of_viewer(viewer: QtViewer) -> Ways:
    """The canvas with the mouse, and every key that the viewer and the layer in hand listen to."""
    canvas = viewer.canvas.native
    middle = canvas.rect().center()
    away = middle + QPoint(25, 15)
    yield "click", lambda: _click(canvas, middle)
    yield "double click", lambda: QTest.mouseDClick(canvas, _LEFT, _PLAIN, middle)
    for modifier in (_PLAIN, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier):
        yield f"drag {modifier.name}", lambda m=modifier: _drag(canvas, _LEFT, m, middle, away)  # type: ignore[misc]
        yield f"wheel {modifier.name}", lambda m=modifier: _wheel(canvas, m)  # type: ignore[misc]
    yield "drag right", lambda: _drag(canvas, _RIGHT, _PLAIN, middle, away)
    yield "right click", lambda: right_click(canvas, middle)
    own = _keys_of(viewer, None)
    for key in own:
        yield key, lambda key=key: _key_on(viewer, viewer.viewer.layers.selection.active, key)  # type: ignore[misc]
    for kind, layer in {type(layer): layer for layer in viewer.viewer.layers}.items():
        for key in sorted({*_keys_of(viewer, layer)} - {*own}):
            yield f"{key} on {kind.__name__}", lambda key=key, layer=layer: _key_on(viewer, layer, key)  # type: ignore[misc]


_KEYS: dict[type, list[str]] = {}
"""Kind of layer -> the keys that the viewer listens to with such a layer in hand."""


def _keys_of(viewer: QtViewer, layer: object | None) -> list[str]:
    from app_model.backends.qt import QKeyBindingSequence

    if type(layer) in _KEYS:
        return _KEYS[type(layer)]
    handler = viewer._key_map_handler
    before, handler.keymap_providers = (
        handler.keymap_providers,
        [viewer.viewer] if layer is None else [layer, viewer.viewer],
    )
    bound = [key for key in handler.active_keymap if key is not Ellipsis]
    handler.keymap_providers = before
    _KEYS[type(layer)] = sorted({QKeyBindingSequence(key).toString() for key in bound} - {""})
    return _KEYS[type(layer)]


def _key_on(viewer: QtViewer, layer: object | None, key: str) -> None:
    if layer is not None and layer in viewer.viewer.layers:
        viewer.viewer.layers.selection.active = layer
    viewer.canvas.native.setFocus()
    QTest.keySequence(viewer.canvas.native, QKeySequence(key))


def _drag(widget: QWidget, button: Qt.MouseButton, modifier: Qt.KeyboardModifier, start: QPoint, end: QPoint) -> None:
    QTest.mousePress(widget, button, modifier, start)
    for part in (1, 2, 3):
        QTest.mouseMove(widget, start + (end - start) * part / 3)
        pump(5)
    QTest.mouseRelease(widget, button, modifier, end)


def _wheel(widget: QWidget, modifier: Qt.KeyboardModifier) -> None:
    at = QPointF(widget.rect().center())
    where = QPointF(widget.mapToGlobal(widget.rect().center()))
    for turn in (120, -120):
        event = QWheelEvent(
            at, where, QPoint(), QPoint(0, turn), Qt.MouseButton.NoButton, modifier, Qt.ScrollPhase.NoScrollPhase, False
        )
        QApplication.sendEvent(widget, event)


def _of_shortcuts(window: QWidget) -> Ways:
    """The keys of actions and shortcuts, pressed where the focus is."""
    sequences = {action.shortcut().toString() for action in window.findChildren(QAction) if action.isEnabled()}
    sequences |= {shortcut.key().toString() for shortcut in window.findChildren(QShortcut) if shortcut.isEnabled()}
    for sequence in sorted(sequences - {""}):
        yield f"key {sequence}", lambda sequence=sequence: _press(window, sequence)  # type: ignore[misc]
    for key in ("Tab", "Shift+Tab", "Return", "Space", "Esc", "F10"):
        yield f"key {key}", lambda key=key: _press(window, key)  # type: ignore[misc]


def _press(window: QWidget, sequence: str) -> None:
    QTest.keySequence(window.focusWidget() or window, QKeySequence(sequence))


def _of_file_dialog(dialog: QFileDialog) -> Ways:
    yield "cancel", dialog.reject
    for name in FILES:
        yield f"choose {name}", lambda name=name: _choose(dialog, name)  # type: ignore[misc]


def _choose(dialog: QFileDialog, name: str) -> None:
    (line,) = dialog.findChildren(QLineEdit, "fileNameEdit")
    line.setText(name)
    QTest.keyClick(line, Qt.Key.Key_Return)


FILES: list[str] = []
"""What is chosen in dialogs that ask for a file; set by who has made the files."""

_KINDS: tuple[tuple[type | tuple[type, ...], Callable[..., Ways]], ...] = (
    (QAbstractButton, _of_button),
    (QComboBox, _of_combo_box),
    (QAbstractSlider, _of_slider),
    (QAbstractSpinBox, _of_spin_box),
    (QLineEdit, _of_line),
    (QTabBar, _of_tabs),
    (QAbstractItemView, _of_items),
    ((QTextEdit, QPlainTextEdit), _of_text),
    ((QMenuBar, QMenu), _of_actions),
    (QtViewer, _of_viewer),
)
