"""Offers to make a Labels layer of the user's the segmentation of the image."""

from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QWidget

from condseg_app.errors import CondsegError
from condseg_app.qt.style import push_button, quiet
from condseg_app.session import Session
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
        self.use.setToolTip("Its labels become the marks of their classes; Ctrl+Z takes it back")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 8, 2)
        row.addWidget(self.text, 1)
        row.addWidget(self.use)
        self.offer(None)

    def offer(self, layer: Labels | None) -> None:
        """Offer a layer; None for none."""
        image = self._session.image
        self._layer = layer if image is not None else None
        if self._layer is not None and image is not None:
            self.text.setText(f"Use the layer {self._layer.name} as the segmentation of {image.name}?")
        self.setVisible(self._layer is not None)

    def _use(self) -> None:
        layer, image = self._layer, self._session.image
        if layer is None or image is None:
            return
        try:
            segmentation = segmentation_of(layer, image)
        except CondsegError as error:
            self._session.failed.emit(error)
            return
        self._session.use_segmentation(segmentation)
        layer.visible = False  # now shown by the map of all classes
        self.offer(None)
