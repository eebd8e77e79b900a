"""Differences between two states, as signals."""

from collections.abc import Iterator, Mapping

from condseg_app.session.state import State

Change = tuple[str, tuple[object, ...]]
"""A signal's name and arguments."""


def changes(old: State, new: State) -> Iterator[Change]:
    """The signals to emit when a state replaces another, the most general first."""
    before, after = _whole(old), _whole(new)
    for signal in before:
        if before[signal] != after[signal]:
            yield signal, ()
    for class_id in _different(old.thresholds, new.thresholds):
        entry = new.classes.by_id(class_id)
        if entry is not None:
            yield "threshold_changed", (entry.name,)
    for name in _different(old.annotations, new.annotations):
        yield "annotation_changed", (name,)
    if old.current_class != new.current_class:  # painting the class before ends, with the annotations of now
        yield "current_class_changed", ()
    for name in _different(_levels(old), _levels(new)):
        yield "prediction_changed", (name, None)


def _whole(state: State) -> Mapping[str, object]:
    """Parts of a state that are signalled as a whole, by signal name."""
    return {
        "image_changed": id(state.image),
        "model_changed": id(state.model),
        "classes_changed": (state.classes, state.model and state.model.classes),
        "visibility_changed": (state.hidden, state.shows_conflicts),
        "priority_changed": state.priority,
        "job_changed": id(state.job),  # even if the title is the same
        "lesson_changed": None if state.lesson is None else (id(state.lesson.plan), id(state.lesson.states)),
    }


def _levels(state: State) -> Mapping[str, object]:
    shown = {name: state.levels_of(name) for name in state.classes.names}
    return {name: levels for name, levels in shown.items() if levels is not None}


def _different(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """Names whose values are different objects, or that one mapping lacks."""
    return [name for name in {**old, **new} if old.get(name) is not new.get(name)]
