"""Uses every control of a window, and of whatever opens when it is used."""

import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog, QMenu, QWidget

from condseg_app.qt.problem import ProblemDialog
from tests.window.controls import Control, controls_of, pump
from tests.window.watch import Watch

_DEEPEST = 3
_NESTED_MS = 150


class Stage(Protocol):
    """The window that is used, in a state that can be set up again."""

    @property
    def window(self) -> QWidget:
        """The main window."""

    def holds(self) -> bool:
        """Whether the window is still open, and in the state."""

    @property
    def pages(self) -> range:
        """The pages of the panel, on each of which other controls are visible."""

    def show_page(self, page: int) -> None:
        """Turn the panel to a page."""

    def set_up(self) -> None:
        """Get the window into the state, with a new one if need be."""

    def renew(self) -> None:
        """Take another window."""

    def untold(self) -> list[str]:
        """What the window does not tell of its controls."""


@dataclass
class Explorer:
    """Uses controls one after the other and has the stage set up again where one has changed its state.

    Args:
        stage: the window.
        watch: notes what goes wrong.
        order: makes the order in which controls are used, and which of many are left out.
        most_inside: so many controls at most of each window that opens.
    """

    stage: Stage
    watch: Watch
    order: random.Random
    most_inside: int
    used: set[str] = field(default_factory=set)
    _chosen_inside: dict[str, list[str]] = field(default_factory=dict)
    _depth: int = 0

    def use_all(self, wanted: Callable[[list[str]], list[str]]) -> None:
        """Set the window up, and use controls of it with each page of the panel.

        Args:
            wanted: chooses of the names of controls, in the order in which they are to be used.
        """
        seen: set[str] = set()
        self.set_up()
        for page in self.stage.pages:
            self._found(page)
            self.watch.do(f"page {page}")
            for text in self.stage.untold():
                self.watch.fault(text)
            fresh = [name for name in controls_of(self.stage.window) if name not in seen]
            seen.update(fresh)
            for name in wanted(fresh):
                self._use_fully(name, page)

    def set_up(self) -> None:
        """Get the window into its state; what cannot be is a fault, and another window is taken then."""
        self.watch.do(f"setting up after {self.watch.doing}")
        with self.watch.rest():
            try:
                self.stage.set_up()
            except Exception as error:  # noqa: BLE001 - whatever it is
                self.watch.fault("".join(traceback.format_exception(error)))
                self.stage.renew()
                self.stage.set_up()

    def _found(self, page: int) -> dict[str, Control]:
        """The controls of the main window in its state."""
        if not self.stage.holds():
            self.set_up()
        self.stage.show_page(page)
        return controls_of(self.stage.window)

    def _use_fully(self, name: str, page: int) -> None:
        """Use a control as often as something that it opens has controls that were not used yet."""
        for _ in range(200):
            control = self._found(page).get(name)
            if control is None or not self._use(control, (), _visible_windows()):
                return

    def _use(self, control: Control, trail: tuple[str, ...], before: set[QWidget]) -> bool:
        """Use a control and one of each window that it opens; whether there is more to use in these."""
        trail = (*trail, control.name)
        self.watch.do(" > ".join(trail))
        self.used.add(control.name)
        more = _More()
        warden = QTimer()  # a dialog may run a loop of events of its own, so that `use` comes back only after it
        warden.setInterval(_NESTED_MS)
        depth = self._depth = len(trail)
        warden.timeout.connect(lambda: self._enter_opened(trail, before, more) if self._depth == depth else None)
        warden.start()
        try:
            control.use()
        except Exception as error:  # noqa: BLE001 - whatever it is
            if "already deleted" not in str(error):  # it went while it was used
                self.watch.fault("".join(traceback.format_exception(error)))
        warden.stop()
        pump()
        self._enter_opened(trail, before, more)
        self._depth = depth - 1
        return more.left

    def _enter_opened(self, trail: tuple[str, ...], before: set[QWidget], more: "_More") -> None:
        """Use one control of each window that has opened, then close it."""
        for _ in range(20):
            opened = [window for window in _visible_windows() if window not in before]
            if not opened:
                return
            window = max(opened, key=lambda w: (w is QApplication.activePopupWidget(), w.isModal()))
            self._check(window)
            left = self._left_inside(window) if len(trail) < _DEEPEST else []
            control = controls_of(window).get(left[0]) if left else None
            if control is not None:
                more_inside = self._use(control, trail, {*before, *opened})
                self._depth = len(trail)
                if not more_inside:
                    left.remove(control.name)
                more.left = more.left or bool(left)
            close(window)

    def _left_inside(self, window: QWidget) -> list[str]:
        """The controls of an opened window that were not used yet; of a window with many, of some of them."""
        try:
            kind = f"{type(window).__name__} {window.objectName()} {window.windowTitle()}"
            found = list(controls_of(window))
        except RuntimeError:  # it is closed and gone
            return []
        is_menu = isinstance(window, QMenu)
        key = "|".join((kind, *found)) if is_menu else kind
        if key not in self._chosen_inside:
            some = self.order.sample(found, min(self.most_inside, len(found)))
            self._chosen_inside[key] = found if is_menu else some
        left = self._chosen_inside[key]
        left[:] = [name for name in left if name in found]
        return left

    def _check(self, window: QWidget) -> None:
        if isinstance(window, ProblemDialog) and "went wrong" in window.text():
            self.watch.fault(f"the dialog '{window.text()}'\n{window.detailedText()[-2000:]}")


@dataclass
class _More:
    left: bool = False


def _visible_windows() -> set[QWidget]:
    """Windows on screen but tool tips and floating docks."""
    passing = (Qt.WindowType.ToolTip, Qt.WindowType.Tool, Qt.WindowType.SplashScreen)
    return {w for w in QApplication.topLevelWidgets() if w.isVisible() and w.windowType() not in passing}


def close(window: QWidget) -> None:
    """Close what has opened: with Esc as a person does, or for good."""
    try:
        if window.isVisible():
            QTest.keyClick(window, Qt.Key.Key_Escape)
        if window.isVisible() and isinstance(window, QDialog):
            window.reject()
        if window.isVisible():
            window.hide() if isinstance(window, QMenu) else window.close()
    except RuntimeError:  # it was deleted as it closed
        return
    pump(1)
