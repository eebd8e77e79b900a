"""Strokes as they were drawn, also where the window is busy."""

from napari.components import ViewerModel
from qtpy.QtCore import QCoreApplication, QEvent, QObject, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from condseg_app.qt.graphics import canvas_of
from condseg_app.viewer.annotation import AnnotationLayer

_SHORTEST_MS = 10
"""So much lies between two moves that are looked at; a mouse may report ten times as many."""
_LEAVE_OUT = Qt.ApplicationAttribute.AA_CompressHighFrequencyEvents
_STROKES = ("paint", "erase", "fill")


class EveryMove(QObject):
    """Brings every stroke of the brush to the canvas with the path that the mouse took.

    Under X11 Qt leaves out each move behind which another one waits, even one that belongs to the next stroke: while
    the window was busy, quick strokes came to dots. So nothing is left out while a button is held down, but what comes
    too soon after the move before it. And a press that follows soon on another one is no double-click, which a brush
    would not draw.

    Args:
        viewer: whose canvas it is.
        annotation: the layer that is painted on.
    """

    def __init__(self, viewer: ViewerModel, annotation: AnnotationLayer, parent: QObject) -> None:
        super().__init__(parent)
        self._annotation = annotation
        self._drawing = self._sending = False
        self._waiting: QMouseEvent | None = None
        self._last = 0
        canvas = canvas_of(viewer)
        if canvas is not None:
            canvas.canvas.native.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Look at what the mouse does; True for what the canvas is not to be told, or not yet."""
        if not isinstance(event, QMouseEvent) or self._sending:
            return False
        kind = event.type()
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick):
            return self._begin(watched, event)
        if kind == QEvent.Type.MouseMove and self._drawing:
            return self._move(event)
        if kind == QEvent.Type.MouseButtonRelease and self._drawing:
            self._end(watched)
        return False

    def _begin(self, watched: QObject, event: QMouseEvent) -> bool:
        layer = self._annotation.layer
        if layer is None or layer.mode not in _STROKES:
            return False
        self._drawing, self._waiting, self._last = True, None, event.timestamp()
        QCoreApplication.setAttribute(_LEAVE_OUT, False)
        if event.type() == QEvent.Type.MouseButtonPress:
            return False
        press = QMouseEvent(
            QEvent.Type.MouseButtonPress,
            event.position(),
            event.globalPosition(),
            event.button(),
            event.buttons(),
            event.modifiers(),
        )
        self._send(watched, press)
        return True

    def _move(self, event: QMouseEvent) -> bool:
        too_soon = 0 <= event.timestamp() - self._last < _SHORTEST_MS and event.timestamp() > 0
        self._waiting = event.clone() if too_soon else None
        if not too_soon:
            self._last = event.timestamp()
        return too_soon

    def _end(self, watched: QObject) -> None:
        """Draw up to where the mouse was let go."""
        QCoreApplication.setAttribute(_LEAVE_OUT, True)
        self._drawing = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._send(watched, waiting)

    def _send(self, watched: QObject, event: QMouseEvent) -> None:
        self._sending = True
        try:
            QApplication.sendEvent(watched, event)
        finally:
            self._sending = False
