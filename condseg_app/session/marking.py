"""Changes of the annotations, from one state to the next."""

from dataclasses import replace

from condseg_app.data import ChunkedAnnotation, ClassId
from condseg_app.errors import GeometryError
from condseg_app.session.state import State


def marking(state: State, class_id: ClassId, annotation: ChunkedAnnotation) -> State:
    """The state with a class's annotation replaced."""
    state.entry(class_id)
    shape = state.opened_image().geometry.shape
    if annotation.shape != shape:
        raise GeometryError(f"the mask's shape {annotation.shape} is not the image's {shape}; make it on this image")
    return replace(state, annotations={**unmarking(state, class_id).annotations, class_id: annotation})


def unmarking(state: State, class_id: ClassId) -> State:
    """The state without a class's annotation; the same state if there was none."""
    if class_id not in state.annotations:
        return state
    return replace(state, annotations={other: a for other, a in state.annotations.items() if other != class_id})
