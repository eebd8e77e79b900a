"""Changes of the class table, from one state to the next."""

from collections.abc import Callable, Mapping
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
    return replace(state, classes=state.classes.adding(entry))


def renaming(state: State, old: str, new: str) -> State:
    """Rename a class, with its annotations."""
    if old == new:
        return state
    if not state.can_predict(old) or state.model_class(old) != new:
        _refuse_reserved(state, new)
    return replace(
        state,
        classes=state.classes.renaming(old, new),
        annotations=_renamed(state.annotations, old, new),
        elsewhere=_elsewhere(state, lambda annotations: _renamed(annotations, old, new)),
        current_class=new if state.current_class == old else state.current_class,
    )


def removing(state: State, name: str) -> State:
    """Remove a row with its annotation. The model still knows the class; adding the name again restores the row."""
    state.classes.row(name)
    return replace(
        state,
        classes=ClassTable(tuple(entry for entry in state.classes if entry.name != name)),
        annotations=_without(state.annotations, name),
        elsewhere=_elsewhere(state, lambda annotations: _without(annotations, name)),
        current_class=None if state.current_class == name else state.current_class,
    )


def with_derived_model(state: State, path: Path, model: Model) -> State:
    """The state with a model taught from the open model: classes removed by the user stay out."""
    gone = removed(state)
    state = with_model(state, path, model)
    for entry in (state.classes.by_id(entry.id) for entry in gone):
        state = state if entry is None else removing(state, entry.name)
    return state


def with_model(state: State, path: Path, model: Model) -> State:
    """The state with another model: its rows, then the user's own and annotated rows.

    A class of the same id, or else of the same name, in capitals or not, is that class of the model.
    """
    alike = _alike(state.classes, model.classes)
    others = [entry for entry in state.classes if entry.name not in alike]
    known = {entry.id for entry in others if state.can_predict(entry.name)}
    state = _as_rows(state, alike)
    marked = {*state.annotations, *(name for other in state.elsewhere.values() for name in other.annotations)}
    table = model.classes
    for entry in others:
        if entry.id not in known or entry.name in marked:
            used = [other.color for other in table]
            color = free_color(used) if entry.color in used else entry.color
            table = appended(table, replace(entry, color=color))
    current = state.current_class if state.current_class in table else None
    return replace(
        state,
        model=model,
        model_path=path,
        classes=table,
        levels={},
        complete=frozenset(),
        previews={},
        current_class=current,
    )


def _alike(classes: ClassTable, model: ClassTable) -> Mapping[str, ClassEntry]:
    """Class name -> the model's row of the class; a name that is also a row's goes before another row's id."""
    by_name = {entry.name.casefold(): entry for entry in model}
    named = {e.name: by_name[e.name.casefold()] for e in classes if e.name.casefold() in by_name}
    taken = {row.name for row in named.values()}
    rows = {entry.name: model.by_id(entry.id) for entry in classes if entry.name not in named}
    return {**named, **{name: row for name, row in rows.items() if row is not None and row.name not in taken}}


def _as_rows(state: State, rows: Mapping[str, ClassEntry]) -> State:
    """The state with classes under other rows' ids and names.

    Args:
        state: before.
        rows: class name -> the class's new row.
    """
    ids = {state.classes[name].id: row.id for name, row in rows.items()}
    names = {name: row.name for name, row in rows.items() if name != row.name}
    for old, new in names.items():
        annotations = _renamed(state.annotations, old, new)
        elsewhere = _elsewhere(state, partial(_renamed, old=old, new=new))
        state = replace(state, annotations=annotations, elsewhere=elsewhere)
    return replace(
        state,
        thresholds={ids.get(class_id, class_id): value for class_id, value in state.thresholds.items()},
        hidden=frozenset(ids.get(class_id, class_id) for class_id in state.hidden),
        priority=state.priority and tuple(ids.get(class_id, class_id) for class_id in state.priority),
        current_class=names.get(state.current_class or "", state.current_class),
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
    return tuple(entry for entry in state.model.classes if state.classes.by_id(entry.id) is None)


def _refuse_reserved(state: State, name: str) -> None:
    known = () if state.model is None else state.model.classes.names
    for other in known:
        if name.casefold() == other.casefold():
            raise ClassTableError(f"the model knows another class as '{other}'; choose another name")


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
