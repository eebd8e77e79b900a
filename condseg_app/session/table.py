"""Changes of the class table, from one state to the next."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from condseg_app.data import ClassEntry, ClassTable, Color, Model
from condseg_app.data.classes import fresh_id
from condseg_app.data.colors import free_color
from condseg_app.errors import ClassTableError
from condseg_app.session.state import AnnotatedImage, Annotations, State


def propose(state: State, name: str, color: Color | None = None) -> ClassEntry:
    """The row that a new class would get.

    A name of the model's that was taken out of the table gives that very class back.

    Raises:
        ClassTableError: the name is used already.
    """
    gone = {entry.name: entry for entry in removed(state)}
    if name in gone:
        entry = gone[name]
        return entry if color is None else replace(entry, color=color)
    proposed = ClassTable((*state.classes.entries, *gone.values())).propose_new(name, color)
    state.classes.adding(proposed)  # refuses a name in use
    _refuse_reserved(state, name)
    return proposed


def adding(state: State, entry: ClassEntry) -> State:
    """A row more, at the end."""
    asked_as = dict(state.asked_as)
    if any(entry.name == gone.name for gone in removed(state)):
        asked_as[entry.name] = entry.name
    return replace(state, classes=state.classes.adding(entry), asked_as=asked_as)


def renaming(state: State, old: str, new: str) -> State:
    """Rename a class, with all entries under the old name."""
    if old == new:
        return state
    if state.asked_as.get(old) != new:
        _refuse_reserved(state, new)
    return replace(
        state,
        classes=state.classes.renaming(old, new),
        asked_as={new if name == old else name: own for name, own in state.asked_as.items()},
        previews={new if name == old else name: levels for name, levels in state.previews.items()},
        annotations=_renamed(state.annotations, old, new),
        elsewhere=_elsewhere(state, lambda annotations: _renamed(annotations, old, new)),
        # The old name's entries stay, so that undoing finds them.
        thresholds={**state.thresholds, new: state.threshold(old)},
        hidden=state.hidden | {new} if old in state.hidden else state.hidden - {new},
        priority=_renamed_in(state.priority, old, new),
        current_class=new if state.current_class == old else state.current_class,
    )


def removing(state: State, name: str) -> State:
    """Remove a row with its annotation. The model still knows the class; adding the name again restores the row."""
    state.classes.row(name)
    return replace(
        state,
        classes=ClassTable(tuple(entry for entry in state.classes if entry.name != name)),
        asked_as={other: own for other, own in state.asked_as.items() if other != name},
        annotations=_without(state.annotations, name),
        elsewhere=_elsewhere(state, lambda annotations: _without(annotations, name)),
        current_class=None if state.current_class == name else state.current_class,
    )


def with_derived_model(state: State, path: Path, model: Model) -> State:
    """The state with a model taught from the open model: classes removed by the user stay out."""
    gone = [entry.name for entry in removed(state)]
    state = with_model(state, path, model)
    for name in gone:
        state = removing(state, name) if name in state.classes else state
    return state


def with_model(state: State, path: Path, model: Model) -> State:
    """The state with another model: its rows, then the user's own and annotated rows."""
    state = _called_as_by(model, state)
    names = {entry.name for entry in model.classes}
    marked = {*state.annotations, *(name for other in state.elsewhere.values() for name in other.annotations)}
    table = model.classes
    for entry in state.classes:
        own = entry.name not in state.asked_as
        if (own or entry.name in marked) and entry.name not in names:
            used = [other.color for other in table]
            table = appended(table, replace(entry, color=free_color(used)) if entry.color in used else entry)
    current = state.current_class if state.current_class in table else None
    return replace(
        state,
        model=model,
        model_path=path,
        classes=table,
        asked_as={name: name for name in model.classes.names},
        levels={},
        complete=frozenset(),
        previews={},
        current_class=current,
    )


def _called_as_by(model: Model, state: State) -> State:
    """The state under a model's spelling of class names: no table holds both spellings."""
    names = {name.casefold(): name for name in model.classes.names}
    for entry in state.classes:
        own = names.get(entry.name.casefold(), entry.name)
        if own != entry.name:
            annotations = _renamed(state.annotations, entry.name, own)
            elsewhere = _elsewhere(state, partial(_renamed, old=entry.name, new=own))
            state = replace(state, annotations=annotations, elsewhere=elsewhere)
    return state


def personal(state: State, table: ClassTable) -> ClassTable:
    """A table of the model's rows (or more) with the user's names and colours."""
    given = {own: state.classes[name] for name, own in state.asked_as.items()}
    return ClassTable(
        tuple(
            replace(entry, name=given[entry.name].name, color=given[entry.name].color) if entry.name in given else entry
            for entry in table
        )
    )


def appended(table: ClassTable, entry: ClassEntry) -> ClassTable:
    """A table with a further row, which gets a free value and id if its own are taken; unchanged for a known name."""
    if entry.name.casefold() in {name.casefold() for name in table.names}:
        return table
    if table.by_id(entry.id) is not None:
        entry = replace(entry, id=fresh_id())
    try:
        return table.adding(entry)
    except ClassTableError:  # the value is taken
        return table.adding(replace(table.propose(entry.name, entry.color), notes=entry.notes, id=entry.id))


def removed(state: State) -> tuple[ClassEntry, ...]:
    """The model's rows that are not in the table."""
    if state.model is None:
        return ()
    asked = set(state.asked_as.values())
    return tuple(entry for entry in state.model.classes if entry.name not in asked)


def _refuse_reserved(state: State, name: str) -> None:
    known = () if state.model is None else state.model.classes.names
    for other in known:
        if name.casefold() == other.casefold():
            raise ClassTableError(f"the model knows another class as '{other}'; choose another name")


def _renamed_in(names: tuple[str, ...] | None, old: str, new: str) -> tuple[str, ...] | None:
    """The names with the new name in place of the old, which follows, so that undoing finds the old name."""
    if names is None:
        return None
    both = [n for name in names if name != new for n in ((new, old) if name == old else (name,))]
    return tuple(dict.fromkeys(both))


def _elsewhere(state: State, changed: Callable[[Annotations], Annotations]) -> dict[str, AnnotatedImage]:
    """The other images, with their annotations changed."""
    return {key: replace(other, annotations=changed(other.annotations)) for key, other in state.elsewhere.items()}


def _renamed(annotations: Annotations, old: str, new: str) -> Annotations:
    return {
        new if name == old else name: replace(annotation, class_name=new) if name == old else annotation
        for name, annotation in annotations.items()
    }


def _without(annotations: Annotations, name: str) -> Annotations:
    return {other: annotation for other, annotation in annotations.items() if other != name}
