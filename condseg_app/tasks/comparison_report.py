"""A comparison's results as a table for programs, a table for people, and a figure."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from condseg_app.io.atomic import atomic_write
from condseg_app.tasks.comparison_config import ComparisonConfig, SystemConfig
from condseg_app.tasks.plot_text import plain_text

Figures = Mapping[str, Any]

_COSTS = ("parameters", "gflop_one", "gflop_all", "seconds_one", "seconds_all")
_BAR = r"\|"  # escaped, so that no cell ends
_COLUMNS = (
    *("system", "data", "seed", "class", "cases", "missed", "dice", "hd95_mm", "assd_mm", "iou", "unit"),
    *("confusion_percent", *_COSTS, "training_seconds", "steps"),
)


@dataclass(frozen=True)
class Result:
    """A finished run: system, seed and results."""

    system: str
    seed: int
    figures: Figures


def write_report(config: ComparisonConfig, results: Sequence[Result], folder: Path) -> list[Path]:
    """Write comparison.csv, comparison.md and comparison.png; returns their paths."""
    rows = [row for result in results for row in _rows(result)]
    table, text, figure = (folder / f"comparison.{ending}" for ending in ("csv", "md", "png"))
    with atomic_write(table) as temporary:
        temporary.write_text(_csv(rows), encoding="utf-8")
    with atomic_write(text) as temporary:
        temporary.write_text(_markdown(config, rows), encoding="utf-8")
    if rows:
        _draw(figure, config, rows)
    return [table, text, *([figure] if rows else [])]


def _rows(result: Result) -> list[dict[str, Any]]:
    """A row for each data set and class."""
    found = []
    for data, figures in result.figures["data"].items():
        scores = figures["mean"]
        for name in scores["dice"]:
            cases = [case for case in figures["cases"] if case["class_name"] == name]
            found.append(
                {
                    "system": result.system,
                    "data": data,
                    "seed": result.seed,
                    "class": name,
                    "cases": len(cases),
                    "missed": sum(case["outcome"] == "missed" for case in cases),
                    **{key: scores[key][name] for key in ("dice", "hd95_mm", "assd_mm", "iou")},
                    "unit": cases[0]["unit"],
                    "confusion_percent": figures["confusion_percent"],
                    **{key: figures["cost"][key] for key in _COSTS},
                    "training_seconds": result.figures["training_seconds"],
                    "steps": result.figures["steps"],
                }
            )
    return found


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()})
    return text.getvalue()


def _markdown(config: ComparisonConfig, rows: Sequence[Mapping[str, Any]]) -> str:
    parts = [f"# {config.title}", config.text.strip()]
    for data in dict.fromkeys(row["data"] for row in rows):
        here = [row for row in rows if row["data"] == data]
        parts += [f"## {data}, {config.split}", _quality(config, here), _effort(config, here)]
    notes = [f"- *{system.name}*: {system.note}." for system in config.system if system.note]
    return "\n\n".join([*parts, *(["Notes:\n\n" + "\n".join(notes)] if notes else [])]) + "\n"


def _quality(config: ComparisonConfig, rows: Sequence[Mapping[str, Any]]) -> str:
    """Mean and standard deviation over the seeds; per class, and over classes; a paper's figures in brackets."""
    measure = config.measure
    classes = list(dict.fromkeys(row["class"] for row in rows))
    distances = [f"{name} ({rows[0]['unit']})" for name in ("HD95", "ASSD")]
    confused = any(row["confusion_percent"] is not None for row in rows)
    lines = [["system", *classes, f"mean {measure}", *distances, "seeds", *(["confusion (%)"] if confused else [])]]
    for system in config.system:
        own = [row for row in rows if row["system"] == system.name]
        if not own:
            continue
        per_class = [_cell(_by_seed(own, measure, name), 3, system.paper.get(name)) for name in classes]
        overall = _cell(_by_seed(own, measure), 3, _mean_of_paper(system, classes))
        surfaces = [_cell(_by_seed(own, key), 1) for key in ("hd95_mm", "assd_mm")]
        seeds = str(len({row["seed"] for row in own}))
        other = [_cell(_by_seed(own, "confusion_percent"), 2)] if confused else []
        lines.append([system.name, *per_class, overall, *surfaces, seeds, *other])
    return _table(lines)


def _effort(config: ComparisonConfig, rows: Sequence[Mapping[str, Any]]) -> str:
    asked = ["1 class", "all classes"]
    costs = [*(f"GFLOP a window, {n}" for n in asked), *(f"seconds a volume, {n}" for n in asked)]
    lines = [["system", "parameters", *costs, "training (minutes)", "steps"]]
    for system in config.system:
        own = [row for row in rows if row["system"] == system.name]
        if own:
            first = own[0]
            figures = [f"{first['parameters']:,}", f"{first['gflop_one']:.2f}", f"{first['gflop_all']:.2f}"]
            seconds = [_cell(_by_seed(own, key), 1) for key in ("seconds_one", "seconds_all")]
            minutes = f"{mean(_by_seed(own, 'training_seconds')) / 60:.1f}"
            lines.append([system.name, *figures, *seconds, minutes, str(first["steps"])])
    return _table(lines)


def _by_seed(rows: Sequence[Mapping[str, Any]], key: str, class_name: str | None = None) -> list[float]:
    """A figure for each seed: of a class, or the mean over the classes with a figure."""
    found = []
    for seed in sorted({row["seed"] for row in rows}):
        here = [r for r in rows if r["seed"] == seed and class_name in (None, r["class"])]
        values = [row[key] for row in here if row[key] is not None]
        if values:
            found.append(mean(values))
    return found


def _cell(values: Sequence[float], digits: int, paper: float | None = None) -> str:
    if not values:
        return "-"
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{spread}" + ("" if paper is None else f" ({paper / 100:.3f})")


def _mean_of_paper(system: SystemConfig, classes: Sequence[str]) -> float | None:
    return mean(system.paper[name] for name in classes) if set(classes) <= system.paper.keys() else None


def _table(lines: Sequence[Sequence[str]]) -> str:
    head, *body = lines
    ruled = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(cell.replace('|', _BAR) for cell in line)} |" for line in ruled)


def _draw(path: Path, config: ComparisonConfig, rows: Sequence[Mapping[str, Any]]) -> None:
    """A panel for each data set: a bar for each system, a point for each seed."""
    names = list(dict.fromkeys(row["data"] for row in rows))
    systems = [system.name for system in config.system if any(row["system"] == system.name for row in rows)]
    with plain_text([*names, *systems]), atomic_write(path) as temporary:
        _figure(config, rows, names, systems).savefig(temporary, format="png", dpi=120)


def _figure(
    config: ComparisonConfig, rows: Sequence[Mapping[str, Any]], names: Sequence[str], systems: Sequence[str]
) -> Figure:
    figure = Figure(figsize=(3 + 4 * len(names), 1 + 0.32 * len(systems)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    for panel, data in zip(panels, names, strict=True):
        values = _values(rows, data, config.measure)
        panel.barh(systems, [mean(values[s]) if values[s] else 0.0 for s in systems], color="#7aa6c2")
        for system in systems:
            panel.plot(values[system], [system] * len(values[system]), ".", color="#1b3a4b")
        panel.set(title=data, xlabel=f"mean {config.measure} of the classes", xlim=(0, 1))
    panels[0].invert_yaxis()
    return figure


def _values(rows: Sequence[Mapping[str, Any]], data: str, measure: str) -> dict[str, list[float]]:
    """System -> figure for each seed."""
    systems = dict.fromkeys(row["system"] for row in rows)
    return {s: _by_seed([r for r in rows if r["system"] == s and r["data"] == data], measure) for s in systems}
