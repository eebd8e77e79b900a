"""Widgets over the session, with qtpy only: the same in napari's dock and in the app."""

from condseg_app.qt.panel import Panel

__all__ = ["Panel"]
