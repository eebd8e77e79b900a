"""The tour for people: the same steps at their pace, with a caption to each."""

import tempfile
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel

from condseg_app.desktop.tour import Tour
from condseg_app.desktop.window import MainWindow
from condseg_app.errors import CondsegError

_READ_SECONDS = 2.5
_CAPTION = "background: rgba(20, 22, 28, 225); color: white; border-radius: 8px; padding: 10px 18px; font-size: 13pt;"


def guide(window: MainWindow) -> None:
    """Take the tour on the sample, slowly; masks go to a temporary folder, the taught model is discarded."""
    caption = QLabel(window)
    caption.setObjectName("tour_caption")
    caption.setStyleSheet(_CAPTION)
    caption.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    try:
        with tempfile.TemporaryDirectory(prefix="condseg_tour_") as folder:
            tour = Tour(window, Path(folder), keep=False)
            for text, do in tour.steps(None, None):
                _say(window, caption, text)
                tour.rest(_READ_SECONDS)
                do()
                tour.rest(_READ_SECONDS / 2)
            _say(window, caption, "That is all. Now your own file: drop it here.")
            tour.rest(_READ_SECONDS)
    except CondsegError as error:
        window.session.failed.emit(error)
    finally:
        caption.hide()
        caption.deleteLater()


def _say(window: MainWindow, caption: QLabel, text: str) -> None:
    caption.setText(text)
    caption.adjustSize()
    caption.move((window.width() - caption.width()) // 2, window.height() - caption.height() - 70)
    caption.show()
    caption.raise_()
