"""Complete brush strokes, also while the window is busy."""

import time
from collections import deque

from napari.components import ViewerModel
from qtpy.QtCore import QCoreApplication, QEvent, QObject, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QWidget

from condseg_app.qt.connections import delay
from condseg_app.qt.graphics import canvas_of
from condseg_app.viewer import AnnotationLayer

_SHORTEST_MS = 11
"""Time between two moves. vispy drops moves within 10 ms, and a mouse may report ten times as many."""
_BEHIND, _UNDRAWN_SECONDS = 4, 0.2
"""Number of waiting moves from which the window is behind, and pause of drawing then."""
_LEAVE_OUT = Qt.ApplicationAttribute.AA_CompressHighFrequencyEvents
_STROKES = ("paint", "erase", "fill")
_MOVE, _PRESS, _AGAIN, _RELEASE = (
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseButtonDblClick,
    QEvent.Type.MouseButtonRelease,
)


class EveryMove(QObject):
    """Brings every stroke of the brush to the canvas with the path that the mouse took.

    While the window is busy, moves of the mouse queue up, and three parts then drop some: Qt under X11 drops each
    move that has another behind, even a move of the next stroke; vispy and napari drop moves within some
    milliseconds. Quick strokes came to dots. With the brush in hand Qt therefore drops nothing, and the moves are
    passed on one after another, with a mouse's usual time between. A press soon after another press is passed on
    as a plain press: a brush draws nothing at a double-click.

    Args:
        viewer: the viewer with the canvas.
        annotation: the layer that is painted on.
        parent: ends this object when destroyed.
    """

    def __init__(self, viewer: ViewerModel, annotation: AnnotationLayer, parent: QObject) -> None:
        super().__init__(parent)
        self._annotation = annotation
        self._canvas: QWidget | None = None
        self._waiting: deque[QMouseEvent] = deque()
        self._sending = False
        self._handed_on_at = 0
        self._undrawn_since: float | None = None
        self._rest = delay(self, _SHORTEST_MS, self._hand_on)
        self._rest.setTimerType(Qt.TimerType.PreciseTimer)
        widget = canvas_of(viewer)
        if widget is not None:
            self._canvas = widget.canvas.native
            self._canvas.installEventFilter(self)
            annotation.in_hand.connect(self._on_in_hand)

    @property
    def is_behind(self) -> bool:
        """Whether there is something that the mouse did and the canvas does not know yet."""
        return len(self._waiting) > 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Watch the mouse; True for events that are passed on later."""
        if self._sending or not self._is_painting() or not isinstance(event, QMouseEvent) or event.timestamp() == 0:
            return False
        if event.type() not in (_MOVE, _PRESS, _AGAIN, _RELEASE):
            return False
        self._keep(_copy(event))
        if not self._rest.isActive():
            self._hand_on()
        return True

    def _is_painting(self) -> bool:
        layer = self._annotation.layer
        return len(self._waiting) > 0 or (layer is not None and layer.mode in _STROKES)

    def _on_in_hand(self, in_hand: bool) -> None:
        QCoreApplication.setAttribute(_LEAVE_OUT, not in_hand)
        while self._waiting:
            self._send(self._waiting.popleft())
        self._draw_seldom(behind=False)

    def _keep(self, event: QMouseEvent) -> None:
        """Let an event wait; between strokes, and within a moment, the latest move is enough."""
        last = self._waiting[-1] if self._waiting else None
        if last is not None and last.type() == event.type() == _MOVE:
            before = self._waiting[-2].timestamp() if len(self._waiting) > 1 else self._handed_on_at
            hovering = event.buttons() == Qt.MouseButton.NoButton
            if hovering or last.timestamp() - before < _SHORTEST_MS:
                self._waiting.pop()
        self._waiting.append(event)

    def _hand_on(self) -> None:
        if self._waiting:
            self._rest.start()
            self._send(self._waiting.popleft())
        self._draw_seldom(len(self._waiting) > _BEHIND)

    def _draw_seldom(self, behind: bool) -> None:
        """Draw the window only now and then while behind: else each move would wait for a drawing."""
        if self._canvas is None:
            return
        now, window = time.monotonic(), self._canvas.window()
        if behind and self._undrawn_since is None:
            self._undrawn_since = now
            window.setUpdatesEnabled(False)
        elif self._undrawn_since is not None and (not self._waiting or now > self._undrawn_since + _UNDRAWN_SECONDS):
            self._undrawn_since = None
            window.setUpdatesEnabled(True)

    def _send(self, event: QMouseEvent) -> None:
        if self._canvas is None:
            return
        self._sending, self._handed_on_at = True, event.timestamp()
        try:
            QApplication.sendEvent(self._canvas, event)
        finally:
            self._sending = False


def _copy(event: QMouseEvent) -> QMouseEvent:
    """A copy that Python frees, as PySide frees none of `clone()`; a double-click's as the press that it ends in."""
    kind, at, on_screen = _PRESS if event.type() == _AGAIN else event.type(), event.position(), event.globalPosition()
    copy = QMouseEvent(kind, at, on_screen, event.button(), event.buttons(), event.modifiers())
    copy.setTimestamp(event.timestamp())
    return copy
