"""The class table, the current class, and how classes are shown."""

from collections.abc import Sequence
from dataclasses import replace

from condseg_app.data import ClassEntry, ClassId, Color
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
    def choose(self, class_id: ClassId | None) -> None:
        """Choose the current class, or none."""
        if class_id is not None:
            self._state.entry(class_id)
        self._store.become(replace(self._state, current_class=class_id))

    @command
    def set_threshold(self, class_id: ClassId, value: float) -> None:
        """Say from which probability on, 0 to 1, a voxel counts as the class."""
        own = self._state.entry(class_id).id
        thresholds = {**self._state.thresholds, own: float(min(max(value, 0.0), 1.0))}
        self._store.become(replace(self._state, thresholds=thresholds))

    @command
    def set_hidden(self, class_id: ClassId, hidden: bool) -> None:
        """Hide a class, or show a hidden class."""
        own, before = {self._state.entry(class_id).id}, self._state.hidden
        self._store.become(replace(self._state, hidden=before | own if hidden else before - own))

    @command
    def set_locked(self, class_id: ClassId, locked: bool) -> None:
        """Lock a class against all drawing, or unlock a locked class."""
        own, before = {self._state.entry(class_id).id}, self._state.locked
        self._store.become(replace(self._state, locked=before | own if locked else before - own))

    @command
    def show_only(self, class_id: ClassId | None) -> None:
        """Hide all other classes; None shows all."""
        others = set() if class_id is None else {*self._state.classes.ids} - {class_id}
        self._store.become(replace(self._state, hidden=frozenset(others)))

    @command
    def show_conflicts(self, shown: bool) -> None:
        """Show or hide the voxels that several classes claim."""
        self._store.become(replace(self._state, shows_conflicts=shown))

    @command
    def set_priority(self, classes: Sequence[ClassId] | None) -> None:
        """Set the priority of overlapping classes, other classes last; None: the most probable class has priority."""
        priority = None if classes is None else tuple(self._state.entry(class_id).id for class_id in classes)
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
    def rename(self, class_id: ClassId, name: str) -> None:
        """Give a class another name; the model's file keeps its own."""
        self._store.edit(table.renaming(self._state, class_id, name))

    @command
    def recolor(self, class_id: ClassId, color: Color) -> None:
        """Give a class another colour."""
        name = self._state.entry(class_id).name
        self._store.edit(replace(self._state, classes=self._state.classes.replacing(name, color=color)))

    @command
    def remove(self, class_id: ClassId) -> None:
        """Remove a class from the table, with its annotation."""
        self._store.edit(table.removing(self._state, class_id))
