"""Unsaved work that outlives the panel: kept with napari's window, which asks before closing."""

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from condseg_app.qt.graphics import unwrapped
from condseg_app.qt.leaving import Leaving
from condseg_app.session import Session

if TYPE_CHECKING:
    import napari.viewer

_KEPT: "dict[int, Guard]" = {}
"""Guards of viewers whose panel was closed with unsaved work, by viewer: a panel is given only a viewer."""
_SAID = "Your work is kept: open the panel again."


class Guard(QObject):
    """Asks before napari's window closes over unsaved work, and holds that work once the panel is closed.

    Closing napari from a script (`viewer.close()`) takes the layers away first and is not held up.

    Args:
        window: napari's.
        viewer: in the window.
        session: of the panel.
        collect: hands over unfinished painting.
    """

    def __init__(
        self, window: QWidget, viewer: "napari.viewer.Viewer", session: Session, collect: Callable[[], object]
    ) -> None:
        super().__init__(window)
        self.session, self.collect = session, collect
        self._window, self._key = window, _key(viewer)
        self._layers = weakref.ref(unwrapped(viewer).layers)
        self._leaving = Leaving(session, window, window.close, lambda: self.collect(), "napari")
        window.installEventFilter(self)
        window.destroyed.connect(lambda: self._end())
        self._ended = False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Hold a closing window back while something would be lost."""
        closes = watched is self._window and event.type() == QEvent.Type.Close
        if not closes or not self._layers() or self._leaving.may_close():
            return super().eventFilter(watched, event)
        event.ignore()
        return True

    def leave_panel(self) -> None:
        """Go on without the panel where something is unsaved; else end the session."""
        self.collect = _nothing
        if self._ended:
            return
        if not self._window.isVisible() or not self.session.unsaved:
            self._end()
            self._window.removeEventFilter(self)
            self.deleteLater()
            return
        self.session.images.close()
        _KEPT[self._key] = self
        show_info(_SAID)

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        _KEPT.pop(self._key, None)
        self.session.close()


def taken_up(viewer: "napari.viewer.Viewer") -> Guard | None:
    """The guard, with its session, left behind by an earlier panel of a viewer."""
    return _KEPT.pop(_key(viewer), None)


def _key(viewer: "napari.viewer.Viewer") -> int:
    """A key, the same for a viewer and for the viewer's proxies that napari hands to plugins."""
    return id(unwrapped(viewer))


def _nothing() -> None:
    """Hand over nothing: no panel, no painting."""
