"""The current job: progress, time left, and a stop button."""

from qtpy.QtCore import QRectF, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QStackedWidget, QWidget

from condseg_app.jobs import Progress
from condseg_app.qt import glyphs
from condseg_app.qt.connections import Connections, delay
from condseg_app.qt.layout import column, row
from condseg_app.qt.lesson_question import stop_work
from condseg_app.qt.style import ElidedLabel, GlyphButton, PlainLabel, named
from condseg_app.qt.text import as_it_is, device_hint, device_text, time_text
from condseg_app.session import Session

_NOTICE_MS = 12_000
_DONE = QColor(86, 130, 233)


class Bar(QWidget):
    """A slim progress bar. Qt's own repaints the whole window, canvas included, at every step."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fraction = 0.0
        self.setFixedHeight(6)
        self.setMinimumWidth(84)
        self.setAccessibleName("Progress")

    def show_fraction(self, fraction: float) -> None:
        """Fill this part of the bar."""
        self.fraction = min(max(fraction, 0.0), 1.0)
        self.setAccessibleDescription(f"{self.fraction:.0%}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """A groove, and the done part."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        groove = QColor(glyphs.text_color(self))
        groove.setAlpha(50)
        box = QRectF(self.rect())
        for color, width in ((groove, box.width()), (_DONE, box.width() * self.fraction)):
            painter.setBrush(color)
            if width > 0:
                painter.drawRoundedRect(QRectF(0, 0, max(width, box.height()), box.height()), 3, 3)


class JobLine(QStackedWidget):
    """A line with the job, or the last notice, or nothing; of constant height."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.notice = named(ElidedLabel(lines=2), "notice")
        self.addWidget(self.notice)
        self.work = self._work()
        self.addWidget(self.work)
        self._fade = delay(self, _NOTICE_MS, lambda: self._say(""))
        connections = Connections(self)
        connections.to(session.jobs.changed, self._on_job)
        connections.to(session.jobs.progressed, self._on_progress)
        connections.to(session.notice, self._say)
        self._on_job()

    def _work(self) -> QWidget:
        self.bar = named(Bar(), "job_progress")
        self.what = named(ElidedLabel(), "job_text")
        self.left = named(PlainLabel(), "job_time")
        self.left.setToolTip("Time left")
        self.stop = named(GlyphButton(glyphs.cross, "Cancel (Esc)"), "job_cancel")
        self.stop.clicked.connect(lambda: stop_work(self._session, self))
        page = QWidget()
        line = row((self.what, 1), self.left, self.stop)
        column(line, self.bar, on=page, spacing=2)  # the bar below, to leave the text all of a narrow panel
        return page

    def _on_job(self) -> None:
        job = self._session.jobs.shown
        self.setCurrentWidget(self.notice if job is None else self.work)
        if job is not None:
            self._on_progress(job.progress)
            told = self._session.state.job
            if told is not None and told.is_paused:
                self._tell(f"{job.title}, paused")

    def _on_progress(self, progress: Progress) -> None:
        job = self._session.jobs.shown
        started = progress.fraction > 0
        self.bar.show_fraction(progress.fraction)
        text = progress.text or (job.title if job is not None else "")
        self._tell(f"{text} {progress.fraction:.0%}" if started else text)
        self.left.setText(time_text(progress.seconds_left))

    def _tell(self, text: str) -> None:
        self.what.setText(text)
        self.setToolTip(as_it_is(text))

    def _say(self, text: str) -> None:
        self.notice.setText(text)
        self.notice.setToolTip(as_it_is(text))
        if text:
            self._fade.start()


class DeviceLine(QWidget):
    """The engine's place; a click asks for another."""

    change_asked = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.dot = PlainLabel()
        self.dot.setFixedSize(9, 9)
        self.text = named(ElidedLabel(), "device")
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        row(self.dot, (self.text, 1), on=self, spacing=6)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        Connections(self).to(session.computing.changed, self.show_device)
        self.show_device()

    def show_device(self) -> None:
        """Show the engine's device."""
        device, place = self._session.computing.device, self._session.computing.place
        self.text.setText(device_text(device, place))
        self.dot.setStyleSheet(f"border-radius: 4px; background: {'#9a9a9a' if device is None else '#2fa36b'};")
        self.setToolTip(as_it_is(f"{device_hint(device, place)} Click to compute elsewhere."))
        self.setAccessibleName(f"Where to compute: {device_text(device, place)}")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Ask to compute elsewhere."""
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint()):
            self.change_asked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Enter and the space bar act as a click."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.change_asked.emit()
        else:
            super().keyPressEvent(event)
