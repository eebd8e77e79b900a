"""The menu of the tour, the guide, the keys, the log, and the facts on the program."""

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QMainWindow

from condseg_app.desktop.about import about_html, keys_html
from condseg_app.desktop.log_window import LogWindow
from condseg_app.desktop.menus import SEPARATOR, Entry, Submenu, plain
from condseg_app.desktop.user_guide import GuideWindow
from condseg_app.qt.problem import RecentLog
from condseg_app.qt.text_dialog import TextDialog
from condseg_app.session import Session


def help_menu(window: QMainWindow, session: Session, log: RecentLog, take_tour: Callable[[], object]) -> Submenu:
    """The menu's entries; their windows lie over the given window."""
    return Submenu("help", "&Help", (
        Entry("tour", "Take the &tour", take_tour),
        Entry("guide", "&User guide", lambda: GuideWindow(window).show(), "F1"),
        Entry("keys", "&Keys", lambda: _show_keys(window), "Shift+F1"),
        Entry("log", "&Log", lambda: LogWindow(log, window).show()),
        SEPARATOR,
        Entry("about", "&About CondSeg", lambda: _show_about(window, session)),
    ))  # fmt: skip


def _show_keys(window: QMainWindow) -> None:
    """List the keys of the window's own actions, without those of its parts."""
    actions = window.findChildren(QAction, options=Qt.FindChildOption.FindDirectChildrenOnly)
    keys = [(action.shortcut().toString(), plain(action.text())) for action in actions]
    TextDialog("keys_dialog", "Keys", keys_html((key, text) for key, text in keys if key), window).open()


def _show_about(window: QMainWindow, session: Session) -> None:
    """Version, device, licences."""
    computing = session.computing
    TextDialog("about_dialog", "About CondSeg", about_html(computing.device, computing.place), window).open()
