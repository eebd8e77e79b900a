"""Models with as many classes as a benchmark needs."""

from dataclasses import replace
from itertools import cycle, islice

import numpy as np

from condseg_app.data import ClassTable, Model
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
