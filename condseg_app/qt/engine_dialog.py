"""Choosing where to compute: on this computer, or with an engine that runs on another."""

from functools import partial
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QRadioButton,
    QWidget,
)

from condseg_app.data import DeviceInfo
from condseg_app.errors import CondsegError
from condseg_app.jobs import Job, JobEnd, Steps
from condseg_app.qt.layout import column, ok_or_cancel, row
from condseg_app.qt.style import allow, named, push_button, quiet
from condseg_app.qt.text import device_text
from condseg_app.remote import Endpoint, Engine, own_certificate
from condseg_app.remote.endpoint import host_and_port
from condseg_app.session import Session
from condseg_app.session.computing import device_steps
from condseg_app.session.settings import remember_place

_EXPLANATION = (
    "Predictions and lessons run on this computer, or faster on one with a GPU. Start an engine there:"
    "<p><code>condseg engine --listen 0.0.0.0:8786 --certificate engine.pem</code></p>"
    "Copy its file engine.pem here by a safe way: whoever holds it can use that computer. Your images travel "
    "encrypted, and are kept in its memory only."
)
_TEST_HINT = "Ask the engine there what it computes on"
_WIDTH, _THREE_LINES = 600, 64


class EngineDialog(QDialog):
    """Asks for a place, with a test before the choice.

    Args:
        session: runs the test, and knows the present place.
    """

    chosen = Signal(object)
    """An `Endpoint`, or None for this computer."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._test: Job | None = None
        self.setObjectName("engine_dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Where to compute")
        self.setMinimumWidth(_WIDTH)
        self._build(session.computing.place)
        self._check()
        self.destroyed.connect(lambda: self._forget_test())

    def _build(self, place: Endpoint | None) -> None:
        self.here = named(QRadioButton("This computer"), "engine_here")
        self.there = named(QRadioButton("Another computer"), "engine_there")
        (self.here if place is None else self.there).setChecked(True)
        self.address = _field("engine_address", "Address", "workstation:8786", "" if place is None else place.address)
        file = own_certificate() if place is None else place.certificate
        self.certificate = _field("engine_certificate", "Certificate", "engine.pem", str(file))
        self.browse = push_button("engine_browse", "Choose…", self._ask_for_file)
        self.test = push_button("engine_test", "Test connection", self.try_it)
        self.answer = named(quiet(), "engine_answer")
        self.answer.setMinimumHeight(_THREE_LINES)  # constant size of the dialog for texts of any length
        self.answer.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.buttons, self.ok = ok_or_cancel(self, "Use")
        self._lay_out()
        self.there.toggled.connect(self._check)
        self.address.textChanged.connect(self._check)
        self.certificate.textChanged.connect(self._check)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setContentsMargins(24, 0, 0, 0)
        form.addRow("Address", self.address)
        form.addRow("Certificate", row((self.certificate, 1), self.browse))
        form.addRow("", self.test)
        explanation = quiet(_EXPLANATION)
        explanation.setTextFormat(Qt.TextFormat.RichText)
        column(explanation, self.here, self.there, form, self.answer, self.buttons, on=self, margins=None)

    @property
    def place(self) -> Endpoint | None:
        """The place that the fields describe."""
        if self.here.isChecked():
            return None
        return Endpoint(self.address.text().strip(), Path(self.certificate.text().strip()).expanduser().absolute())

    def accept(self) -> None:
        """Hand the place on."""
        self.chosen.emit(self.place)
        super().accept()

    def try_it(self) -> None:
        """Ask the engine there for its device, without keeping the window waiting."""
        place = self.place
        if place is None:
            return
        test = self._test = Job("Testing the connection", lambda: _asking(place))
        self.answer.setText(f"Connecting to {place.host}…")
        self._session.jobs.run(test, partial(self._on_device, test), partial(self._on_end, test))
        allow(self.test, "it is being tested", "")

    def _check(self) -> None:
        """Drop the result for other fields; without a proper address there is nothing to test or take."""
        self._forget_test()
        self.answer.setText("")
        there = self.there.isChecked()
        for widget in (self.address, self.certificate, self.browse):
            widget.setEnabled(there)
        wrong = _fault(self.address.text()) if there else None
        allow(self.test, wrong if there else "this computer needs no connection", _TEST_HINT)
        allow(self.ok, wrong, "From the next prediction or lesson on; work under way finishes where it is")

    def _on_device(self, test: Job, device: DeviceInfo) -> None:
        if test is self._test:
            self.answer.setText(f"It answers, and computes on {device_text(device, self.place)}.")

    def _on_end(self, test: Job, end: JobEnd) -> None:
        if test is not self._test:
            return
        self._test = None
        allow(self.test, None, _TEST_HINT)
        if end.error is not None:
            text = str(end.error)
            self.answer.setText(f"{text[0].upper()}{text[1:]}.")

    def _forget_test(self) -> None:
        """Ignore a test's late answer: the dialog is gone, or asks for something else by now."""
        self._test = None

    def _ask_for_file(self) -> None:
        dialog = QFileDialog(self, "Certificate of the engine", "", "Certificates (*.pem);;All files (*)")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.certificate.setText)
        dialog.open()


def ask_where_to_compute(session: Session, settings_file: Path | None, parent: QWidget) -> None:
    """Move a session's computing to the chosen place, and remember the choice in the settings file, if any."""

    def take(place: Endpoint | None) -> None:
        if settings_file is not None:
            remember_place(place, settings_file)
        session.computing.use_engine(Engine.at(place))

    dialog = EngineDialog(session, parent)
    dialog.chosen.connect(take)
    dialog.open()


def _asking(place: Endpoint) -> Steps:
    engine = Engine.at(place)
    try:
        yield from device_steps(engine)
    finally:
        engine.close()


def _fault(address: str) -> str | None:
    """Reason against an address."""
    try:
        host_and_port(address)
    except CondsegError as error:
        return error.message if address.strip() else "type the address first"
    return None


def _field(name: str, label: str, example: str, text: str) -> QLineEdit:
    field = QLineEdit(text)
    field.setObjectName(name)
    field.setAccessibleName(label)
    field.setPlaceholderText(example)
    return field
