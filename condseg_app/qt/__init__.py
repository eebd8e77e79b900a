"""Widgets over the session: qtpy only, so that they live in napari's dock and in the app alike."""

from condseg_app.qt.panel import Panel

__all__ = ["Panel"]
