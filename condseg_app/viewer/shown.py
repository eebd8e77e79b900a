"""Content of the layers, by the state and the view."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import ClassId, ClassTable, Region, as_level
from condseg_app.session import fusing
from condseg_app.session.state import State
from condseg_app.viewer.reduced import nothing_in


@dataclass(frozen=True)
class View:
    """How the image is looked at.

    Attributes:
        in_3d: whether the volume is seen, not a slice.
        is_reduced: whether a reduced volume is seen in place of the layers.
        painted: the class under the brush, which is drawn by the brush's own layer.
    """

    in_3d: bool = False
    is_reduced: bool = False
    painted: ClassId | None = None


@dataclass(frozen=True)
class Shown:
    """Content of the layers.

    Attributes:
        classes: rows of the map of classes; none where there is no map.
        hidden: the rows that are transparent.
        has_results: whether any class has something to be seen.
        fused: the classes that are fused in the map, by priority.
        on_top: the class that is drawn whole above the others.
        conflicts: whether the layer of conflicts is there.
        in_3d: whether the volume is seen, not a slice.
    """

    classes: ClassTable = field(default_factory=ClassTable)
    hidden: frozenset[ClassId] = frozenset()
    has_results: bool = False
    fused: tuple[ClassId, ...] = ()
    on_top: ClassId | None = None
    conflicts: bool = False
    in_3d: bool = False


def resolve(state: State, view: View) -> Shown:
    """Decide what the layers show: the current class on a slice whole and on top, in 3D like the others.

    In 3D, shapes that hide each other are to be seen as exported.
    """
    if state.image is None:
        return Shown()
    classes, current = state.classes.ids, state.current_class
    on_top = None if current is None or not state.has_result(current) or current in state.hidden else current
    if view.in_3d:
        on_top = None
    left_out = view.painted if on_top is None else on_top
    return Shown(
        state.classes,
        state.hidden,
        any(map(state.has_result, classes)),
        () if view.is_reduced else tuple(class_id for class_id in classes if class_id != left_out),
        None if view.is_reduced or on_top == view.painted else on_top,
        state.shows_conflicts,
        view.in_3d,
    )


class ShownLabels:
    """Draws the map of classes; the classes beneath the current class are kept while only this class changes."""

    def __init__(self) -> None:
        self._beneath: tuple[tuple[ClassId, ...], Region, NDArray[np.unsignedinteger]] | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the classes beneath are known."""
        return self._beneath is not None

    def forget(self) -> None:
        """Look at all classes again."""
        self._beneath = None

    def draw(self, state: State, shown: Shown, region: Region) -> NDArray[np.unsignedinteger]:
        """The map in a region: not to be written to."""
        on_top = shown.on_top
        if on_top is None and not shown.fused:  # the reduced volume is seen, or the brush's layer alone
            return nothing_in(region, state.opened_image().geometry.shape)
        labels = self._fused(state, shown, region)
        if on_top is None:
            return labels
        labels = labels.copy()
        reached = fusing.corrected(state, on_top, region) >= as_level(state.threshold(on_top))
        labels[reached] = state.entry(on_top).value
        return labels

    def _fused(self, state: State, shown: Shown, region: Region) -> NDArray[np.unsignedinteger]:
        kept = self._beneath
        if kept is not None and kept[:2] == (shown.fused, region) and not shown.in_3d:
            return kept[2]
        labels = fusing.labels(state, shown.fused, region).values
        if not shown.in_3d:  # a whole volume is too much to keep
            self._beneath = shown.fused, region, labels
        return labels
