"""Changes of the class table, from one state to the next."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from condseg_app.data import ClassEntry, ClassId, ClassTable, Color, Model
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


def renaming(state: State, class_id: ClassId, name: str) -> State:
    """Rename a class."""
    old = state.entry(class_id).name
    if old == name:
        return state
    if not state.can_predict(class_id) or state.model_class(class_id) != name:
        _refuse_reserved(state, name)
    return replace(state, classes=state.classes.renaming(old, name))


def removing(state: State, class_id: ClassId) -> State:
    """Remove a row with its annotation. The model still knows the class; adding the name again restores the row."""
    state.entry(class_id)
    return replace(
        state,
        classes=ClassTable(tuple(entry for entry in state.classes if entry.id != class_id)),
        annotations=_without(state.annotations, class_id),
        elsewhere=_elsewhere(state, lambda annotations: _without(annotations, class_id)),
        current_class=None if state.current_class == class_id else state.current_class,
    )


def with_derived_model(state: State, path: Path, model: Model) -> State:
    """The state with a model taught from the open model: removed classes stay out, and names and colours stay."""
    gone, shown = removed(state), state.classes
    state = with_model(state, path, model)
    for entry in (state.classes.by_id(entry.id) for entry in gone):
        state = state if entry is None else removing(state, entry.id)
    with suppress(ClassTableError):  # a further class of the model may have one of the names
        state = replace(state, classes=state.classes.labelled_as(shown))
    return state


def with_model(state: State, path: Path, model: Model) -> State:
    """The state with another model: its rows, then the user's own and annotated rows.

    A class of the same id, or else of the same name, in capitals or not, is that class of the model.
    """
    marked = {*state.annotations, *(i for other in state.elsewhere.values() for i in other.annotations)}
    table, ids = model.classes, {class_id: row.id for class_id, row in _alike(state.classes, model.classes).items()}
    for entry in state.classes:
        if entry.id not in ids and (entry.id in marked or not state.can_predict(entry.id)):
            used = [other.color for other in table]
            color = free_color(used) if entry.color in used else entry.color
            table = appended(table, replace(entry, color=color))
            ids[entry.id] = table.ids[-1]
    return replace(
        _under_ids(state, ids), model=model, model_path=path, classes=table, levels={}, parts={}, previews={}
    )


def _alike(classes: ClassTable, model: ClassTable) -> Mapping[ClassId, ClassEntry]:
    """Class -> the model's row of the class; a name that is also a row's goes before another row's id."""
    by_name = {entry.name.casefold(): entry for entry in model}
    named = {e.id: by_name[e.name.casefold()] for e in classes if e.name.casefold() in by_name}
    taken = {row.id for row in named.values()}
    rows = {class_id: model.by_id(class_id) for class_id in classes.ids if class_id not in named}
    return {**named, **{class_id: row for class_id, row in rows.items() if row is not None and row.id not in taken}}


def _under_ids(state: State, ids: Mapping[ClassId, ClassId]) -> State:
    """The state with classes under other rows' ids.

    Args:
        state: before.
        ids: id before -> id of the class's new row; classes without a new row are current no more.
    """

    def moved(annotations: Annotations) -> Annotations:
        return {ids[class_id]: annotation for class_id, annotation in annotations.items()}

    return replace(
        state,
        annotations=moved(state.annotations),
        elsewhere=_elsewhere(state, moved),
        thresholds={ids.get(class_id, class_id): value for class_id, value in state.thresholds.items()},
        hidden=frozenset(ids.get(class_id, class_id) for class_id in state.hidden),
        locked=frozenset(ids.get(class_id, class_id) for class_id in state.locked),
        only_inside=None if state.only_inside is None else ids.get(state.only_inside),
        priority=state.priority and tuple(ids.get(class_id, class_id) for class_id in state.priority),
        current_class=None if state.current_class is None else ids.get(state.current_class),
    )


def appended(table: ClassTable, entry: ClassEntry) -> ClassTable:
    """A table with a further row, which gets a free value and id if its own are taken."""
    if entry.value in {other.value for other in table}:
        entry = replace(entry, value=table.propose(entry.name).value, code=table.propose(entry.name).code)
    return table.adding(replace(entry, id=ClassId("")) if table.by_id(entry.id) else entry)


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


def _without(annotations: Annotations, class_id: ClassId) -> Annotations:
    return {other: annotation for other, annotation in annotations.items() if other != class_id}
