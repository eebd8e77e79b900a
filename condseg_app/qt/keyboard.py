"""Keys: Esc cancels from anywhere in the window, and commands leave the focus with the viewer."""

import contextlib
from functools import partial

from napari.qt import QtViewer
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent, QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QLineEdit,
    QTabWidget,
    QWidget,
)

from condseg_app.qt.connections import soon
from condseg_app.qt.lesson_question import stop_work
from condseg_app.session import Session
from condseg_app.viewer.keys import COMMAND_KEYS

_KEEPS_A_CLICK = (QLineEdit, QAbstractSpinBox, QAbstractItemView, QAbstractSlider)
"""Widgets that keep the keys after a click; after a click on a button the keys belong to the viewer."""
_LEAVES_A_FIELD = (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter)


class Keyboard(QObject):
    """Keeps the keys of the viewer working after every command of the panel.

    A button clicked with the mouse leaves the focus with the viewer; a button reached with Tab keeps the focus while
    visible, and the viewer gets the focus when the button vanishes. Keys without a use in the panel go to the
    viewer.

    Args:
        panel: the panel, in any window.
        session: the session of the jobs that Esc cancels.
    """

    def __init__(self, panel: QWidget, session: Session) -> None:
        super().__init__(panel)
        self._panel = panel
        self._session = session
        self._escape: QShortcut | None = None
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus)

    def bind(self, pages: QTabWidget) -> None:
        """Give the panel's pages and buttons their keys."""
        for number in range(pages.count()):
            turn = QShortcut(QKeySequence(f"Alt+{number + 1}"), pages)
            turn.activated.connect(partial(pages.setCurrentIndex, number))
        for command in COMMAND_KEYS:
            for button in self._panel.findChildren(QAbstractButton, command.button):
                QShortcut(QKeySequence(command.key), button).activated.connect(button.click)

    def listen(self) -> None:
        """Listen to Esc in all of the panel's present window, floating docks included."""
        host = host_of(self._panel)
        if self._escape is not None:
            if self._escape.parent() is host:
                return
            self._escape.deleteLater()
        self._escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), host)
        self._escape.activated.connect(self._on_escape)
        self.destroyed.connect(self._escape.deleteLater)  # the window may outlive the panel

    def focus_viewer(self) -> None:
        """Let the viewer have the keys."""
        viewer = self._viewer()
        if viewer is not None:
            viewer.setFocus()

    def pass_on(self, event: QKeyEvent) -> None:
        """Give the viewer a key that nothing in the panel has taken; a field that is done with loses the focus."""
        viewer = self._viewer()
        if viewer is None:
            event.ignore()
        elif isinstance(QApplication.focusWidget(), QLineEdit | QAbstractSpinBox):
            if event.key() in _LEAVES_A_FIELD:
                viewer.setFocus()
        elif event.type() == QEvent.Type.KeyPress:
            viewer.keyPressEvent(event)
        else:
            viewer.keyReleaseEvent(event)

    def _viewer(self) -> QtViewer | None:
        found: QtViewer | None = host_of(self._panel).findChild(QtViewer)
        return found

    def _on_escape(self) -> None:
        session, focus = self._session, QApplication.focusWidget()
        if session.jobs.can_cancel:
            stop_work(session, self._panel)
        elif session.exports.progress is not None:
            session.exports.cancel()
        elif focus is not None and self._escape is not None:  # Esc as usual in that widget
            self._escape.setEnabled(False)
            for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                QApplication.sendEvent(focus, QKeyEvent(kind, Qt.Key.Key_Escape, Qt.KeyboardModifier.NoModifier))
            self._escape.setEnabled(True)

    def _on_focus(self, old: QWidget | None, now: QWidget | None) -> None:
        if now is None or now.window() is not self._panel.window():
            return
        clicked = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        ours = now is not self._panel and self._panel.isAncestorOf(now)
        if clicked and ours and not isinstance(now, _KEEPS_A_CLICK):
            self.focus_viewer()
        elif not clicked and old is not None and (ours or self._panel.isAncestorOf(old)):
            soon(self, partial(self._leave, old))  # Qt moves the focus before it disables a control

    def _leave(self, control: QWidget) -> None:
        """Let the viewer have the keys where a control has vanished or cannot be used any more."""
        with contextlib.suppress(RuntimeError):  # deleted since
            if not (control.isVisible() and control.isEnabled()):
                self.focus_viewer()


def host_of(widget: QWidget) -> QWidget:
    """The main window; for a floating dock the window that the dock was taken from."""
    while (parent := widget.parentWidget()) is not None:
        widget = parent
    return widget
