"""napari's own buttons, keys and menus in a window that is not napari's."""

from collections.abc import Callable
from typing import Any

from napari._app_model import get_app_model
from napari.components import LayerList, ViewerModel
from napari.layers import Layer
from napari.qt import QtViewer

# The console needs napari's own window and a Python shell, the list of keys needs napari's settings; themes are ours.
_KEYS_OF_NAPARI_ALONE = ("Control-Shift-C", "Control-Alt-/", "Control-Shift-T")


class NapariActions:
    """Gives napari's actions the viewer that they act on, and leaves out those that need napari's own window.

    An action names the type of its argument ("viewer: ViewerModel"), and napari looks that type up among the
    providers of the `injection_store`. napari's own providers look for napari's own window.
    """

    def __init__(self, widget: QtViewer) -> None:
        viewer = widget.viewer
        providers: list[tuple[Callable[[], object], Any]] = [
            (lambda: viewer, ViewerModel),
            (lambda: viewer.layers, LayerList),
            (lambda: viewer.layers.selection.active, Layer),
        ]
        self._registered = get_app_model().injection_store.register(providers=providers)
        widget.viewerButtons.consoleButton.hide()
        for key in _KEYS_OF_NAPARI_ALONE:
            viewer.bind_key(key, _do_nothing)  # napari's own way to leave a key out (...) fails at the next key

    def close(self) -> None:
        """Provide nothing more."""
        self._registered.cleanup()


def _do_nothing(viewer: ViewerModel) -> None:
    del viewer
