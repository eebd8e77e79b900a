"""Window of the log since the start."""

from qtpy.QtCore import Qt, QTimer, QUrl
from qtpy.QtGui import QDesktopServices, QFontDatabase
from qtpy.QtWidgets import QDialog, QPlainTextEdit, QWidget

from condseg_app.log import log_path
from condseg_app.qt.layout import column, row
from condseg_app.qt.problem import RecentLog
from condseg_app.qt.style import PlainLabel, push_button

_EVERY_MS = 500


class LogWindow(QDialog):
    """The last lines of the log, kept up to date while open."""

    def __init__(self, log: RecentLog, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._log = log
        self._shown = ""
        self.setObjectName("log_window")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Log")
        self.resize(760, 420)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        where = PlainLabel(str(log_path()))
        where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        show = push_button("log_folder", "Show in folder", self._show_folder)
        close = push_button("log_close", "Close", self.close)
        column(self.text, row((where, 1), show, close), on=self, margins=None)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._refresh)
        self._timer.start(_EVERY_MS)
        self._refresh()

    def _refresh(self) -> None:
        text = self._log.text() or "Nothing so far."
        if text != self._shown:
            self._shown = text
            self.text.setPlainText(text)
            bar = self.text.verticalScrollBar()
            bar.setValue(bar.maximum())

    def _show_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_path().parent)))
