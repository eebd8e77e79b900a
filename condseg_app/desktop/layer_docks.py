"""napari's docks at the left: shown while the image keeps half of the window, or as the person wants."""

from qtpy.compat import isalive
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow

_TITLE_BAR = QSize(4, 36)  # a window manager's frame, before the real size is known


class LayerDocks:
    """Shows and hides the layer list and the layer controls together.

    Args:
        window: the window with the docks.
        docks: the docks.
        panel: the dock at the other side of the image.
    """

    def __init__(self, window: QMainWindow, docks: tuple[QDockWidget, ...], panel: QDockWidget) -> None:
        self._window, self._docks, self._panel = window, docks, panel
        self._wanted: bool | None = None
        self._is_arranging = False
        self._has_image = False
        for dock in docks:
            dock.visibilityChanged.connect(self._on_visibility)

    @property
    def are_shown(self) -> bool:
        """Whether any dock is on screen."""
        return any(not dock.isHidden() for dock in self._docks)

    def toggle(self) -> None:
        """Show or hide the docks, from now on whether there is room or not."""
        self._wanted = not self.are_shown
        self.arrange()

    def follow(self, has_image: bool) -> None:
        """Show none without an image."""
        self._has_image = has_image
        self.arrange()

    def arrange(self) -> None:
        """Show the docks as the person wants, or else where there is room."""
        shown = self._has_image and (self._has_room() if self._wanted is None else self._wanted)
        self._is_arranging = True
        for dock in self._docks:
            if dock.isHidden() == shown:
                dock.setVisible(shown)
        if shown and self._wanted is None:
            widths = [dock.minimumSizeHint().width() for dock in self._docks]
            self._window.resizeDocks([*self._docks], widths, Qt.Orientation.Horizontal)
        self._is_arranging = False

    def _has_room(self) -> bool:
        across = self._window.width()
        panel = self._panel.width() if self._is_beside(self._panel) else 0
        docks = max((dock.minimumSizeHint().width() for dock in self._docks if not dock.isFloating()), default=0)
        return across - panel - docks >= across / 2

    def _is_beside(self, dock: QDockWidget) -> bool:
        return not dock.isHidden() and not dock.isFloating()

    def _on_visibility(self, _visible: bool) -> None:
        """Note that the person closed a dock with its button, or opened a dock from the menu of a dock's title."""
        alive = isalive(self._window)  # type: ignore[no-untyped-call]
        if alive and not self._is_arranging and self._has_image and self._window.isVisible():
            hidden = [dock.isHidden() for dock in self._docks]
            if all(hidden) or not any(hidden):
                self._wanted = not all(hidden)


def fitted(wanted: QSize, window: QMainWindow) -> QSize:
    """A window's size, limited to the room of the screen."""
    return wanted.boundedTo(window.screen().availableGeometry().size() - _TITLE_BAR)
