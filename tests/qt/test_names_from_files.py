"""Names from files that look like HTML, or have an '&': each label, tooltip, menu and dialog shows them as they are."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtGui import QTextDocument
from qtpy.QtWidgets import QAbstractItemView, QLabel, QMessageBox, QWidget

from condseg_app.data import Image
from condseg_app.qt import Panel
from condseg_app.qt.style import PlainLabel
from condseg_app.qt.text import as_it_is, without_mnemonic
from tests.classes import id_of

NAME = "<b>R&D</b> <img src=x>"


@pytest.fixture
def odd_panel(panel: Panel, scan: Image, qtbot: QtBot) -> Panel:
    """A panel whose image and class in hand have such names."""
    panel.session.images.show(replace(scan, name=NAME, warnings=(f"its header names {NAME}",)))
    panel.session.classes.add(NAME)
    panel.session.classes.choose(id_of(panel.session, NAME))
    panel.show_teach(id_of(panel.session, NAME))
    qtbot.wait(50)
    return panel


def test_every_label_and_tooltip_shows_a_name_as_it_is(odd_panel: Panel) -> None:
    told = [(text, rich) for text, rich in texts(odd_panel) if "R&" in text]
    assert len(told) >= 5
    for text, rich in told:
        assert not rich or NAME in plain(text), text


def test_a_buttons_text_has_the_whole_name(odd_panel: Panel) -> None:
    assert odd_panel.teach.paint.text() == "Paint <b>R&&D</b> <img src=x>"


def test_questions_show_a_name_as_it_is(odd_panel: Panel, qtbot: QtBot) -> None:
    odd_panel.classes.table.remove(id_of(odd_panel.session, NAME))
    box = odd_panel.findChild(QMessageBox, "remove_dialog")
    assert box is not None
    for label in box.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText
    box.reject()


def test_plain_labels_and_tooltips() -> None:
    assert as_it_is("a < b & c") == "<p>a &lt; b &amp; c</p>"
    assert as_it_is("R&D") == "R&D"
    assert without_mnemonic("R&D") == "R&&D"


def test_a_label_is_plain_unless_it_is_made_rich(qtbot: QtBot) -> None:
    label = PlainLabel(NAME)
    qtbot.addWidget(label)
    assert label.textFormat() == Qt.TextFormat.PlainText


def texts(panel: QWidget) -> Iterator[tuple[str, bool]]:
    """All texts of labels and tooltips, and whether Qt takes each for HTML."""
    for widget in (panel, *panel.findChildren(QWidget)):
        if isinstance(widget, QLabel):
            own = widget.textFormat()
            yield widget.text(), own != Qt.TextFormat.PlainText and looks_rich(widget.text())
        yield widget.toolTip(), looks_rich(widget.toolTip())
        if isinstance(widget, QAbstractItemView) and widget.model() is not None:
            model: Any = widget.model()
            for row in range(model.rowCount()):
                for column in range(model.columnCount()):
                    tip = model.data(model.index(row, column), Qt.ItemDataRole.ToolTipRole) or ""
                    yield tip, looks_rich(tip)


def looks_rich(text: str) -> bool:
    """As Qt does: at the first tag."""
    return "<" in text


def plain(html: str) -> str:
    document = QTextDocument()
    document.setHtml(html)
    return document.toPlainText()
