"""Markdown as the rich text that Qt shows."""

import re

from qtpy.QtGui import QTextDocument

_BODY = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL)
_LINK_COLOR = re.compile(r"(<a href=[^>]*><span style=\"[^\"]*color:)#[0-9a-f]{6}")
_READABLE = "#6c9cff"
"""A blue that is read on dark and on light; Qt's own is not, on dark."""


def markdown_html(text: str) -> str:
    """A page of Markdown as the inside of an HTML page; nothing of nothing."""
    if not text.strip():
        return ""
    document = QTextDocument()
    document.setMarkdown(text)
    found = _BODY.search(document.toHtml())
    html = "" if found is None else found[1]
    # Commands wrap as other lines do, and tables have no frames.
    for qt, ours in (('<table border="1"', '<table border="0"'), ("<pre", "<p"), ("</pre>", "</p>")):
        html = html.replace(qt, ours)
    return _LINK_COLOR.sub(rf"\1{_READABLE}", html)
