"""Opening of images, models and class files: by path, by a dialog, by a drop."""

from collections.abc import Callable, Sequence
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QWidget

from condseg_app.data import Pick
from condseg_app.desktop.open_dialogs import ask_about_labels, file_dialog, folder_dialog
from condseg_app.desktop.project_dialogs import ProjectDialogs
from condseg_app.io.choices import EVERYTHING
from condseg_app.io.models.class_file import is_class_file
from condseg_app.io.project.folder import is_project
from condseg_app.qt.choice_dialog import ChoiceDialog
from condseg_app.qt.connections import Connections
from condseg_app.qt.text import listed
from condseg_app.session import Choice, LabelsFound, Session
from condseg_app.session.settings import Settings
from condseg_app.viewer.samples import Sample


class Opening:
    """Opens files in a session, with the questions that a file brings.

    Args:
        session: the session.
        settings: has the folder where a dialog starts.
        window: the widget below the dialogs.
        say: shows a line of text.
        projects: opens projects.
    """

    def __init__(
        self,
        session: Session,
        settings: Settings,
        window: QWidget,
        say: Callable[[str], object],
        projects: ProjectDialogs,
    ) -> None:
        self._projects = projects
        self._session, self._settings, self._window, self._say = session, settings, window, say
        connections = Connections(window)
        connections.to(session.images.choice_needed, self._ask_which)
        connections.to(session.images.labels_found, self._ask_about_labels)

    def open_path(self, path: Path, pick: Pick = EVERYTHING) -> None:
        """Open an image, a project or a model's file, or import a class's."""
        if is_project(path):
            self._projects.open(path)
        elif is_class_file(path):
            self._session.models.import_class(path)
        elif _is_model(path):
            self._session.models.open(path)
        else:
            self._say(f"Opening {path.name}…")
            self._session.images.open(path, pick=pick)

    def open_sample(self, sample: Sample) -> None:
        """Open an image that comes with the program, and the image's model."""
        known = any(file.name == sample.model for file in self._session.models.advice.files)
        self._session.images.open(sample.path, sample.model if known else None)

    def open_dropped(self, paths: Sequence[Path]) -> None:
        """Open a project, or models first, then the last image, then label maps onto that image."""
        project = next(filter(is_project, paths), None)
        if project is not None:
            self._projects.open(project)
            return
        for path in filter(_is_model, paths):
            self.open_path(path)
        images = [path for path in paths if not _is_model(path)]
        if images:
            self._say(f"Opening {listed([path.name for path in images])}…")
            self._session.images.open_files(images)

    def ask_for_image(self) -> None:
        """Ask for a file and open the file."""
        self._open_from(file_dialog(self._window, self._settings.last_folder))

    def ask_for_folder(self) -> None:
        """Ask for a folder that is a single image, and open the image."""
        self._open_from(folder_dialog(self._window, self._settings.last_folder))

    def _open_from(self, dialog: QFileDialog) -> None:
        dialog.fileSelected.connect(lambda name: self.open_path(Path(name)))
        dialog.open()

    def _ask_which(self, choice: Choice) -> None:
        self._say("")
        dialog = ChoiceDialog(choice.needed, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.chosen.connect(lambda value: self._session.images.choose(choice, value))
        dialog.rejected.connect(self._session.images.choose_nothing)
        dialog.open()

    def _ask_about_labels(self, found: LabelsFound) -> None:
        self._say("")
        ask_about_labels(self._session, found, self._settings.last_folder, self._window)


def _is_model(path: Path) -> bool:
    return path.suffix == ".safetensors"
