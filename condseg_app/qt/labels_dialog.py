"""Questions about opened labels: the image of the labels, and the meaning of the values."""

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from condseg_app.io.file_start import name_of
from condseg_app.qt import glyphs
from condseg_app.qt.layout import column
from condseg_app.qt.style import PlainLabel, allow, named, without_icons
from condseg_app.qt.text import counted
from condseg_app.session import LabelsFound, Session

AskForImage = Callable[[Callable[[Path], object], bool], object]
"""Shows a dialog for the image's file (or folder, where true) and hands the path on."""

_WIDTH, _MOST_ROWS_SHOWN = 460, 8
_SAYS_NOTHING = {"", "seg", "segmentation", "label", "labels", "mask", "masks", "manual"}


class LabelsDialog(QDialog):
    """Describes a file of labels and offers actions; asks for names where there are none.

    Args:
        session: the session with the image.
        found: the labels.
        ask_for_image: shows the dialog for the labels' image.
        parent: the widget below the dialog.
    """

    def __init__(
        self, session: Session, found: LabelsFound, ask_for_image: AskForImage, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._found, self._ask_for_image = session, found, ask_for_image
        self.setObjectName("labels_dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Labels")
        self.setMinimumWidth(_WIDTH)
        self.told = named(PlainLabel(labels_text(found)), "labels_text")
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addWidget(self.told)
        self.names: NamesTable | None = None
        if found.fits and not found.segmentation.named:
            self.names = NamesTable(found)
            layout.addWidget(self.names)
        self.buttons = QDialogButtonBox()
        self._add_buttons()
        without_icons(self.buttons)
        layout.addWidget(self.buttons)
        if self.names is not None:
            self.names.changed_by = self._update
            self._update()

    def _add_buttons(self) -> None:
        if self._found.fits:
            self._button("use_labels", "Use as segmentation", self._use)
        else:
            self.buttons.setOrientation(Qt.Orientation.Vertical)
            self._button("choose_image", "Choose its image…", lambda: self._choose_image(folder=False))
            self._button(
                "choose_folder", "Choose its folder (DICOM, OME-Zarr)…", lambda: self._choose_image(folder=True)
            )
            self._button(
                "labels_alone", "Open the labels alone", lambda: self._session.images.open_labels_alone(self._found)
            )
        if not self._found.certain:
            self._button(
                "labels_as_image", "Open as an image", lambda: self._session.images.open_labels_as_image(self._found)
            )
        cancel = self.buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        cancel.clicked.connect(self.reject)
        self.rejected.connect(self._session.images.choose_nothing)

    def _button(self, name: str, text: str, do: Callable[[], object]) -> None:
        """A button that closes the dialog, then acts; Enter presses the first button."""
        first = not self.buttons.buttons()
        button = self.buttons.addButton(text, QDialogButtonBox.ButtonRole.ActionRole)
        button.setObjectName(name)
        button.setDefault(first)

        def act() -> None:
            self.accept()
            do()

        button.clicked.connect(act)

    def _use(self) -> None:
        self._session.images.use_labels(self._found, None if self.names is None else self.names.names())

    def _choose_image(self, *, folder: bool) -> None:
        found, session = self._found, self._session
        self._ask_for_image(lambda path: session.images.open_labels_on(found, path), folder)

    def _update(self) -> None:
        use = self.buttons.findChild(QPushButton, "use_labels")
        if use is not None and self.names is not None:
            reason = None if any(self.names.names().values()) else "Name at least one label"
            allow(use, reason, "Labels without a name are left out")


class NamesTable(QWidget):
    """A name for each value: values with the same name become a single class."""

    def __init__(self, found: LabelsFound, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes = found.segmentation.classes.entries
        self.changed_by: Callable[[], object] = lambda: None
        self.table = named(QTableWidget(len(self._classes), 2), "label_names", "Names of the labels")
        self.table.setHorizontalHeaderLabels(["Value", "Name"])
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.setTabKeyNavigation(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.AllEditTriggers)
        suggested = _suggested(found)
        for row, entry in enumerate(self._classes):
            value = QTableWidgetItem(glyphs.swatch(entry.color, glyphs.text_color(self)), str(entry.value))
            value.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.table.setItem(row, 0, value)
            self.table.setItem(row, 1, QTableWidgetItem(suggested or entry.name))
        self.table.itemChanged.connect(lambda _: self.changed_by())
        shown = min(len(self._classes), _MOST_ROWS_SHOWN) + 1
        self.table.setFixedHeight(
            self.table.verticalHeader().defaultSectionSize() * shown + 2 * self.table.frameWidth()
        )
        self.as_one = named(QCheckBox("All of them are one class, by the first name"), "labels_as_one")
        self.as_one.setToolTip("For numbered objects, such as nuclei, each with a value of its own")
        self.as_one.setVisible(len(self._classes) > 1)
        self.as_one.toggled.connect(lambda _: self.changed_by())
        column(self.table, self.as_one, on=self)
        self.table.setCurrentCell(0, 1)
        self.table.setFocus()

    def names(self) -> dict[str, str]:
        """'class 1' -> the typed name."""
        items = (self.table.item(row, 1) for row in range(self.table.rowCount()))
        typed = ["" if item is None else item.text().strip() for item in items]
        if self.as_one.isChecked():
            typed = [typed[0]] * len(typed)
        return {entry.name: name for entry, name in zip(self._classes, typed, strict=True)}


def labels_text(found: LabelsFound) -> str:
    """Description of the file, and the position relative to the image in view."""
    number = counted(len(found.segmentation.classes), "label")
    holds = f"{found.path.name} {'is' if found.certain else 'looks like'} a label map"
    image = "" if found.image is None else found.image.name
    if found.misfit is not None:
        return f"{holds}, but not on the voxels of {image}: {found.misfit}."
    if found.image is None:
        return f"{holds} ({number}), and no image is open that it could belong to."
    if found.segmentation.named:
        return f"{holds} on the voxels of {image}."
    asked = "It has no name: say what it is." if number == "1 label" else "They have no names: say what they are."
    return f"{holds} on the voxels of {image}, with {number}. {asked}"


def _suggested(found: LabelsFound) -> str:
    """Class in the file's name for a single label, 'cord' of spine_cord.nii.gz on spine.nii.gz; else empty."""
    if found.image is None or len(found.segmentation.classes) != 1:
        return ""
    own, image = name_of(found.path), found.image.name
    rest = own.removeprefix(image).strip("_-. ") if own.startswith(image) else ""
    return "" if rest.casefold() in _SAYS_NOTHING else rest
