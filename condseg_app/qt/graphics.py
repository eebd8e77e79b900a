"""napari's canvas and the OpenGL context of its drawings."""

from functools import cache
from typing import Any

from napari.components import ViewerModel
from napari.qt import QtViewer
from qtpy.compat import isalive
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext

_GL_RENDERER = 0x1F01
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software", "gdi generic", "basic render")


def unwrapped(viewer: ViewerModel) -> ViewerModel:
    """The viewer itself, of which napari hands plugins a stand-in that warns of private attributes."""
    model: ViewerModel = getattr(viewer, "__wrapped__", viewer)
    return model


def canvas_of(viewer: ViewerModel) -> QtViewer | None:
    """The widget that shows a viewer, None where none does."""
    model = unwrapped(viewer)
    # Not of all widgets: PySide crashes at times when wrapping widgets that Qt has made for itself and deletes itself.
    alive = (widget for widget in list(QtViewer._instances) if isalive(widget))  # type: ignore[no-untyped-call]
    return next((widget for widget in alive if widget.viewer is model), None)


def keep_own_context(viewer: ViewerModel) -> None:
    """Run a viewer's drawing commands in its canvas's own OpenGL context only.

    When a layer is removed, napari frees the layer's programs, textures and buffers in the current context, and between
    two frames that is the context in which Qt composes the window. Mesa's software drawing then crashes in one of the
    next frames (docs/decisions/0016).
    """
    widget = canvas_of(viewer)
    if widget is None:
        return
    scene, native = widget.canvas._scene_canvas, widget.canvas.native
    if "flush_commands" in vars(scene.context):
        return  # an earlier panel's, closed since
    run_commands = scene.context.flush_commands

    def run_commands_in_own_context(event: object = None) -> None:
        alive = isalive(native)  # type: ignore[no-untyped-call]
        if alive and native.isValid() and QOpenGLContext.currentContext() != native.context():
            scene.set_current()
        run_commands(event)

    scene.context.flush_commands = run_commands_in_own_context


def release_replaced_views(viewer: ViewerModel) -> None:
    """Let the mouse go that a drag holds in a view of a grid that was replaced since the press.

    napari makes the grid anew when a layer comes or goes. Every move of the drag would raise "camera is not a child of
    SubScene".
    """
    widget = canvas_of(viewer)
    if widget is not None:
        events = widget.canvas._scene_canvas.events
        for emitter in (events.mouse_move, events.mouse_release):
            emitter.connect(_release_replaced_view, position="first")  # a second time without effect


def _release_replaced_view(event: Any) -> None:
    scene = event.source
    root = view = scene._mouse_handler
    while root is not None and root.parent is not None:
        root = root.parent
    if view is not None and root is not scene.scene:
        scene._mouse_handler = None


def draws_in_software() -> bool:
    """Whether the processor does a graphics card's work, as in virtual machines and on remote desktops."""
    return any(name in renderer().lower() for name in _SOFTWARE)


@cache
def renderer() -> str:
    """OpenGL's name of the device that draws; empty where nothing draws."""
    before = QOpenGLContext.currentContext()  # napari's next layer takes for granted that a context is current
    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    if not context.create() or not context.makeCurrent(surface):
        return ""
    name = str(context.functions().glGetString(_GL_RENDERER))
    context.doneCurrent()
    if before is not None:
        before.makeCurrent(before.surface())
    return name
