"""napari's 3D button and key in a viewer with our panel."""

from collections.abc import Callable

from napari.components import ViewerModel

from condseg_app.qt.graphics import canvas_of

_KEY = "Control-Y"


class Turning:
    """Turns into 3D by the panel's way, in which a large volume is reduced before napari reads all of it.

    Args:
        viewer: the viewer with the button.
        turn: turns into 3D or back.
    """

    def __init__(self, viewer: ViewerModel, turn: Callable[[], None]) -> None:
        self._viewer = viewer
        self._turn = turn
        widget = canvas_of(viewer)
        if widget is not None:
            button = widget.viewerButtons.ndisplayButton
            button.clicked.disconnect()
            button.clicked.connect(lambda: self._turn())
        viewer.bind_key(_KEY, lambda _: self._turn(), overwrite=True)

    def release(self) -> None:
        """Turn as napari does from now on. Touches nothing of Qt."""
        self._turn = self._as_napari
        self._viewer.bind_key(_KEY, None)

    def _as_napari(self) -> None:
        dims = self._viewer.dims
        dims.ndisplay = 2 if dims.ndisplay == 3 else 3
