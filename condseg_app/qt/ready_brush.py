"""The brush's layer, added before it is needed."""

from qtpy.QtCore import QObject, Qt

from condseg_app.qt.connections import Connections, delay
from condseg_app.qt.graphics import canvas_of, unwrapped
from condseg_app.viewer import LayerBinding

_UNTIL_DRAWN_MS = 500
_UNTIL_SHOWN_MS = 300  # first the image is drawn
_CIRCLE = 20  # pixels; napari draws no smaller circle than of 8


class ReadyBrush(QObject):
    """Adds the brush's layer after each opened image, and keeps the unused layer out of the list of layers.

    Adding the layer, and the first drawings of the layer and of the brush's circle, take a quarter of a second, too
    long for a click on *Correct*.
    """

    def __init__(self, binding: LayerBinding, parent: QObject) -> None:
        super().__init__(parent)
        self._binding = binding
        self._drawn = delay(self, _UNTIL_DRAWN_MS, binding.annotation.rest)
        self._knows_circle = False
        unwrapped(binding.viewer).canvas.overlays._brush_circle.box = False
        connections = Connections(self)
        shown = delay(self, _UNTIL_SHOWN_MS, self._get_ready)
        connections.to(binding.session.images.changed, lambda: shown.start())  # psygnal reads no signature of Qt
        connections.to(binding.annotation.in_hand, self._list)
        shown.start()  # for an image that is open already

    def _get_ready(self) -> None:
        if self._binding.placement is None:
            return
        self._binding.get_ready()
        self._list(in_hand=self._binding.annotation.layer is not None)
        if not self._knows_circle and self._binding.viewer.cursor.style == "standard":
            self._show_circle()
        self._drawn.start()

    def _show_circle(self) -> None:
        """Show the brush's circle, which stays hidden without a mouse over the canvas."""
        viewer, self._knows_circle = self._binding.viewer, True
        viewer.cursor.size = _CIRCLE
        viewer.cursor.style = "circle"
        viewer.mouse_over_canvas = True
        self._drawn.timeout.connect(self._hide_circle, Qt.ConnectionType.SingleShotConnection)

    def _hide_circle(self) -> None:
        viewer, widget = self._binding.viewer, canvas_of(self._binding.viewer)
        if widget is not None and self._binding.annotation.layer is None:
            viewer.cursor.style = "standard"
            viewer.mouse_over_canvas = widget.canvas.native.underMouse()

    def _list(self, in_hand: bool) -> None:
        """Have the layer in the list only if the brush is in hand."""
        widget = canvas_of(self._binding.viewer)
        if widget is not None:
            for row, layer in enumerate(reversed(self._binding.viewer.layers)):
                widget.layers.setRowHidden(row, not in_hand and layer in self._binding.annotation)
