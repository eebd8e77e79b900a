"""Questions before a class is saved to a file, loaded from a file, or removed."""

from pathlib import Path

from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import QFileDialog, QWidget

from condseg_app.data import ClassId
from condseg_app.io.file_names import as_file_name
from condseg_app.io.models.class_file import CLASS_SUFFIX
from condseg_app.qt.confirmation import Answer, Question, ask
from condseg_app.session import Session

_FILES = f"Classes (*{CLASS_SUFFIX})"


class ClassFiles(QObject):
    """Dialogs over a widget; the answers go to the session."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session, self._over = session, parent

    def ask_to_export(self, class_id: ClassId) -> None:
        """Ask where a class is to be written."""
        name = self._session.state.name_of(class_id)
        dialog = self._dialog(f"Export the class {name}", f"{as_file_name(name)}{CLASS_SUFFIX}")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.fileSelected.connect(lambda path: self._session.models.export_class(class_id, Path(path)))
        dialog.open()

    def ask_to_import(self) -> None:
        """Ask for a class's file."""
        dialog = self._dialog("Import a class", "")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda path: self._session.models.import_class(Path(path)))
        dialog.open()

    def ask_to_remove(self, class_id: ClassId) -> None:
        """Ask for confirmation before a class is removed, and name the loss."""
        model, name = self._session.state.model, self._session.state.name_of(class_id)
        if model is None:
            return
        question = Question(
            "remove_class_dialog",
            "Remove class from the model",
            f"Go on with a model without '{name}'?",
            f"A new model is made that no longer knows {name}. Its prediction here goes, its annotation stays. "
            f"The other classes answer as before. '{model.name}' stays as it is: choose it again to undo this.",
            (Answer("Remove", lambda: self._session.models.remove_class(class_id)),),
        )
        ask(question, self._over)

    def _dialog(self, title: str, file: str) -> QFileDialog:
        dialog = QFileDialog(self._over, title, file, _FILES)
        dialog.setObjectName("class_file_dialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog
