"""Annotations of the image in view: the commands that change them, and those that files keep."""

import weakref
from collections.abc import Iterable

from condseg_app.data import ChunkedAnnotation, ClassId
from condseg_app.session.command import command
from condseg_app.session.marking import marking, unmarking
from condseg_app.session.store import Store
from condseg_app.session.unsaved import UnsavedMarks, unsaved_marks


class Annotations:
    """The annotations' commands, each of which can be undone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # No state, but a fact about files: weak, as undo may bring an annotation back that a file keeps.
        self._kept = weakref.WeakSet[ChunkedAnnotation]()
        self.changed = store.annotation_changed

    @property
    def unsaved(self) -> tuple[UnsavedMarks, ...]:
        """The images with annotations that no file keeps, the image in view first."""
        return tuple(unsaved_marks(self._store.state, self._kept))

    @command
    def put(self, class_id: ClassId, annotation: ChunkedAnnotation) -> None:
        """Replace a class's annotation."""
        self._store.edit(marking(self._store.state, class_id, annotation))

    @command
    def clear(self, class_id: ClassId) -> None:
        """Remove a class's annotation."""
        self._store.edit(unmarking(self._store.state, class_id))

    def keep(self, annotations: Iterable[ChunkedAnnotation]) -> None:
        """Note annotations as kept in a file, so that closing the program is safe."""
        self._kept.update(annotations)
