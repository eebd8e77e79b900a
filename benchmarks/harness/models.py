"""Models for benchmarks."""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from harness.report import ROOT

from condseg_app.data import ClassId, ClassTable, Model
from condseg_app.io import read_data_set, read_model
from condseg_models import ROWS

CT_INTENSITY = "--intensity=-125:275"
"""Soft tissue, in Hounsfield units."""


def widened(model: Model, classes: int) -> Model:
    """The model with rows repeated, or cut, to this number of classes."""
    rows, entries = list(islice(cycle(range(len(model.classes))), classes)), model.classes.entries
    repeated = tuple(
        replace(entries[row], name=f"{value} {entries[row].name}", value=value, part_of=None, id=ClassId(""))
        for value, row in enumerate(rows, start=1)
    )
    weights = {name: np.asarray(w[rows]) if name.endswith(ROWS) else w for name, w in model.weights.items()}
    settings = {**model.settings, "classes": classes}
    return replace(model, classes=ClassTable(repeated), weights=weights, settings=settings)


@dataclass(frozen=True)
class Course:
    """How a benchmark's model is trained, slice by slice.

    Attributes:
        steps: to take.
        spacing: mm of a voxel, along all axes.
        window: voxels of a window's sides.
        further: options of `condseg train`.
    """

    steps: int
    spacing: int
    window: int
    further: tuple[str, ...]

    @property
    def options(self) -> list[str]:
        """Of `condseg train`."""
        spacing, window = ",".join([str(self.spacing)] * 3), f"{self.window},{self.window},1"
        return ["--steps", str(self.steps), "--spacing", spacing, "--window", window, *self.further, "--device", "cpu"]


# Two processes of a single thread learn 1.7 times as quickly as a single process of two.
_MANY = ("--network=dense-2.5d-many", "--devices=2", "--batch=2", "--classes-per-window=6")
_THIRTEEN = Course(4500, 3, 160, (*_MANY, CT_INTENSITY))


def trained(file: Path, data: Path, classes: Iterable[str], course: Course) -> Model:
    """A model of some classes of a data set, trained now if the file is missing.

    A step takes about half a second on one core. Such models are never shipped: the licence of some data forbids it.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "condseg_app", "train", str(data), "--output", str(file)]
        command += ["--classes", ",".join(classes), *course.options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return read_model(file)


def thirteen(data: Path) -> Model:
    """A model of all thirteen organs of the abdominal CT data, shown whole slices at 3 mm."""
    names = read_data_set(data).classes.names
    return trained(ROOT / "build" / "bench" / "thirteen_slices_3mm.safetensors", data, names, _THIRTEEN)
