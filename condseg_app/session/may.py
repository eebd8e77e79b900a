"""Whether an action is possible: asked in one place, by commands, which raise the sentence, and by widgets."""

from collections.abc import Callable, Mapping
from typing import Literal

from condseg_app.errors import CondsegError
from condseg_app.session.state import NO_IMAGE, NO_MODEL, State

Action = Literal[
    "annotate",
    "predict",  # the rest of a class
    "predict_any",  # classes that the model knows
    "search",  # the slice or image to annotate next
    "prepare_lesson",
    "teach",
    "export",
    "export_class",
    "remove_from_model",
    "import_class",
    "clear_annotation",
]


def why_not(state: State, action: Action, name: str | None = None) -> str | None:
    """Why an action is impossible now, a sentence with a remedy; None where possible.

    Args:
        state: all that is open.
        action: the action.
        name: the class; None where none is chosen, or the action is on no class in particular.
    """
    return next((reason for check in _CHECKS[action] if (reason := check(state, name)) is not None), None)


def refuse(state: State, action: Action, name: str | None = None) -> None:
    """Raise a CondsegError with the sentence of `why_not`, and a ClassTableError for an unknown class."""
    if name is not None:
        state.classes.row(name)
    reason = why_not(state, action, name)
    if reason is not None:
        raise CondsegError(reason)


def _image(state: State, _name: str | None) -> str | None:
    return NO_IMAGE if state.image is None else None


def _model(state: State, _name: str | None) -> str | None:
    return NO_MODEL if state.model is None else None


def _fits(state: State, _name: str | None) -> str | None:
    return None if state.model is None or state.image is None else state.model.misfit(state.image)


def _chosen(_state: State, name: str | None) -> str | None:
    return "Choose a class in the table first" if name is None else None


def _known(state: State, name: str | None) -> str | None:
    if name is None or state.can_predict(name):
        return None
    return f"The model does not know {name} yet: annotate a few slices and teach it"


def _incomplete(state: State, name: str | None) -> str | None:
    return f"{name} is predicted everywhere" if name is not None and state.state_of(name) == "complete" else None


def _no_lesson(state: State, _name: str | None) -> str | None:
    return "A lesson is running" if state.is_teaching else None


def _annotated(state: State, name: str | None) -> str | None:
    annotation = state.annotations.get(name or "")
    if annotation is not None and annotation.state == "present":
        return None
    return f"{name} has no annotation on this image yet: paint it on a few slices first"


def _any_annotation(state: State, name: str | None) -> str | None:
    return None if name in state.annotations else f"{name} has no annotation on this image"


def _result(state: State, name: str | None) -> str | None:
    if name is not None and not state.has_result(name):
        return f"{name} has no result on this image: predict or annotate it first"
    if not any(map(state.has_result, state.classes.names)):
        return "Nothing to export yet: predict or annotate a class first"
    return None


_READY = (_image, _model, _fits)
_CHECKS: Mapping[Action, tuple[Callable[[State, str | None], str | None], ...]] = {
    "annotate": (_image, _chosen),
    "predict": (*_READY, _chosen, _known, _incomplete),
    "predict_any": (*_READY, _known),
    "search": (*_READY, _chosen, _known),
    "prepare_lesson": (_image, _chosen, *_READY),
    "teach": (_image, _chosen, *_READY, _no_lesson, _annotated),
    "export": (_image, _result),
    "export_class": (_model, _chosen, _known),
    "remove_from_model": (_model, _chosen, _known),
    "import_class": (_model,),
    "clear_annotation": (_chosen, _any_annotation),
}
