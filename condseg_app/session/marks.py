"""Changes of what a person has marked, from one state to the next."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from condseg_app.data import Annotation
from condseg_app.errors import GeometryError
from condseg_app.session.state import State


def marking(state: State, name: str, mask: NDArray[np.bool_], supervised: NDArray[np.bool_]) -> State:
    """Where a class is, and for which voxels that is decided, in place of what was said of it before."""
    state.classes.row(name)
    shape = state.opened_image().geometry.shape
    if mask.shape != shape:
        raise GeometryError(f"the mask's shape {mask.shape} is not the image's {shape}; make it on this image")
    annotation = Annotation(name, mask, supervised)
    return replace(state, annotations={**unmarking(state, name).annotations, name: annotation})


def unmarking(state: State, name: str) -> State:
    """Nothing is said of a class; the same state if nothing was."""
    if name not in state.annotations:
        return state
    return replace(state, annotations={other: a for other, a in state.annotations.items() if other != name})
