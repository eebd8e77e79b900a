"""The panel in napari's dock, with its own session; the active image layer is the session's image."""

from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image as ImageLayer
from napari.layers import Labels as LabelsLayer
from qtpy.QtCore import QEvent
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QWidget

from condseg_app.errors import CondsegError
from condseg_app.qt import Panel
from condseg_app.qt.connections import soon
from condseg_app.qt.engine_dialog import ask_where_to_compute
from condseg_app.qt.focus_ring import FocusRing
from condseg_app.qt.keyboard import host_of
from condseg_app.qt.layout import column
from condseg_app.remote import Engine
from condseg_app.session import Session
from condseg_app.session.settings import chosen_place, load_settings, remember_teaching, settings_path
from condseg_app.viewer import LayerBinding
from napari_condseg.kept import Guard, taken_up
from napari_condseg.labels_offer import LabelsOffer

if TYPE_CHECKING:
    import napari.viewer

_DISPLAY_NAME = "CondSeg"


class CondSegWidget(QWidget):
    """The widget in napari's dock.

    Args:
        napari_viewer: given by napari.
        session: for tests and scripts, instead of a new session.
        settings_file: the app's settings, of which the panel shares the place of computing and the teaching mode.
    """

    def __init__(
        self, napari_viewer: "napari.viewer.Viewer", session: Session | None = None, settings_file: Path | None = None
    ) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._settings_file = settings_path() if settings_file is None else settings_file
        self._guard = taken_up(napari_viewer) if session is None else None
        settings = load_settings(self._settings_file)
        kept = None if self._guard is None else self._guard.session  # of an earlier panel with unsaved work
        self.session = session or kept or Session(Engine.at(chosen_place(settings)))
        self.binding = LayerBinding(self.session, napari_viewer)
        self.panel = Panel(self.binding)
        self._focus_ring = FocusRing(self)
        self.labels_offer = LabelsOffer(self.session)
        column(self.labels_offer, self.panel, on=self)
        self._viewer.layers.selection.events.active.connect(self._follow_active)
        self.panel.device.change_asked.connect(
            lambda: ask_where_to_compute(self.session, self._settings_file, self.panel)
        )
        self.panel.teach.choose_mode(settings.teaching)
        self.panel.teach.mode_chosen.connect(lambda mode: remember_teaching(mode, self._settings_file))
        self.destroyed.connect(lambda: self._end())  # a bound method would be held weakly, and gone by then
        self._take_first()
        self.session.computing.find_device()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Guard unsaved work against closing of napari's window."""
        super().showEvent(event)
        if self._guard is None:
            self._guard = Guard(host_of(self), self._viewer, self.session, self.binding.painting.collect)
        self._guard.collect = self.binding.painting.collect

    def event(self, event: QEvent) -> bool:
        """Delete the widget when the dock is closed: napari only takes the widget out."""
        if event.type() == QEvent.Type.ParentChange and self.parentWidget() is None:
            soon(self, lambda: None if self.parentWidget() is not None else self.deleteLater())
        return super().event(event)

    def _take_first(self) -> None:
        active = self._viewer.layers.selection.active
        images = [layer for layer in self._viewer.layers if isinstance(layer, ImageLayer)]
        chosen = active if isinstance(active, ImageLayer) else next(reversed(images), None)
        if chosen is not None:
            self._use(chosen)

    def _follow_active(self) -> None:
        """Use the newly active image layer as the image, unless work is under way."""
        layer = self._viewer.layers.selection.active
        is_foreign = isinstance(layer, LabelsLayer) and not self.binding.owns(layer)
        self.labels_offer.offer(layer if is_foreign else None)
        if not isinstance(layer, ImageLayer) or self.binding.owns(layer):
            return
        if self.session.jobs.current is not None:
            self.session.notice.emit(f"'{layer.name}' becomes the image when you select it after the work under way.")
            return
        self._use(layer)

    def _use(self, layer: ImageLayer) -> None:
        try:
            self.binding.use_layer(layer)
        except CondsegError as error:
            self.session.notice.emit(str(error))

    def _end(self) -> None:
        """The dock was closed: unsaved work waits for another panel, the user's layers stay in the viewer."""
        self._viewer.layers.selection.events.active.disconnect(self._follow_active)
        self.panel.shut()
        if self._guard is None:
            self.session.close()
        else:
            self._guard.leave_panel()


def show_export(viewer: "napari.viewer.Viewer") -> None:
    """Open the panel at the Export page."""
    _, widget = viewer.window.add_plugin_dock_widget("condseg", _DISPLAY_NAME)
    widget.panel.show_page("export")
