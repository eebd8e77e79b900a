"""What a window must tell of its controls: to those who cannot see it a name, and why one cannot be used."""

from qtpy.QtCore import Qt
from qtpy.QtGui import QAccessible
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QTextEdit,
    QWidget,
)

from tests.window.controls import is_part, walk

_CONTROLS = (
    QAbstractButton,
    QComboBox,
    QAbstractSlider,
    QAbstractSpinBox,
    QLineEdit,
    QAbstractItemView,
    QTextEdit,
    QPlainTextEdit,
)


def controls_in(widget: QWidget) -> dict[str, QWidget]:
    """The visible controls that a person can reach, by their place."""
    return {
        place: one
        for place, one in walk(widget)
        if isinstance(one, _CONTROLS)
        and one.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not is_part(one)
        and not isinstance(one.parentWidget(), QTabBar | QAbstractSlider)
    }


def nameless(widget: QWidget) -> list[str]:
    """Controls for which a screen reader has no name."""
    return [f"{place} has no name" for place, one in controls_in(widget).items() if not _name(one).strip()]


def unexplained(widget: QWidget) -> list[str]:
    """Controls that are disabled and do not say why."""
    silent = [place for place, one in controls_in(widget).items() if not one.isEnabled() and not one.toolTip().strip()]
    return [f"{place} is disabled and does not say why" for place in silent]


def _name(widget: QWidget) -> str:
    told = QAccessible.queryAccessibleInterface(widget)
    return "" if told is None else told.text(QAccessible.Text.Name)
