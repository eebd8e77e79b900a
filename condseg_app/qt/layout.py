"""Rows and columns of widgets, and the buttons of a dialog."""

from qtpy.QtWidgets import (
    QBoxLayout,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from condseg_app.qt.style import without_icons

Part = QWidget | QLayout | tuple[QWidget | QLayout, int]
"""A widget or layout, with a stretch where it takes up spare room."""
Margins = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""
_NONE: Margins = (0, 0, 0, 0)


def row(*parts: Part, on: QWidget | None = None, margins: Margins = _NONE, spacing: int | None = None) -> QHBoxLayout:
    """A row of parts; on a widget, or else for another layout."""
    layout = QHBoxLayout() if on is None else QHBoxLayout(on)
    _fill(layout, parts, margins, spacing)
    return layout


def column(
    *parts: Part, on: QWidget | None = None, margins: Margins | None = _NONE, spacing: int | None = None
) -> QVBoxLayout:
    """A column of parts; on a widget, or else for another layout; with the style's margins where None."""
    layout = QVBoxLayout() if on is None else QVBoxLayout(on)
    _fill(layout, parts, margins, spacing)
    return layout


def ok_or_cancel(dialog: QDialog, text: str) -> tuple[QDialogButtonBox, QPushButton]:
    """The buttons of a dialog, and the one that accepts, with a text of its own."""
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
    without_icons(buttons)
    buttons.accepted.connect(dialog.accept)
    buttons.rejected.connect(dialog.reject)
    ok: QPushButton = buttons.button(QDialogButtonBox.StandardButton.Ok)
    ok.setText(text)
    return buttons, ok


def _fill(layout: QBoxLayout, parts: tuple[Part, ...], margins: Margins | None, spacing: int | None) -> None:
    if margins is not None:
        layout.setContentsMargins(*margins)
    if spacing is not None:
        layout.setSpacing(spacing)
    for part in parts:
        item, stretch = part if isinstance(part, tuple) else (part, 0)
        if isinstance(item, QWidget):
            layout.addWidget(item, stretch)
        else:
            layout.addLayout(item, stretch)
