"""The drawing tools as a menu; those that need numbers ask for them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from qtpy.QtCore import QObject
from qtpy.QtGui import QActionGroup
from qtpy.QtWidgets import QMenu, QWidget

from condseg_app.data import ClassId, measure
from condseg_app.qt.number_dialog import Number, NumberDialog
from condseg_app.qt.text import as_it_is, without_mnemonic
from condseg_app.session.drawing.drawn import spacing_of
from condseg_app.session.drawing.growing import Grow, Shrink, Smooth
from condseg_app.session.drawing.intensities import KeepRange
from condseg_app.session.drawing.parts import FillHoles, KeepLargest, RemoveSmall
from condseg_app.session.drawing.piece import Tool
from condseg_app.session.drawing.slices import AXES, Axis, CopySlice, FillBetween
from condseg_app.session.may import Action, why_not
from condseg_app.viewer import LayerBinding
from condseg_app.viewer.keys import KEYS

_NO_SLICE = "Turn to 2D first: in 3D no single slice is in view"
_SMALL_PART = 100
"""Voxels of a part that is proposed to be small."""
_RANGE = (0.0, 255.0)


@dataclass(frozen=True)
class ToolEntry:
    """An entry of the menu.

    Attributes:
        key: name, also of the key's action.
        text: in the menu.
        hint: a sentence on the effect.
        make: the tool, from the view and the numbers; None where no slice is in view.
        asks: the numbers to be asked for; None where none are needed.
        action: asked of the session.
    """

    key: str
    text: str
    hint: str
    make: Callable[..., Tool | None]
    asks: Callable[[LayerBinding], tuple[Number, ...]] | None = None
    action: Action = "draw"


def _distance(binding: LayerBinding) -> tuple[Number, ...]:
    geometry = binding.session.state.opened_image().geometry
    least = _rounded_up(min(geometry.spacing[:2] if geometry.is_2d else geometry.spacing))
    return (Number("Distance", least, "px" if geometry.unit == "pixel" else geometry.unit, _decimals(least)),)


def _size(binding: LayerBinding) -> tuple[Number, ...]:
    size = measure(_SMALL_PART, binding.session.state.opened_image().geometry)
    least = _rounded_up(size.value)
    return (Number("Smallest size", least, size.unit, _decimals(least)),)


def _range(binding: LayerBinding) -> tuple[Number, ...]:
    low, high = getattr(binding.source.main, "contrast_limits", None) or _RANGE
    return (Number("From", float(low), may_be_negative=True), Number("To", float(high), may_be_negative=True))


def _remove_small(binding: LayerBinding, size: float) -> Tool:
    geometry = binding.session.state.opened_image().geometry
    return RemoveSmall(size / measure(1, geometry).value * float(np.prod(spacing_of(geometry))))


def _copy(binding: LayerBinding, by: int) -> Tool | None:
    sight = binding.sight
    source, target = (None, None) if sight is None else (sight.slice_beside(0), sight.slice_beside(by))
    return None if source is None or target is None else CopySlice(_axis(binding), source, target)


def _axis(binding: LayerBinding) -> Axis:
    across = None if binding.sight is None else binding.sight.across()
    return next((axis for axis in AXES if axis == across), 2)


TOOLS: tuple[ToolEntry | None, ...] = (
    ToolEntry("grow", "Grow", "Adds all voxels within a distance of the mask",
              lambda _, distance: Grow(distance), _distance),
    ToolEntry("shrink", "Shrink", "Removes all voxels within a distance of the outside",
              lambda _, distance: Shrink(distance), _distance),
    ToolEntry("smooth", "Smooth", "Smooths the surface; details smaller than the distance go",
              lambda _, distance: Smooth(distance), _distance),
    None,
    ToolEntry("fill_holes", "Fill holes", "Adds what the mask encloses on all sides",
              lambda _: FillHoles()),
    ToolEntry("fill_holes_2d", "Fill holes slice by slice", "Adds what the mask encloses on each slice",
              lambda binding: FillHoles(_axis(binding)), action="draw_slices"),
    ToolEntry("keep_largest", "Keep the largest part", "Removes all connected parts but the largest",
              lambda _: KeepLargest()),
    ToolEntry("remove_small", "Remove small parts", "Removes connected parts that are smaller than a size",
              _remove_small, _size),
    ToolEntry("keep_range", "Keep intensities", "Removes voxels whose intensity is outside of a range",
              lambda _, low, high: KeepRange(low, high), _range),
    None,
    ToolEntry("fill_between", "Interpolate between slices", "Fills the slices between annotated slices",
              lambda binding: FillBetween(_axis(binding)), action="draw_slices"),
    ToolEntry("copy_next", "Copy to the next slice", "Adds the mask on this slice to the next; goes there",
              partial(_copy, by=1), action="draw_slices"),
    ToolEntry("copy_before", "Copy to the slice before", "Adds the mask on this slice to the one before; goes there",
              partial(_copy, by=-1), action="draw_slices"),
)  # fmt: skip


class DrawingTools(QObject):
    """Makes the menu and uses the tools on the classes of a session.

    Args:
        binding: with session and view.
        parent: the widget below dialogs.
    """

    def __init__(self, binding: LayerBinding, parent: QWidget) -> None:
        super().__init__(parent)
        self._binding, self._over = binding, parent
        self._session = binding.session
        self._last: dict[tuple[str, str], tuple[float, ...]] = {}

    def menu(self, class_id: ClassId, parent: QWidget) -> QMenu:
        """The menu of the tools for a class."""
        menu = QMenu("Tools", parent)
        menu.setObjectName("tools_menu")
        menu.setToolTipsVisible(True)
        keys = {key.action: f"\t{key.shown}" for key in KEYS}
        for entry in TOOLS:
            if entry is None:
                menu.addSeparator()
                continue
            dots = "" if entry.asks is None else "…"
            action = menu.addAction(f"{entry.text}{dots}{keys.get(entry.key, '')}")
            action.setObjectName(entry.key)
            reason = why_not(self._session.state, entry.action, class_id)
            action.setEnabled(reason is None)
            action.setToolTip(as_it_is(reason or entry.hint))
            action.triggered.connect(partial(self.use, entry, class_id))
        menu.addSeparator()
        self._add_areas(menu.addMenu("Where to draw"), class_id)
        return menu

    def _add_areas(self, menu: QMenu, class_id: ClassId) -> None:
        """Entries that confine brush and tools."""
        menu.setObjectName("areas_menu")
        state, group = self._session.state, QActionGroup(menu)
        others = [entry for entry in state.classes if entry.id != class_id and state.has_result(entry.id)]
        areas: list[tuple[str, bool, ClassId | None]] = [
            ("Everywhere", False, None),
            ("Where no other class is", True, None),
        ]
        areas += [(f"Inside {without_mnemonic(entry.name)}", False, entry.id) for entry in others]
        for text, only_free, only_inside in areas:
            action = group.addAction(text)
            action.setCheckable(True)
            action.setChecked((only_free, only_inside) == (state.only_free, state.only_inside))
            confine = partial(self._session.drawing.confine, only_free=only_free, only_inside=only_inside)
            action.triggered.connect(partial(_without_arguments, confine))
            menu.addAction(action)

    def by_key(self) -> dict[str, Callable[[], None]]:
        """The use of each tool on the current class, by the tool's key."""
        return {entry.key: partial(self.use, entry) for entry in TOOLS if entry is not None}

    def use(self, entry: ToolEntry, class_id: ClassId | None = None, *_: object) -> None:
        """Use a tool on a class, the current class if None; ask for its numbers first."""
        own = class_id or self._session.state.current_class
        reason = why_not(self._session.state, entry.action, own)
        if reason is not None or own is None:
            self._session.notice.emit(f"{reason}.")
            return
        if entry.asks is None:
            self._apply(entry, own)
        else:
            self._ask(entry, own, entry.asks(self._binding))

    def _ask(self, entry: ToolEntry, class_id: ClassId, numbers: tuple[Number, ...]) -> None:
        """Ask for a tool's numbers, which are remembered for each unit, and use the tool."""
        asked = (entry.key, numbers[0].unit)
        last = self._last.get(asked, tuple(number.value for number in numbers))
        proposed = [replace(number, value=value) for number, value in zip(numbers, last, strict=True)]

        def take(values: tuple[float, ...]) -> None:
            self._last[asked] = values
            self._apply(entry, class_id, *values)

        NumberDialog(entry.text, entry.hint, proposed, take, self._over).open()

    def _apply(self, entry: ToolEntry, class_id: ClassId, *numbers: float) -> None:
        reason = why_not(self._session.state, entry.action, class_id)  # the image may have gone meanwhile
        tool = None if reason is not None else entry.make(self._binding, *numbers)
        if tool is None:
            self._session.notice.emit(f"{reason or _NO_SLICE}.")
            return
        self._session.drawing.apply(tool, class_id, entry.action)
        if isinstance(tool, CopySlice) and self._binding.sight is not None:
            self._binding.sight.go_to_slice(tool.axis, tool.target)


def _without_arguments(do: Callable[[], object], *_: object) -> None:
    do()


def _rounded_up(value: float) -> float:
    """A number of two digits that is not smaller."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(round(value / step, 6)) * step


def _decimals(value: float) -> int:
    """Digits behind the point that show two digits of a number."""
    return min(max(1, 1 - math.floor(math.log10(value))), 6)
