"""Where marking the next slice would teach most."""

from dataclasses import dataclass

import numpy as np

from condseg_app.compute import Progress, Step, Steps
from condseg_app.data import uncertainty_by_slice
from condseg_app.session.state import State


@dataclass(frozen=True)
class Proposal:
    """A slice to mark next.

    Attributes:
        class_name: of which class.
        axis: the image's axis that the slices follow each other on.
        index: the slice; None where nothing is uncertain, or nothing known.
    """

    class_name: str
    axis: int
    index: int | None


def proposal_steps(state: State, name: str, axis: int) -> Steps:
    """Find the slice where a class is least certain, of those on which nothing of it is marked."""
    levels, annotation = state.levels_of(name), state.annotations.get(name)
    index = None
    if levels is not None:
        uncertain = uncertainty_by_slice(levels, axis)
        if annotation is not None:
            uncertain[annotation.supervised.any(axis=tuple(a for a in range(3) if a != axis))] = 0
        index = int(np.argmax(uncertain)) if uncertain.any() else None
    yield Step(Progress(1.0), Proposal(name, axis, index))
