"""Differences between two states, as signals."""

from collections.abc import Iterator, Mapping

from condseg_app.data import ClassId
from condseg_app.session.as_project import says_as
from condseg_app.session.requests import Choice, LabelsFound, MissingFile
from condseg_app.session.state import State

_QUESTIONS = {Choice: "choice_needed", LabelsFound: "labels_found", MissingFile: "file_missing"}
Change = tuple[str, tuple[object, ...]]
"""A signal's name and arguments."""


def changes(old: State, new: State) -> Iterator[Change]:
    """The signals to emit when a state replaces another, the most general first."""
    before, after = _whole(old), _whole(new)
    for signal in before:
        if before[signal] != after[signal]:
            yield signal, ()
    for class_id in _different(old.thresholds, new.thresholds):
        yield "threshold_changed", (class_id,)
    for class_id in _different(old.annotations, new.annotations):
        yield "annotation_changed", (class_id,)
    if old.current_class != new.current_class:  # painting the class before ends, with the annotations of now
        yield "current_class_changed", ()
    for class_id in _different(_levels(old), _levels(new)):
        yield "prediction_changed", (class_id, None)
    if new.question is not None and new.question is not old.question:
        yield _QUESTIONS[type(new.question)], (new.question,)


def _whole(state: State) -> Mapping[str, object]:
    """Parts of a state that are signalled as a whole, by signal name."""
    return {
        "image_changed": id(state.image),
        "model_changed": id(state.model),
        "classes_changed": (state.classes, state.model and state.model.classes),
        "visibility_changed": (state.hidden, state.shows_conflicts),
        "drawing_rule_changed": (state.locked, state.only_free, state.only_inside),
        "priority_changed": state.priority,
        "project_changed": (id(state.project), state.project is None or says_as(state, state.project.saved)),
        "job_changed": id(state.job),  # even if the title is the same
        "lesson_changed": None if state.lesson is None else (id(state.lesson.plan), id(state.lesson.states)),
    }


def _levels(state: State) -> Mapping[ClassId, object]:
    return {class_id: levels for class_id in state.classes.ids if (levels := state.levels_of(class_id)) is not None}


def _different(old: Mapping[ClassId, object], new: Mapping[ClassId, object]) -> list[ClassId]:
    """Classes whose values are different objects, or that one mapping lacks."""
    return [class_id for class_id in {**old, **new} if old.get(class_id) is not new.get(class_id)]
