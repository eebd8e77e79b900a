"""The class table, the current class, and how classes are shown."""

from collections.abc import Sequence
from dataclasses import replace

from condseg_app.data import ClassEntry, Color
from condseg_app.session import table
from condseg_app.session.command import command
from condseg_app.session.state import State
from condseg_app.session.store import Store


class Classes:
    """Commands on the classes; those that change the table can be undone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.changed = store.classes_changed
        self.current_changed = store.current_class_changed
        self.visibility_changed = store.visibility_changed
        self.priority_changed = store.priority_changed
        self.threshold_changed = store.threshold_changed

    @property
    def _state(self) -> State:
        return self._store.state

    # The current class, and how classes are shown

    @command
    def choose(self, name: str | None) -> None:
        """Choose the current class, or none."""
        if name is not None:
            self._state.classes.row(name)
        self._store.become(replace(self._state, current_class=name))

    @command
    def set_threshold(self, name: str, value: float) -> None:
        """Say from which probability on, 0 to 1, a voxel counts as the class."""
        class_id = self._state.classes[name].id
        thresholds = {**self._state.thresholds, class_id: float(min(max(value, 0.0), 1.0))}
        self._store.become(replace(self._state, thresholds=thresholds))

    @command
    def set_hidden(self, name: str, hidden: bool) -> None:
        """Hide a class, or show a hidden class."""
        own, before = {self._state.classes[name].id}, self._state.hidden
        self._store.become(replace(self._state, hidden=before | own if hidden else before - own))

    @command
    def show_only(self, name: str | None) -> None:
        """Hide all other classes; None shows all."""
        hidden = [entry.id for entry in self._state.classes if name not in (None, entry.name)]
        self._store.become(replace(self._state, hidden=frozenset(hidden)))

    @command
    def show_conflicts(self, shown: bool) -> None:
        """Show or hide the voxels that several classes claim."""
        self._store.become(replace(self._state, shows_conflicts=shown))

    @command
    def set_priority(self, names: Sequence[str] | None) -> None:
        """Set the priority of overlapping classes, unnamed classes last; None: the most probable class has priority."""
        priority = None if names is None else tuple(self._state.classes[name].id for name in names)
        self._store.become(replace(self._state, priority=priority))

    # The table

    def propose(self, name: str, color: Color | None = None) -> ClassEntry:
        """The row that `add` would add; ClassTableError if the name cannot be used."""
        return table.propose(self._state, name, color)

    @command
    def add(self, name: str, color: Color | None = None) -> ClassEntry:
        """Add a class of the user's, or a removed class of the model's."""
        entry = table.propose(self._state, name, color)
        self._store.edit(table.adding(self._state, entry))
        return entry

    @command
    def rename(self, name: str, new_name: str) -> None:
        """Give a class another name; the model's file keeps its own."""
        self._store.edit(table.renaming(self._state, name, new_name))

    @command
    def recolor(self, name: str, color: Color) -> None:
        """Give a class another colour."""
        self._store.edit(replace(self._state, classes=self._state.classes.replacing(name, color=color)))

    @command
    def remove(self, name: str) -> None:
        """Remove a class from the table, with its annotation."""
        self._store.edit(table.removing(self._state, name))
