"""A training's log as a table and as curves."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from condseg_app.io.atomic import atomic_write
from condseg_app.tasks.plot_text import labels_of, plain_text


def write_training_log(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Write a CSV with a line per step: step, loss, learning_rate, seconds, and a Dice column per class."""
    classes = sorted({name for step in history for name in step["dice"]})
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["step", "loss", "learning_rate", "seconds", *(f"dice {name}" for name in classes)])
    for step in history:
        figures = [step["step"], f"{step['loss']:.5f}", f"{step['learning_rate']:.3g}", step["seconds"]]
        writer.writerow([*figures, *(_figure(step["dice"].get(name)) for name in classes)])
    with atomic_write(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")


def write_curves(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Draw loss and Dice over the steps into a PNG; running means, for single steps jump.

    Classes whose names no font here can write are numbered as the columns of the log.
    """
    names = sorted({name for step in history for name in step["dice"]})
    with plain_text(names), atomic_write(path) as temporary:
        _curves(history, names).savefig(temporary, format="png", dpi=120)


def _curves(history: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Figure:
    figure = Figure(figsize=(8, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    loss_axes, dice_axes = figure.subplots(1, 2)
    loss_axes.plot(*_running_mean([(s["step"], s["loss"]) for s in history]))
    loss_axes.set(xlabel="step", ylabel="loss", title="Loss")
    labels, written_out = labels_of(names)
    for name, label in zip(names, labels, strict=True):
        points = [(s["step"], s["dice"][name]) for s in history if name in s["dice"]]
        dice_axes.plot(*_running_mean(points), label=label)
    dice_axes.set(xlabel="step", ylabel="Dice", title="Dice of training samples", ylim=(0, 1))
    if names:
        title = None if written_out else "numbers: the log's Dice columns"
        dice_axes.legend(loc="lower right", fontsize="small", title=title, title_fontsize="small")
    return figure


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _running_mean(points: Sequence[tuple[float, float]], most: int = 50) -> tuple[list[float], list[float]]:
    size = max(1, min(most, len(points) // 10))
    means = [sum(y for _, y in points[max(0, n - size + 1) : n + 1]) / min(size, n + 1) for n in range(len(points))]
    return [x for x, _ in points], means
