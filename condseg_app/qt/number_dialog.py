"""A small dialog for a number or two, each with its unit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDoubleSpinBox, QFormLayout, QWidget

from condseg_app.qt.layout import column, ok_or_cancel
from condseg_app.qt.style import quiet

_MOST = 1e9


@dataclass(frozen=True)
class Number:
    """A number to be asked for.

    Attributes:
        label: in front of the number.
        value: proposed.
        unit: behind the number.
        decimals: digits behind the point.
        may_be_negative: whether numbers below 0 make sense.
    """

    label: str
    value: float
    unit: str = ""
    decimals: int = 2
    may_be_negative: bool = False


class NumberDialog(QDialog):
    """Asks for numbers and hands them on.

    Args:
        title: of the window, and of the action.
        hint: a sentence on the action.
        numbers: to be asked for.
        take: called with the numbers, in their order.
        parent: the widget below the dialog.
    """

    def __init__(
        self,
        title: str,
        hint: str,
        numbers: Sequence[Number],
        take: Callable[[tuple[float, ...]], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._take = take
        self.setObjectName("number_dialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setMinimumWidth(320)
        self.boxes = [_box(number, at) for at, number in enumerate(numbers)]
        form = QFormLayout()
        for number, box in zip(numbers, self.boxes, strict=True):
            form.addRow(number.label, box)
        buttons, self.ok = ok_or_cancel(self, title)
        self.ok.setObjectName("number_ok")
        column(quiet(hint), form, buttons, on=self, margins=None)
        self.boxes[0].selectAll()

    def accept(self) -> None:
        """Hand the numbers on."""
        values = tuple(box.value() for box in self.boxes)
        super().accept()
        self._take(values)


def _box(number: Number, at: int) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setObjectName(f"number_{at + 1}")
    box.setAccessibleName(number.label)
    box.setDecimals(number.decimals)
    box.setRange(-_MOST if number.may_be_negative else 0.0, _MOST)
    box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    box.setSuffix(f" {number.unit}" if number.unit else "")
    box.setValue(number.value)
    return box
