"""Changes of what a person has marked, from one state to the next."""

from dataclasses import replace

from condseg_app.data import ChunkedAnnotation
from condseg_app.errors import GeometryError
from condseg_app.session.state import State


def marking(state: State, annotation: ChunkedAnnotation) -> State:
    """What is said of a class, in place of what was said of it before."""
    name = annotation.class_name
    state.classes.row(name)
    shape = state.opened_image().geometry.shape
    if annotation.shape != shape:
        raise GeometryError(f"the mask's shape {annotation.shape} is not the image's {shape}; make it on this image")
    return replace(state, annotations={**unmarking(state, name).annotations, name: annotation})


def unmarking(state: State, name: str) -> State:
    """Nothing is said of a class; the same state if nothing was."""
    if name not in state.annotations:
        return state
    return replace(state, annotations={other: a for other, a in state.annotations.items() if other != name})
