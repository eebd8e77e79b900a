"""The third page: which classes, in which format, where to, and exactly which files that makes."""

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from condseg_app.data import ClassId
from condseg_app.io import EXPORT_FORMATS, ExportFormat, export_files
from condseg_app.qt.connections import Connections
from condseg_app.qt.export_classes import ExportClasses
from condseg_app.qt.export_plan import suggested
from condseg_app.qt.job_line import Bar
from condseg_app.qt.layout import column, row
from condseg_app.qt.overlap_choice import OverlapChoice
from condseg_app.qt.partial_export import PartialExport
from condseg_app.qt.style import allow, named, narrow_box, push_button, quiet
from condseg_app.qt.text import counted
from condseg_app.session import Session
from condseg_app.session.may import why_not

_WRONG = "QLineEdit { border: 1px solid #d9534f; }"


class ExportPage(QWidget):
    """Shows the files of an export before the export."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._folders: dict[str, Path] = {}
        self._written: tuple[Path, ...] = ()
        self._misplaced: str | None = None
        self._will_write = ""
        self.partial = PartialExport(session, self, self._show_outcome)
        self._build()
        connections = Connections(self)
        self.classes.changed.connect(self._update)
        connections.to(session.images.changed, self._on_image)
        connections.to(session.exports.changed, self._show_outcome)
        connections.to(session.exports.written, self._on_exported)
        self._on_image()

    def _build(self) -> None:
        self.classes = ExportClasses(self._session)
        self.overlap = OverlapChoice(self._session)
        below = (self._format(), self.overlap, self._target(), self._outcome())
        column((self.classes, 1), *below, on=self, margins=(0, 6, 0, 0), spacing=6)

    def _format(self) -> QVBoxLayout:
        self.format = named(narrow_box(), "export_format", "Format")
        self.format.currentIndexChanged.connect(self._on_format)
        self.keeps = named(quiet(), "export_keeps")
        self.keeps.setTextFormat(Qt.TextFormat.RichText)
        form = QFormLayout()
        form.addRow("Format", self.format)
        return column(form, self.keeps, spacing=4)

    def _target(self) -> QVBoxLayout:
        self.path = named(QLineEdit(), "export_path", "Where to")
        self.path.textChanged.connect(self._update)
        self.browse = push_button("export_browse", "…", self._browse)
        self.browse.setToolTip("Choose where to")
        self.browse.setFixedWidth(32)
        self.files = named(quiet(), "export_files")
        self.files.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return column(row(QLabel("To"), (self.path, 1), self.browse), self.files)

    def _outcome(self) -> QWidget:
        self.write = push_button("export", "Export", self._export)
        self.show_folder = push_button("show_folder", "Show in folder", self._show_folder)
        self.stop = push_button("cancel_export", "Cancel", self._stop)
        self.stop.setToolTip("Write nothing")
        self.bar = Bar()
        self.said = named(quiet(), "export_result")
        outcome = QWidget()
        column(row((self.write, 1), self.show_folder, self.bar, self.stop), self.said, on=outcome)
        return outcome

    def forget(self) -> None:
        """Forget where the image's exports went, as if none had been made."""
        if self._session.state.image is not None:
            self._folders.pop(self._session.state.image.key, None)
        self._on_image()

    def chosen_format(self) -> ExportFormat | None:
        """The format in the box."""
        return next((form for form in EXPORT_FORMATS if form.key == self.format.currentData()), None)

    def target(self) -> Path | None:
        """The chosen folder or file, None while nothing usable is typed."""
        text = self.path.text().strip()
        return Path(text).expanduser() if text else None

    # clicks

    def _browse(self) -> None:
        form = self.chosen_format()
        if form is None:
            return
        dialog = QFileDialog(self, "Export to", self.path.text())
        dialog.setObjectName("export_dialog")
        if form.one_file_a_class:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
        else:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setNameFilter(f"{form.title} (*{form.suffix})")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.path.setText)
        dialog.open()

    def _export(self) -> None:
        form, target = self.chosen_format(), self.target()
        if form is not None and target is not None:
            classes = self.classes.chosen().ids
            self.partial.begin(classes, lambda: self._write(target, form, classes))

    def _write(self, target: Path, form: ExportFormat, classes: Sequence[ClassId]) -> None:
        image = self._session.state.image
        if image is not None:
            self._folders[image.key] = target.parent
        self._written = ()
        self._session.exports.start(target, form.key, classes)

    def _stop(self) -> None:
        if self.partial.waits_for:
            self.partial.stop()
        else:
            self._session.exports.cancel()

    def _show_folder(self) -> None:
        if self._written:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._written[0].parent)))

    # following the session

    def _on_image(self) -> None:
        image = self._session.state.image
        flat = image is not None and image.geometry.is_2d
        self.format.blockSignals(True)
        self.format.clear()
        for form in sorted(EXPORT_FORMATS, key=lambda form: form.for_3d == flat):  # formats for this dimension first
            if form.for_3d if image is None else form.is_for(image):
                self.format.addItem(form.title, form.key)
        self.format.blockSignals(False)
        self._written = ()
        self.classes.fill()  # before any question about the classes, which may be others now
        self._on_format()
        self._show_outcome()

    def _on_format(self) -> None:
        form, image = self.chosen_format(), self._session.state.image
        self.keeps.setText("" if form is None else _kept_and_lost(form))
        self.overlap.set_kept(form is not None and form.keeps_overlap)
        if form is not None and image is not None:
            self.path.setText(str(suggested(image, form, self._folders.get(image.key))))
        self._update()

    def _update(self) -> None:
        """Look at the files that the export would write."""
        form, target, chosen = self.chosen_format(), self.target(), self.classes.chosen()
        self._misplaced = None if form is None or target is None else form.why_not_at(target)
        self.path.setStyleSheet(_WRONG if self._misplaced is not None and chosen else "")
        self._will_write = ""
        if form is not None and target is not None and self._misplaced is None and chosen:
            self._will_write = _listed(export_files(form, target, chosen))
        self._allow()

    def _allow(self) -> None:
        reason = self._why_nothing()
        allow(self.write, reason, "Write the files listed above")
        self.files.setText(self._will_write or reason or "")

    def _why_nothing(self) -> str | None:
        reason = why_not(self._session.state, "export")
        if reason is not None:
            return reason
        if not self.classes.chosen():
            return "Tick at least one class"
        if self.partial.waits_for:
            return "It is written as soon as the prediction is complete"
        if self._session.exports.progress is not None:
            return "One export is being written"
        return "Say where to" if self.target() is None else self._misplaced

    def _show_outcome(self) -> None:
        progress, paths = self._session.exports.progress, self._written
        waits = bool(self.partial.waits_for)
        self.bar.setVisible(progress is not None)
        self.stop.setVisible(progress is not None or waits)
        self.show_folder.setVisible(progress is None and not waits and bool(paths))
        if waits:
            self.said.setText(self.partial.text)
        elif progress is not None:
            self.bar.show_fraction(progress.fraction)
            self.said.setText(f"Writing: {progress.text}" if progress.text else "Writing…")
        else:
            self.said.setText(f"Written: {counted(len(paths), 'file')} in {paths[0].parent}" if paths else "")
        self._allow()

    def _on_exported(self, paths: tuple[Path, ...]) -> None:
        self._written = paths
        self._show_outcome()
        self._update()  # the files are there now


def _listed(files: Sequence[Path]) -> str:
    there = sum(file.exists() for file in files)
    text = f"Writes {counted(len(files), 'file')}: {', '.join(file.name for file in files)}."
    return text + (f" Replaces {there} that {'exists' if there == 1 else 'exist'}." if there else "")


def _kept_and_lost(form: ExportFormat) -> str:
    return f"<b>Keeps</b> {form.keeps}.<br><b>Loses</b> {form.loses}."
