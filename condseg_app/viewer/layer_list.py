"""Layers in and out of napari's list of layers."""

import contextlib

from napari.components import ViewerModel
from napari.layers import Layer


def add_quietly(viewer: ViewerModel, layer: Layer, position: int | None = None) -> None:
    """Add a layer, on top if no position is given, without changing the user's selection.

    No event is sent for the selection's move to the layer and back: napari would rebuild its controls each time.
    """
    selected = set(viewer.layers.selection)
    active = viewer.layers.selection.active
    with viewer.layers.selection.events.blocker_all():
        viewer.layers.insert(len(viewer.layers) if position is None else position, layer)
        viewer.layers.selection = selected
        if active is not None:
            viewer.layers.selection.active = active


def remove(viewer: ViewerModel, layer: Layer | None) -> None:
    """Remove a layer, if present and not yet removed by the user."""
    if layer is not None:
        with contextlib.suppress(ValueError):  # the user has removed the layer already
            viewer.layers.remove(layer)


def is_gone(viewer: ViewerModel, layer: Layer | None) -> bool:
    """Whether a layer is no longer in the viewer."""
    return layer is not None and layer not in viewer.layers


def select(viewer: ViewerModel, layer: Layer) -> None:
    """Make a layer the only selected layer, with one event; napari's own setter lets its controls follow thrice."""
    selection = viewer.layers.selection
    selection.symmetric_difference_update({*selection} ^ {layer})
