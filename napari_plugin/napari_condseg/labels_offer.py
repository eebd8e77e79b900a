"""Offers to make a Labels layer of the user's the segmentation of the image."""

from functools import partial

from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QWidget

from condseg_app.qt.connections import Connections
from condseg_app.qt.labels_dialog import LabelsDialog
from condseg_app.qt.layout import row
from condseg_app.qt.style import push_button, quiet
from condseg_app.session import LabelsFound, Session
from condseg_app.viewer import segmentation_of


class LabelsOffer(QFrame):
    """Offer to use a selected Labels layer that does not belong to the session.

    Args:
        session: with the open image.
        parent: of the widget.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._layer: Labels | None = None
        self.setObjectName("labels_offer")
        self.text = quiet()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.use = push_button("use_layer", "Use", self._use)
        self.use.setToolTip("Its labels become annotations of their classes; Ctrl+Z undoes it")
        row((self.text, 1), self.use, on=self, margins=(8, 2, 8, 2))
        connections = Connections(self)
        connections.to(session.images.labels_found, self._ask_for_names)
        connections.to(session.images.labels_used, self._hide)
        self.offer(None)

    def offer(self, layer: Labels | None) -> None:
        """Offer a layer; None for none."""
        image = self._session.state.image
        self._layer = layer if image is not None else None
        if self._layer is not None and image is not None:
            self.text.setText(f"Use the layer {self._layer.name} as the segmentation of {image.name}?")
        self.setVisible(self._layer is not None)

    def _use(self) -> None:
        layer, image = self._layer, self._session.state.image
        if layer is None or image is None:
            return
        self._session.images.take_labels(layer.name, layer, partial(segmentation_of, layer))
        self.offer(None)

    def _ask_for_names(self, found: LabelsFound) -> None:
        LabelsDialog(self._session, found, lambda *_: None, self).open()  # the image is open

    def _hide(self, found: LabelsFound) -> None:
        """Hide a layer that the map of all classes shows now."""
        if isinstance(found.holder, Labels):
            found.holder.visible = False
