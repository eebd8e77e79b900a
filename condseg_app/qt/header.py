"""The panel's first two lines: which image, which model."""

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QFileDialog, QGridLayout, QWidget

from condseg_app.data import Image, Model
from condseg_app.io.models.zoo import read_card
from condseg_app.qt import glyphs
from condseg_app.qt.advice_strip import AdviceStrip
from condseg_app.qt.connections import Connections
from condseg_app.qt.layout import row
from condseg_app.qt.model_card import card_html
from condseg_app.qt.style import ElidedLabel, GlyphButton, PlainLabel, named, narrow_box
from condseg_app.qt.text import as_it_is, counted, image_details, spacing_text
from condseg_app.qt.text_dialog import TextDialog
from condseg_app.session import Session

_OPEN = "Open model file…"


class Header(QWidget):
    """Rows of the image and the model, and the fit of the two."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image = ImageLine(session)
        self.model = ModelLine(session)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for number, (title, line) in enumerate((("Image", self.image), ("Model", self.model))):
            grid.addWidget(PlainLabel(title), number, 0)
            grid.addWidget(line, number, 1)
        self.advice = AdviceStrip(session)
        grid.addWidget(self.advice, 2, 0, 1, 2)


class ImageLine(QWidget):
    """Name, spacing and dimension of the image; everything else on hovering."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.name = named(ElidedLabel(), "image_name")
        self.facts = named(PlainLabel(), "image_facts")
        self.warning = named(GlyphButton(glyphs.warning, ""), "image_warning")
        self._row = row((self.name, 1), self.warning, self.facts, on=self)
        Connections(self).to(session.images.changed, self._show)
        self._show()

    def _show(self) -> None:
        image = self._session.state.image
        self.name.setText("none open" if image is None else image.name)
        self.name.setEnabled(image is not None)
        self.warning.setVisible(image is not None and bool(image.warnings))
        self._show_facts()
        details = "Drop a file anywhere, or use File > Open" if image is None else image_details(image)
        for widget in (self, self.name, self.facts, self.warning):
            widget.setToolTip(details)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave out the spacing where the name needs the room."""
        super().resizeEvent(event)
        self._show_facts()

    def _show_facts(self) -> None:
        image = self._session.state.image
        self.facts.setText("" if image is None else f"{spacing_text(image.geometry)}  {_dimension(image)}")
        others = self._row.sizeHint().width() - self.name.minimumWidth()
        if image is not None and others + self.name.wanted_width() > self.width():
            self.facts.setText(_dimension(image))


class ModelLine(QWidget):
    """The box of models, as wide as can be for their long names, and the current model's card."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.box = named(narrow_box(), "model_box", "Model")
        self.box.activated.connect(self._choose)
        self.card = named(GlyphButton(glyphs.info, "About this model"), "model_card_button")
        self.card.clicked.connect(self.show_card)
        row((self.box, 1), self.card, on=self)
        Connections(self).to(session.models.advice.changed, self._show)
        self._show()

    def _show(self) -> None:
        model, path = self._session.state.model, self._session.state.model_path
        self.box.clear()
        for number, judged in enumerate(self._session.models.advice.ranked):
            name, hint = judged.file.name, judged.misfit or _described(judged.file.description)
            self.box.addItem(name if judged.misfit is None else f"{name} (does not fit)", judged.file.path)
            hints = as_it_is("\n".join([hint, *map(_sentence, judged.unlike)]))
            self.box.setItemData(number, hints, Qt.ItemDataRole.ToolTipRole)
            if path is not None and judged.file.path == path:
                self.box.setCurrentIndex(number)
        if model is None:
            self.box.insertItem(0, "choose…")
            self.box.setCurrentIndex(0)
        self.box.insertSeparator(self.box.count())
        self.box.addItem(_OPEN)
        self.card.setVisible(model is not None)
        if model is not None:
            self.card.setToolTip(f"About this model ({counted(len(model.classes), 'class', 'classes')})")
        self.box.setToolTip("Choose a model" if model is None else as_it_is(_described(model)))

    def _choose(self, number: int) -> None:
        path = self.box.itemData(number)
        if self.box.itemText(number) == _OPEN:
            self.open_file()
        elif path is not None:
            self._session.models.open(path)
        self._show()

    def open_file(self) -> None:
        """Ask for a model's file."""
        dialog = QFileDialog(self, "Open model", "", "Models (*.safetensors)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self._session.models.open(Path(name)))
        dialog.open()

    def show_card(self) -> None:
        """Show the model's card and facts."""
        if self._session.state.model is not None:
            model = self._session.state.model
            path = self._session.state.model_path
            html = card_html(model, path, "" if path is None else read_card(path))
            TextDialog("model_card", f"Model {model.name}", html, self).open()


def _dimension(image: Image) -> str:
    return "2D" if image.geometry.is_2d else "3D"


def _described(model: Model) -> str:
    return f"{model.name}: {', '.join(model.classes.names)} ({model.preprocessing.dimensions})"


def _sentence(unlike: str) -> str:
    return f"{unlike[:1].upper()}{unlike[1:]}."
