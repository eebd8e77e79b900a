"""Facts about a model, to read before relying on the model."""

import re
from html import escape
from pathlib import Path
from typing import Any

from condseg_app.data import Model
from condseg_app.qt.markdown import markdown_html

_FIRST = ("Limits", "Figures")
_NO_CARD = "No card came with this model: how well it does, and on what, is not known. Look at every mask."


def card_html(model: Model, path: Path | None, card: str = "") -> str:
    """Description of a model as rich text: the card with warnings and figures first, then the facts of the file.

    Args:
        model: the model's description.
        path: the model's file.
        card: the Markdown page beside the file, empty without a page.
    """
    title, sections = _sections(card)
    first = [sections.pop(name) for name in _FIRST if name in sections]
    opening = title or f"# {model.name}\n\n{_NO_CARD}"
    return (
        markdown_html("\n\n".join([opening, *first]))
        + _facts(model, path)
        + markdown_html("\n\n".join(sections.values()))
        + f"<h3>Training record</h3>{_plain(dict(model.training)) or 'not recorded'}"
    )


def _sections(card: str) -> tuple[str, dict[str, str]]:
    """The text above a card's first heading, and the sections by heading."""
    opening, *parts = re.split(r"^## ", card.strip(), flags=re.MULTILINE)
    return opening.strip(), {part.splitlines()[0].strip(): f"## {part.strip()}" for part in parts}


def _facts(model: Model, path: Path | None) -> str:
    pre = model.preprocessing
    size = " × ".join(str(n) for n in (pre.window if pre.dimensions == "3D" else pre.window[:2]))
    spacing = "as it is" if pre.spacing is None else " × ".join(f"{s:g}" for s in pre.spacing.size) + " mm"
    rows: list[tuple[str, str]] = [
        ("For", {"2D": "2D images", "2.5D": "volumes, slice by slice", "3D": "volumes"}[pre.dimensions]),
        ("Channels", str(pre.channels)),
        ("Voxel size", spacing),
        ("Window", f"{size} voxels"),
        ("Network", model.network),
        ("Licence", model.licence or "not stated"),
        ("File", "" if path is None else str(path)),
        ("Made from", f"{model.parent[:12]}…" if model.parent else ""),
    ]
    classes = "".join(
        f'<tr><td><span style="color: rgb{entry.color};">■</span> {escape(entry.name)}</td>'
        f"<td align='right'>{entry.value}</td><td align='right'>&nbsp;&nbsp;{entry.code:g}</td></tr>"
        for entry in model.classes
    )
    return (
        f"<h3>Classes</h3><table cellspacing='4'><tr><td>Name</td><td>Value</td><td>&nbsp;&nbsp;Code</td></tr>"
        f"{classes}</table><h3>The file</h3>{_table(rows)}"
    )


def _table(rows: list[tuple[str, str]]) -> str:
    kept = [(name, value) for name, value in rows if value]
    return (
        "<table cellspacing='4'>"
        + "".join(f"<tr><td><b>{name}</b></td><td>{escape(value)}</td></tr>" for name, value in kept)
        + "</table>"
    )


def _plain(record: dict[str, Any]) -> str:
    """Plain values of any depth as nested tables."""
    rows = []
    for key, value in record.items():
        shown = _plain(value) if isinstance(value, dict) else escape(_figure(value))
        rows.append(f"<tr><td>{escape(str(key)).replace('_', ' ')}</td><td>{shown}</td></tr>")
    return f"<table cellspacing='4'>{''.join(rows)}</table>" if rows else ""


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_figure(item) for item in value)
    return str(value)
