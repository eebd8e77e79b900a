"""Voxels that drawing may change: none of locked classes, and none outside of the area that the user chose."""

from collections.abc import Iterable

import numpy as np

from condseg_app.data import ClassId, Region
from condseg_app.session import fusing
from condseg_app.session.drawing.piece import Mask
from condseg_app.session.state import State


def allowed(state: State, class_id: ClassId, region: Region) -> Mask:
    """Voxels of a region that may be drawn for a class: a new array. A class and its parts do not exclude each other.

    Args:
        state: all that is open.
        class_id: the class that is drawn; nothing may be drawn for a locked class.
        region: a box of the image.
    """
    shape = state.opened_image().geometry.part(region).shape
    if class_id in state.locked:
        return np.zeros(shape, bool)
    free = np.ones(shape, bool)
    for other in _excluding(state, class_id):
        free &= ~fusing.shown(state, other, region)
    if state.only_inside is not None and state.classes.by_id(state.only_inside) is not None:
        free &= fusing.shown(state, state.only_inside, region)
    return free


def _excluding(state: State, class_id: ClassId) -> Iterable[ClassId]:
    """The classes whose voxels are left alone."""
    classes, own = state.classes, state.entry(class_id).name
    for entry in classes:
        excludes = entry.id in state.locked or (state.only_free and entry.id != state.only_inside)
        related = entry.name in classes.wholes_of(own) or own in classes.wholes_of(entry.name)
        if excludes and entry.id != class_id and not related:
            yield entry.id
