"""The tour for people: the same steps at their pace, with a caption to each, and a way out at each moment."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QApplication, QFrame, QLabel, QWidget

from condseg_app.desktop.tour import Step, Tour, TourStopped
from condseg_app.desktop.tour_steps import TourSteps
from condseg_app.desktop.window import MainWindow
from condseg_app.errors import CondsegError
from condseg_app.qt.class_dialog import ClassDialog
from condseg_app.qt.layout import row
from condseg_app.qt.style import push_button

_READ_SECONDS = 5.0
"""Shortest time for a caption; the step is done meanwhile."""
_LOOK_FIRST = 1.2
_STYLE = (
    "#tour_caption { background: rgba(20, 22, 28, 235); border-radius: 8px; }"
    "#tour_caption QLabel { color: white; font-size: 13pt; background: transparent; }"
)
_END = "That is all. Now your own file: drop it here."


def guide(window: MainWindow) -> None:
    """Take the tour on the sample; a mask goes to a temporary folder, and nothing of the tour is left behind."""
    session = window.session
    if window.findChild(Caption) is not None:
        return
    if session.state.is_teaching or session.unsaved.writing:
        session.notice.emit("The tour can be taken once the lesson or the export under way is done.")
        return
    with tempfile.TemporaryDirectory(prefix="condseg_tour_") as folder:
        tour = Tour(window, Path(folder), guides=True)
        steps = TourSteps(tour)
        before = _Before(window)
        caption = Caption(tour, window)
        try:
            _take(tour, steps.all(), caption)
        except TourStopped:
            session.notice.emit("The tour was stopped.")
        except CondsegError as error:
            session.failed.emit(error)
        finally:
            caption.end()
            _clean_up(tour.window, steps.own_class)
            if window.isVisible():
                before.bring_back()


def _take(tour: Tour, steps: Sequence[Step], caption: "Caption") -> None:
    with tour.noticing_problems():
        for text, do in steps:
            began = time.monotonic()
            caption.say(text)
            tour.rest(min(_LOOK_FIRST, _READ_SECONDS))
            do()
            tour.rest(began + _READ_SECONDS - time.monotonic())
        caption.say(_END)
        tour.rest(_READ_SECONDS / 2)


def _clean_up(window: MainWindow, own_class: str) -> None:
    """Stop the tour's jobs, and remove the tour's results."""
    session = window.session
    for dialog in window.findChildren(ClassDialog):
        dialog.reject()
    if session.jobs.can_cancel:
        session.jobs.cancel()
    session.exports.cancel()
    session.lessons.discard()
    if window.isVisible() and own_class in session.state.classes:
        window.binding.stop_painting()
        session.classes.remove(session.state.classes[own_class].id)


class _Before:
    """The image and settings from before the tour."""

    def __init__(self, window: MainWindow) -> None:
        self._window, session, teach = window, window.session, window.panel.teach
        self._image, self._model = session.state.image, session.state.model_path
        self._steps, self._mode = teach.steps.value(), teach.mode.mode

    def bring_back(self) -> None:
        """Restore image and settings; where nothing was open the sample stays."""
        window, session = self._window, self._window.session
        if window.canvas.model.dims.ndisplay == 3:
            window.binding.volume_view.turn()
        window.panel.export.forget()
        if self._image is not None:
            session.images.show(self._image)
        if self._model is not None and self._image is not None:
            session.models.open(self._model)
        window.panel.teach.steps.setValue(self._steps)
        window.panel.teach.choose_mode(self._mode)
        window.panel.show_page("classes")


class Caption(QFrame):
    """Captions of the tour, with a stop button; Esc stops too, wherever the focus is."""

    def __init__(self, tour: Tour, window: QWidget) -> None:
        super().__init__(window)
        self._tour, self._window = tour, window
        self.setObjectName("tour_caption")
        self.setStyleSheet(_STYLE)
        self.text = QLabel()
        self.stop = push_button("tour_stop", "Stop the tour", tour.stop)
        self.stop.setToolTip("Esc stops it, too")
        self.stop.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        row(self.text, self.stop, on=self, margins=(18, 10, 12, 10), spacing=16)
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def say(self, text: str) -> None:
        """Show a sentence, in the middle near the lower edge."""
        self.text.setText(text)
        self.adjustSize()
        room = self._window.size()
        self.move(max(0, (room.width() - self.width()) // 2), max(0, room.height() - self.height() - 70))
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Esc stops the tour before any other use."""
        keys = (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride)
        if event.type() in keys and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            event.accept()  # as a key of this widget, which blocks shortcuts
            self._tour.stop()
            return True
        return super().eventFilter(watched, event)

    def end(self) -> None:
        """Close, and give Esc back its usual meaning."""
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)
        self.hide()
        self.setParent(None)
        self.deleteLater()
