"""The dialogs that ask for a file or a folder to open."""

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QWidget

from condseg_app.io.formats import FORMATS, Suffixes
from condseg_app.io.project.folder import SUFFIX
from condseg_app.qt.labels_dialog import LabelsDialog
from condseg_app.session import LabelsFound, Session


def ask_about_labels(session: Session, found: LabelsFound, folder: Path | None, parent: QWidget) -> None:
    """Ask for the use of labels that were opened.

    Args:
        session: the session with the image.
        found: the labels.
        folder: start folder of a dialog for the labels' image; the labels' folder if None.
        parent: the widget below the dialogs.
    """

    def ask_for_image(then: Callable[[Path], object], is_folder: bool) -> None:
        dialog = (folder_dialog if is_folder else file_dialog)(parent, folder or found.path.parent)
        dialog.fileSelected.connect(lambda name: then(Path(name)))
        dialog.open()

    LabelsDialog(session, found, ask_for_image, parent).open()


def image_filters() -> list[str]:
    """Filters of a dialog: all formats together, each format by name, or any file."""
    forms = [form for form in FORMATS if not form.is_folder]
    every = tuple(suffix for form in forms for suffix in form.suffixes)
    by_name = sorted(_filter(form.name, form.suffixes) for form in forms)
    return [_filter("All images", every), *by_name, "All files (*)"]


def file_dialog(parent: QWidget, folder: Path | None) -> QFileDialog:
    """Asks for an image's file; `fileSelected` has the answer."""
    dialog = _dialog("open_dialog", "Open", parent, folder)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setOption(QFileDialog.Option.HideNameFilterDetails)  # all endings at once are wider than a screen
    dialog.setNameFilters(image_filters())
    return dialog


def folder_dialog(
    parent: QWidget, folder: Path | None, title: str = "Open a folder of DICOM slices or of OME-Zarr"
) -> QFileDialog:
    """Asks for a folder that is a single image, or a project; `fileSelected` has the answer."""
    dialog = _dialog("open_folder_dialog", title, parent, folder)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    return dialog


def project_dialog(parent: QWidget, folder: Path | None, name: str) -> QFileDialog:
    """Asks for the name of a project to save; `fileSelected` has the answer."""
    dialog = _dialog("save_project_dialog", "Save the project as", parent, folder)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setFileMode(QFileDialog.FileMode.AnyFile)
    dialog.setNameFilters([f"Project (*{SUFFIX})"])
    dialog.selectFile(name)
    return dialog


def _dialog(name: str, title: str, parent: QWidget, folder: Path | None) -> QFileDialog:
    dialog = QFileDialog(parent, title, "" if folder is None else str(folder))
    dialog.setObjectName(name)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return dialog


def _filter(name: str, suffixes: Suffixes) -> str:
    """'NRRD (*.nrrd *.nhdr)'; an ending that ends with another listed ending is left out."""
    shortest = [one for one in suffixes if not any(one != other and one.endswith(other) for other in suffixes)]
    return f"{name} ({' '.join(f'*{suffix}' for suffix in shortest)})"
