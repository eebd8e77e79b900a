"""Whether an action is possible: asked in one place, by commands, which raise the sentence, and by widgets."""

from collections.abc import Callable, Mapping
from typing import Literal

from condseg_app.data import ClassId, LearntState
from condseg_app.errors import CondsegError
from condseg_app.io.choices import EVERYTHING
from condseg_app.session.requests import channel_choice
from condseg_app.session.state import NO_IMAGE, NO_MODEL, State

Action = Literal[
    "annotate",
    "draw",  # with a tool
    "draw_slices",  # with a tool that needs several
    "predict",  # the rest of a class
    "predict_any",  # classes that the model knows
    "search",  # the image to annotate next
    "prepare_lesson",
    "teach",
    "steer_lesson",  # pause, stop, cancel
    "export",
    "export_class",
    "remove_from_model",
    "import_class",
    "clear_annotation",
    "set_threshold",
    "show_conflicts",
    "in_3d",
    "close_image",
    "choose_again",  # among the images of the open file
    "save_project",  # under its name
]


def why_not(state: State, action: Action, class_id: ClassId | None = None) -> str | None:
    """Why an action is impossible now, a sentence with a remedy; None where possible.

    Args:
        state: all that is open.
        action: the action.
        class_id: the class; None where none is chosen, or the action is on no class in particular.
    """
    return next((reason for check in _CHECKS[action] if (reason := check(state, class_id)) is not None), None)


def why_not_use(state: State, learnt: LearntState | None) -> str | None:
    """Why a lesson cannot go back to an earlier state of its class; None where it can."""
    result = state.lesson_result
    is_saved = result is not None and learnt is not None and result.state is learnt
    return "This is the state that was saved" if is_saved and not state.is_working else None


def refuse(state: State, action: Action, class_id: ClassId | None = None) -> None:
    """Raise a CondsegError with the sentence of `why_not`, and a ClassTableError for an unknown class."""
    if class_id is not None:
        state.entry(class_id)
    raise_reason(why_not(state, action, class_id))


def raise_reason(reason: str | None) -> None:
    """Raise a CondsegError with a reason, if there is one."""
    if reason is not None:
        raise CondsegError(reason)


def _image(state: State, _class_id: ClassId | None) -> str | None:
    return NO_IMAGE if state.image is None else None


def _model(state: State, _class_id: ClassId | None) -> str | None:
    return NO_MODEL if state.model is None else None


def _fits(state: State, _class_id: ClassId | None) -> str | None:
    return None if state.model is None or state.image is None else state.model.misfit(state.image)


def _chosen(_state: State, class_id: ClassId | None) -> str | None:
    return "Choose a class in the table first" if class_id is None else None


def _known(state: State, class_id: ClassId | None) -> str | None:
    if class_id is None or state.can_predict(class_id):
        return None
    return f"The model does not know {state.name_of(class_id)} yet: annotate a few slices and teach it"


def _incomplete(state: State, class_id: ClassId | None) -> str | None:
    if class_id is None or state.state_of(class_id) != "complete":
        return None
    return f"{state.name_of(class_id)} is predicted everywhere"


def _idle(state: State, _class_id: ClassId | None) -> str | None:
    return "Wait until the work under way has ended, or stop it" if state.is_working else None


def _no_lesson(state: State, _class_id: ClassId | None) -> str | None:
    return "A lesson is running" if state.is_teaching else None


def _lesson(state: State, _class_id: ClassId | None) -> str | None:
    return None if state.is_teaching else "Nothing is being taught"


def _annotated(state: State, class_id: ClassId | None) -> str | None:
    if class_id is None:
        return None
    annotation = state.annotations.get(class_id)
    if annotation is not None and annotation.state == "present":
        return None
    return f"{state.name_of(class_id)} has no annotation on this image yet: paint it on a few slices first"


def _any_annotation(state: State, class_id: ClassId | None) -> str | None:
    if class_id is None or class_id in state.annotations:
        return None
    return f"{state.name_of(class_id)} has no annotation on this image"


def _shown(state: State, class_id: ClassId | None) -> str | None:
    if class_id is None or state.has_result(class_id):
        return None
    return f"{state.name_of(class_id)} has no mask on this image yet: predict or paint it first"


def _unlocked(state: State, class_id: ClassId | None) -> str | None:
    if class_id is None or class_id not in state.locked:
        return None
    return f"{state.name_of(class_id)} is locked: unlock it first, by its menu (right click)"


def _at_rest(state: State, class_id: ClassId | None) -> str | None:
    if class_id is None or not state.will_predict(class_id):
        return None
    return f"{state.name_of(class_id)} is being predicted: wait for it, or stop it with Esc"


def _result(state: State, class_id: ClassId | None) -> str | None:
    if class_id is not None and not state.has_result(class_id):
        return f"{state.name_of(class_id)} has no result on this image: predict or annotate it first"
    if not any(map(state.has_result, state.classes.ids)):
        return "Nothing to export yet: predict or annotate a class first"
    return None


def _volume(state: State, _class_id: ClassId | None) -> str | None:
    return "A 2D image has no depth" if state.image is not None and state.image.geometry.is_2d else None


def _several(state: State, _class_id: ClassId | None) -> str | None:
    image = state.image
    if image is None or image.pick != EVERYTHING or channel_choice(image) is not None:
        return None
    return "The file holds no other image"


def _own_project(state: State, _class_id: ClassId | None) -> str | None:
    if state.project is None:
        return "No project is open yet: save under a name first"
    if state.project.holder:
        return f"The project is open in another window ({state.project.holder}): save the project under another name"
    return None


_READY = (_image, _model, _fits)
_DRAW = (_image, _chosen, _unlocked, _at_rest, _shown)
_CHECKS: Mapping[Action, tuple[Callable[[State, ClassId | None], str | None], ...]] = {
    "annotate": (_image, _chosen, _unlocked),
    "draw": _DRAW,
    "draw_slices": (_volume, *_DRAW),
    "predict": (*_READY, _chosen, _known, _incomplete),
    "predict_any": (*_READY, _known),
    "search": (*_READY, _chosen, _known, _idle),
    "prepare_lesson": (_image, _chosen, *_READY),
    "teach": (_image, _chosen, *_READY, _no_lesson, _annotated),
    "steer_lesson": (_lesson,),
    "export": (_image, _result),
    "export_class": (_model, _chosen, _known),
    "remove_from_model": (_model, _chosen, _known),
    "import_class": (_model,),
    "clear_annotation": (_chosen, _unlocked, _any_annotation),
    "set_threshold": (_chosen,),
    "show_conflicts": (_image,),
    "in_3d": (_image, _volume),
    "close_image": (_image,),
    "choose_again": (_image, _several),
    "save_project": (_own_project,),
}
