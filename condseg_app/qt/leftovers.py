"""Release of all that napari, Qt and the memory allocator keep of removed layers."""

from collections.abc import Callable, Iterator
from inspect import getclosurevars
from threading import Thread
from typing import Any
from weakref import ReferenceType

from app_model.expressions import Context, get_context
from napari.components import ViewerModel
from napari.qt import QtViewer
from napari.settings import get_settings
from psygnal import SignalInstance
from qtpy.QtCore import QObject

from condseg_app.memory import allocator_function
from condseg_app.qt.connections import delay
from condseg_app.qt.graphics import canvas_of, unwrapped

_AFTER_MS = 2000


class Leftovers(QObject):
    """Releases what stays of removed layers, two seconds later.

    napari makes its sliders anew whenever the number of axes changes, which is twice for each image that is opened, and
    copies its list of layers to tell the value under the cursor. Every slider and every copy leaves callbacks
    connected to objects that live as long as the program, and every slider a validator. The allocator keeps freed
    memory between blocks in use, which grows with every image.

    Args:
        viewer: the viewer.
        parent: ends this object when destroyed.
    """

    def __init__(self, viewer: ViewerModel, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = unwrapped(viewer)
        self._timer = delay(self, _AFTER_MS, self.release)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.ndim.connect(self._on_axes, position="last")  # after napari's own
        self._on_axes()

    def close(self) -> None:
        """Let the viewer go; touch nothing of Qt."""
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._viewer.dims.events.ndim.disconnect(self._on_axes)

    def release(self) -> None:
        """Release everything that is kept of objects that are gone."""
        forget_dead_contexts(self._viewer)
        forget_dead_settings()
        return_freed_memory()

    def _on_removed(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _on_axes(self) -> None:
        canvas = canvas_of(self._viewer)  # not kept: napari's tests of plugins take it for a leak
        if canvas is not None:
            own_validators(canvas)


def forget_dead_contexts(viewer: ViewerModel) -> None:
    """Disconnect contexts that are gone, of copies of the viewer's list of layers, from the list's and its parents'."""
    own = get_context(viewer.layers)
    for context in [] if own is None else [own, *(found for found in own.maps if isinstance(found, Context))]:
        for slot in tuple(context.changed._slots):  # psygnal disconnects live functions only
            child = getattr(slot.dereference(), "__self__", None)
            if isinstance(child, SignalInstance) and child.instance is None:
                context.changed._slots.remove(slot)


def forget_dead_settings() -> None:
    """Disconnect napari's settings from objects that are gone: these would stay until the setting changes."""
    settings = get_settings()
    for group in (settings.application, settings.appearance, settings.experimental):
        for emitter in group.events.emitters.values():
            for callback in emitter.callbacks:
                if callable(callback) and any(reference() is None for reference in _references(callback)):
                    emitter.disconnect(callback)


def own_validators(canvas: QtViewer) -> None:
    """Make the slice numbers' fields own their validators: PySide keeps any other validator of a deleted field."""
    for slider in canvas.dims.slider_widgets:
        slider.curslice_label.validator().setParent(slider.curslice_label)


def return_freed_memory() -> None:
    """Give freed memory back to the system, in the background; glibc only."""
    trim = allocator_function("malloc_trim")
    if trim is not None:
        Thread(target=trim, args=(0,), name="trim", daemon=True).start()


def _references(callback: Callable[..., object]) -> Iterator["ReferenceType[Any]"]:
    """Weak references that a function holds."""
    variables = getclosurevars(callback).nonlocals.values() if hasattr(callback, "__code__") else ()
    return (variable for variable in variables if isinstance(variable, ReferenceType))
