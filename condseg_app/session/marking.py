"""Changes of the annotations, from one state to the next."""

from dataclasses import replace

from condseg_app.data import ChunkedAnnotation
from condseg_app.errors import GeometryError
from condseg_app.session.state import State


def marking(state: State, annotation: ChunkedAnnotation) -> State:
    """The state with a class's annotation replaced."""
    name = annotation.class_name
    state.classes.row(name)
    shape = state.opened_image().geometry.shape
    if annotation.shape != shape:
        raise GeometryError(f"the mask's shape {annotation.shape} is not the image's {shape}; make it on this image")
    return replace(state, annotations={**unmarking(state, name).annotations, name: annotation})


def unmarking(state: State, name: str) -> State:
    """The state without a class's annotation; the same state if there was none."""
    if name not in state.annotations:
        return state
    return replace(state, annotations={other: a for other, a in state.annotations.items() if other != name})
