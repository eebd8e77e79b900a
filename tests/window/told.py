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

from tests.window.controls import is_part, place_of

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


def controls_in(widget: QWidget) -> list[QWidget]:
    """The visible controls that a person can reach."""
    return [
        one
        for one in widget.findChildren(QWidget)
        if isinstance(one, _CONTROLS)
        and one.isVisible()
        and one.focusPolicy() != Qt.FocusPolicy.NoFocus
        and not is_part(one)
        and not isinstance(one.parentWidget(), QTabBar | QAbstractSlider)
    ]


def nameless(widget: QWidget) -> list[str]:
    """Controls for which a screen reader has no name."""
    return [f"{place_of(one, widget)} has no name" for one in controls_in(widget) if not _name(one).strip()]


def unexplained(widget: QWidget) -> list[str]:
    """Controls that are disabled and do not say why."""
    return [
        f"{place_of(one, widget)} is disabled and does not say why"
        for one in controls_in(widget)
        if not one.isEnabled() and not one.toolTip().strip()
    ]


def _name(widget: QWidget) -> str:
    told = QAccessible.queryAccessibleInterface(widget)
    return "" if told is None else told.text(QAccessible.Text.Name)
