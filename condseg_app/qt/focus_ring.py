"""A ring around the control in focus, plain to see on dark and light."""

from napari.qt import QtViewer
from qtpy.QtCore import QEvent, QObject, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QApplication, QWidget

RING = QColor(59, 130, 246)
"""At least 3 : 1 against both themes."""
_WIDTH, _RADIUS = 2.0, 3.0


class FocusRing(QObject):
    """Follows the focus through a widget and the widget's dialogs.

    Hosts' themes show the focus faintly or not at all, and our own style sheet would have to repeat the rest of the
    theme for each kind of control.

    Args:
        owner: the widget with the controls; the viewer, which fills a pane, gets no ring.
    """

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self._owner = owner
        self._ring: Ring | None = None
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus)

    def _on_focus(self) -> None:
        now = QApplication.focusWidget()  # who heard of the change before may have moved the focus on
        ring, self._ring = self._ring, None
        if ring is not None:
            ring.destroyed.disconnect(self._forget)  # it would forget the next one
            ring.hide()
            ring.deleteLater()
        if now is not None and self._is_ours(now):
            self._ring = Ring(now)
            self._ring.destroyed.connect(self._forget)

    def _forget(self) -> None:
        """Forget a ring that was deleted with its control."""
        self._ring = None

    def _is_ours(self, widget: QWidget) -> bool:
        above: QWidget | None = widget
        while above is not None and above is not self._owner:
            if isinstance(above, QtViewer):
                return False
            above = above.parentWidget()
        return above is self._owner and not widget.isWindow()


class Ring(QWidget):
    """The ring, as large as the control and drawn inside."""

    def __init__(self, control: QWidget) -> None:
        super().__init__(control)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setGeometry(control.rect())
        control.installEventFilter(self)
        self.raise_()
        self.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Grow and shrink with the control."""
        if event.type() == QEvent.Type.Resize and isinstance(watched, QWidget):
            self.setGeometry(watched.rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the ring."""
        del event
        inset = _WIDTH / 2
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(RING, _WIDTH))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), _RADIUS, _RADIUS)
