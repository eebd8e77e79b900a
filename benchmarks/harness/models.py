"""Models as benchmarks need them."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from harness.report import ROOT

from condseg_app.data import ClassTable, Model
from condseg_app.io import read_data_set, read_model
from condseg_models import ROWS


def widened(model: Model, classes: int) -> Model:
    """The model with its rows repeated, or cut, to so many."""
    rows = list(islice(cycle(range(len(model.classes))), classes))
    entries = tuple(
        replace(model.classes.entries[row], name=f"{value} {model.classes.names[row]}", value=value, part_of=None)
        for value, row in enumerate(rows, start=1)
    )
    weights = {name: np.asarray(w[rows]) if name.endswith(ROWS) else w for name, w in model.weights.items()}
    settings = {**model.settings, "classes": classes}
    return replace(model, classes=ClassTable(entries), weights=weights, settings=settings)


def trained(file: Path, data: Path, classes: Iterable[str], steps: int, spacing: int = 4) -> Model:
    """A 2.5D model of some classes of abdominal CT data, trained now if its file is not there yet.

    A step takes about half a second on one core. Such models are never shipped: the data's licence forbids it.

    Args:
        file: of the model.
        data: the data set.
        classes: to learn.
        steps: of the training.
        spacing: mm of a voxel, along all axes; a window has 96 of them.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "condseg_app", "train", str(data), "--output", str(file)]
        command += ["--classes", ",".join(classes), "--steps", str(steps), "--network", "dense-2.5d", "--batch", "8"]
        command += [
            "--spacing",
            f"{spacing},{spacing},{spacing}",
            "--window",
            "96,96,1",
            "--intensity=-125:275",
            "--device",
            "cpu",
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return read_model(file)


def thirteen(data: Path) -> Model:
    """A model of all thirteen organs of the abdominal CT data, at 3 mm."""
    names = read_data_set(data).classes.names
    return trained(ROOT / "build" / "bench" / "thirteen_3mm.safetensors", data, names, 8000, spacing=3)
