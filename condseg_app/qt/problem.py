"""An error on screen: a sentence with advice, and folded details."""

import logging
from collections import deque

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

from condseg_app.errors import CondsegError
from condseg_app.qt.style import without_icons

_KEPT = 400


class RecentLog(logging.Handler):
    """Keeps the last lines of the log for dialogs and the log window."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[str] = deque(maxlen=_KEPT)
        self.setFormatter(logging.Formatter("%(asctime)s  %(levelname)s  %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.lines.append(self.format(record))

    def text(self, last: int = _KEPT) -> str:
        """The last lines."""
        return "\n".join(list(self.lines)[-last:])


class ProblemDialog(QMessageBox):
    """Shows without blocking: the window can be used meanwhile."""

    def __init__(self, error: CondsegError, log: RecentLog, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("problem")
        self.setIcon(QMessageBox.Icon.Warning)
        self.setWindowTitle("CondSeg")
        self.setModal(False)
        self.setWindowModality(Qt.WindowModality.NonModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setText(sentence(error))
        self.setInformativeText("" if error.path is None else str(error.path))
        self.setDetailedText(f"{type(error).__name__}\n{error}\n\n{log.text(60)}".rstrip())
        self.setStandardButtons(QMessageBox.StandardButton.Ok)
        without_icons(self)


def sentence(error: CondsegError) -> str:
    """The error's message as a sentence that names the file."""
    said = error.message.strip()
    said = said[:1].upper() + said[1:] if error.path is None else f"{error.path.name}: {said}"
    return said + ("" if said.endswith((".", "!", "?")) else ".")
