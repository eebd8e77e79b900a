"""The user guide, which comes with the program and is read without a network."""

import re
from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices, QTextCursor, QTextDocument
from qtpy.QtWidgets import QDialog, QLineEdit, QTextBrowser, QWidget

from condseg_app.qt.layout import column, row
from condseg_app.qt.markdown import markdown_html
from condseg_app.qt.style import named, push_button

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "docs", _PACKAGE.parent / "docs")
"""In an installed package, and in a source checkout."""


def guide_file() -> Path:
    """The guide's first page."""
    return next(
        (folder / "guide.md" for folder in _FOLDERS if (folder / "guide.md").is_file()), _FOLDERS[0] / "guide.md"
    )


class GuideWindow(QDialog):
    """Shows the guide's pages; links lead to other pages and to headings.

    Args:
        parent: the widget below the dialog.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("guide_window")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("User guide")
        self.resize(820, 720)
        self.text = named(_Pages(), "guide_text")
        self.text.setOpenLinks(False)
        self.text.anchorClicked.connect(self.follow)
        self.back = push_button("guide_back", "Back", self.text.backward)
        self.back.setAutoDefault(False)
        self.text.backwardAvailable.connect(self.back.setEnabled)
        self.back.setEnabled(False)
        self.back.setToolTip("To the page before")
        self.wanted = named(QLineEdit(), "guide_find", "Find in the page")
        self.wanted.setPlaceholderText("Find…")
        self.wanted.returnPressed.connect(self._find)
        column(row(self.back, (self.wanted, 1)), (self.text, 1), on=self, margins=None)
        self.follow(QUrl.fromLocalFile(str(guide_file())))
        self.text.setFocus()

    def follow(self, link: QUrl) -> None:
        """Show a page of the guide, or a heading on a page; any other link goes to the browser."""
        target = self.text.source().resolved(link)
        if not target.isLocalFile():
            QDesktopServices.openUrl(target)
            return
        page = QUrl.fromLocalFile(target.toLocalFile())
        if page != self.text.source():
            self.text.setSource(page, QTextDocument.ResourceType.HtmlResource)
        if target.hasFragment():
            self._go_to(target.fragment())

    def _go_to(self, anchor: str) -> None:
        """Show a heading by the name in links: 'where-classes-overlap'."""
        block = self.text.document().begin()
        while block.isValid():
            if block.blockFormat().headingLevel() and _anchor(block.text()) == anchor:
                cursor = QTextCursor(self.text.document().lastBlock())
                self.text.setTextCursor(cursor)  # from below, so that the heading stands at the top
                self.text.setTextCursor(QTextCursor(block))
                return
            block = block.next()

    def _find(self) -> None:
        """Show the next place with the text, from the top again after the last."""
        if self.wanted.text() and not self.text.find(self.wanted.text()):
            self.text.moveCursor(QTextCursor.MoveOperation.Start)
            self.text.find(self.wanted.text())


class _Pages(QTextBrowser):
    """Shows files of Markdown."""

    def loadResource(self, kind: int, name: QUrl | str) -> object:  # noqa: N802
        """A page as rich text."""
        path = Path(self.source().resolved(QUrl(name)).toLocalFile())
        return markdown_html(path.read_text(encoding="utf-8")) if path.suffix == ".md" and path.is_file() else None


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
