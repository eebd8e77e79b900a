"""napari's viewer inside our own window: the only module that depends on the embedding."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.qt import QtViewer, get_stylesheet
from napari.utils.theme import get_system_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from condseg_app.desktop.napari_actions import NapariActions

_LEFT = Qt.DockWidgetArea.LeftDockWidgetArea
_EXTRA = """
QTabBar::tab { padding: 5px 12px; }
QMainWindow::separator { width: 4px; height: 4px; }
QToolTip { padding: 4px; }
"""


class Canvas:
    """A QtViewer over a ViewerModel, with napari's layer controls and layer list as docks at the left."""

    def __init__(self, window: QMainWindow) -> None:
        self.model = ViewerModel()
        self.model.canvas.background_color_override = "black"  # in the light theme, too: grey levels are read on dark
        self.widget = QtViewer(self.model)
        self.docks: tuple[QDockWidget, ...] = (self.widget.dockLayerControls, self.widget.dockLayerList)
        for dock in self.docks:
            window.addDockWidget(_LEFT, dock)
        self.actions = NapariActions(self.widget)
        self._rehearse()
        self._leave_drops_to(window)

    def _rehearse(self) -> None:
        """Let napari load its parts for layers now: loading takes seconds, which would delay a first result."""
        nothing = np.zeros((2, 2), np.uint8)
        labels = Labels(nothing)
        self.model.layers.extend([Image(nothing), labels])
        self.model.layers.selection.active = labels
        labels.mode = "paint"  # makes the circle of the brush
        self.model.layers.clear()
        _ = self.model.scene.camera.view_direction  # loads scipy's rotations

    def _leave_drops_to(self, window: QMainWindow) -> None:
        """Dropped files are opened by the session, not by napari's own readers."""
        window.setAcceptDrops(True)
        for widget in (self.widget, *self.widget.findChildren(QWidget)):
            widget.setAcceptDrops(False)

    def set_theme(self, theme: str) -> str:
        """Show a theme ('dark', 'light' or 'system'); returns the style sheet for the window."""
        chosen = get_system_theme() if theme == "system" else theme
        self.model.theme = chosen
        return str(get_stylesheet(chosen)) + _EXTRA

    def close(self) -> None:
        """Let the graphics card go, and napari's actions."""
        self.actions.close()
        self.widget.close()
