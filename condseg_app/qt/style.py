"""A few shared touches; everything else is the host's theme."""

from collections.abc import Callable
from typing import TypeVar

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QComboBox,
    QDialogButtonBox,
    QLabel,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from condseg_app.qt import glyphs
from condseg_app.qt.text import as_it_is
from condseg_app.viewer.keys import COMMAND_KEYS

W = TypeVar("W", bound=QWidget)
_FILLED = 0.85
"""Part of a line that is full before its last word wraps."""
_SLACK = 4  # pixels left free beside a text


class PlainLabel(QLabel):
    """A label of plain text: a name from a file may look like HTML, which Qt would obey."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)


def quiet(text: str = "", parent: QWidget | None = None) -> QLabel:
    """A label for explanations: wraps, smaller."""
    label = PlainLabel(text, parent)
    label.setWordWrap(True)
    label.setProperty("quiet", True)
    font = label.font()
    font.setPointSizeF(max(7.0, font.pointSizeF() * 0.92))
    label.setFont(font)
    return label


def heading(text: str) -> QLabel:
    """A label over a group."""
    label = PlainLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


class GlyphButton(QToolButton):
    """A flat button with a drawn icon in the colour of the theme's text."""

    def __init__(self, draw: glyphs.Draw, hint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._draw = draw
        self.setAutoRaise(True)
        self.setToolTip(hint)
        self.setAccessibleName(hint)
        self.setIconSize(QSize(16, 16))
        self.setStyleSheet("QToolButton { border: none; background: transparent; padding: 2px; }")
        self._drawn_in = ""

    def paintEvent(self, event: object) -> None:  # noqa: N802
        """Draw the icon in the theme's colour of the moment."""
        color = glyphs.text_color(self)
        if color.name() != self._drawn_in:
            self._drawn_in = color.name()
            self.setIcon(glyphs.icon(self._draw, color))
        super().paintEvent(event)  # type: ignore[arg-type]


class ElidedLabel(PlainLabel):
    """A label that shortens the text to the room of one line or more."""

    def __init__(self, text: str = "", parent: QWidget | None = None, lines: int = 1) -> None:
        super().__init__(parent=parent)
        self._full = text
        self._lines = lines
        if lines > 1:
            self.setWordWrap(True)
            self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + 2)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(40)
        self.setText(text)

    def setText(self, text: str) -> None:  # noqa: N802
        """Show a text, shortened to the room."""
        self._full = text
        self._elide()

    def full_text(self) -> str:
        """The text, not shortened."""
        return self._full

    def wanted_width(self) -> int:
        """Pixels of the text on one line, not shortened."""
        margins = self.width() - self.contentsRect().width()
        return self.fontMetrics().horizontalAdvance(self._full) + 1 + margins + _SLACK  # 1: the advance is rounded

    def resizeEvent(self, event: object) -> None:  # noqa: N802
        """Shorten anew."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._elide()

    def _elide(self) -> None:
        room = max(0, self.contentsRect().width() - _SLACK)
        room += int((self._lines - 1) * _FILLED * room)
        super().setText(self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideMiddle, room))


def narrow_box() -> QComboBox:
    """A box as wide as the room, for entries of any length."""
    box = QComboBox()
    box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    box.setMinimumWidth(80)
    return box


def named(widget: W, name: str, accessible: str = "") -> W:
    """The widget with a name for tests and the tour, and maybe a name for screen readers."""
    widget.setObjectName(name)
    if accessible:
        widget.setAccessibleName(accessible)
    return widget


def push_button(name: str, text: str, do: Callable[[], object]) -> QPushButton:
    """A button with a name for tests and the tour."""
    button = named(QPushButton(text), name)
    button.clicked.connect(lambda: do())
    return button


def allow(button: QPushButton, reason: str | None, hint: str) -> None:
    """Enable a button with a description, or disable the button with the reason."""
    button.setEnabled(reason is None)
    key = next((f" ({one.key})" for one in COMMAND_KEYS if one.button == button.objectName()), "")
    button.setToolTip(as_it_is(hint + key if reason is None else reason[0].upper() + reason[1:]))


def without_icons(box: QDialogButtonBox | QMessageBox) -> None:
    """Take the desktop's icons off a dialog's buttons (icons of no theme of ours); show texts as plain text."""
    for button in box.buttons():
        button.setIcon(QIcon())
    if isinstance(box, QMessageBox):
        for label in box.findChildren(QLabel):
            label.setTextFormat(Qt.TextFormat.PlainText)
