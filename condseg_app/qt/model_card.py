"""What there is to know about a model before one relies on it."""

from html import escape
from pathlib import Path
from typing import Any

from condseg_app.data import Model


def card_html(model: Model, path: Path | None) -> str:
    """A model's classes, input, training and licence as rich text."""
    pre = model.preprocessing
    size = " × ".join(str(n) for n in (pre.window if pre.dimensions == "3D" else pre.window[:2]))
    spacing = "as it is" if pre.spacing is None else " × ".join(f"{s:g}" for s in pre.spacing) + " mm"
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
        f"<h2>{escape(model.name)}</h2>{_table(rows)}"
        f"<h3>Classes</h3><table cellspacing='4'><tr><td>Name</td><td>Value</td><td>&nbsp;&nbsp;Code</td></tr>"
        f"{classes}</table><h3>Training</h3>{_plain(dict(model.training)) or 'not recorded'}"
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
