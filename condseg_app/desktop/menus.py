"""The menus as data."""

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtGui import QAction, QKeySequence
from qtpy.QtWidgets import QMainWindow, QMenu

SEPARATOR = None


@dataclass(frozen=True)
class Entry:
    """An entry of a menu."""

    name: str
    text: str
    do: Callable[[], object]
    key: str = ""
    checkable: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Submenu:
    """A menu in a menu."""

    name: str
    text: str
    entries: "tuple[Entry | Submenu | None, ...]" = ()


def build(window: QMainWindow, menus: tuple[Submenu, ...]) -> tuple[dict[str, QAction], dict[str, QMenu]]:
    """Fill a window's menu bar; returns actions and menus by name."""
    actions: dict[str, QAction] = {}
    made: dict[str, QMenu] = {}
    bar = window.menuBar()
    for submenu in menus:
        menu = bar.addMenu(submenu.text)
        _fill(window, menu, submenu, actions, made)
    return actions, made


def plain(text: str) -> str:
    """A menu's text without the mark of the accelerator and a dialog's dots."""
    return text.replace("&", "").removesuffix("…")


def _fill(
    window: QMainWindow, menu: QMenu, submenu: Submenu, actions: dict[str, QAction], made: dict[str, QMenu]
) -> None:
    menu.setObjectName(submenu.name)
    menu.setToolTipsVisible(True)
    made[submenu.name] = menu
    for entry in submenu.entries:
        if entry is None:
            menu.addSeparator()
        elif isinstance(entry, Submenu):
            _fill(window, menu.addMenu(entry.text), entry, actions, made)
        else:
            actions[entry.name] = _action(window, menu, entry)


def _action(window: QMainWindow, menu: QMenu, entry: Entry) -> QAction:
    action = QAction(entry.text, window)
    action.setObjectName(entry.name)
    if entry.key:
        action.setShortcut(QKeySequence(entry.key))
    if entry.hint:
        action.setToolTip(entry.hint)
    action.setCheckable(entry.checkable)
    do = entry.do
    action.triggered.connect(lambda: do())
    menu.addAction(action)
    return action
