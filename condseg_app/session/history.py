"""Undo and redo: earlier values are kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from condseg_app.data import ClassId, ClassTable
from condseg_app.session.state import AnnotatedImage, Annotations, State

_MOST_STEPS = 100
_MOST_BYTES = 1 << 28  # many whole annotated slices would otherwise fill the memory


@dataclass(frozen=True, eq=False)
class Edit:
    """The part of a state that undo restores: class table and annotations.

    Attributes:
        classes: as in the state, like the other attributes.
        nbytes: memory for keeping this edit, beside the memory of the states before and after.
    """

    classes: ClassTable
    annotations: Annotations
    elsewhere: Mapping[str, AnnotatedImage]
    current_class: ClassId | None
    nbytes: int

    @classmethod
    def of(cls, state: State, nbytes: int) -> "Edit":
        """That part of a state."""
        return cls(state.classes, state.annotations, state.elsewhere, state.current_class, nbytes)

    def restored(self, state: State) -> State:
        """A state with this part put back."""
        return replace(
            state,
            classes=self.classes,
            annotations=self.annotations,
            elsewhere=self.elsewhere,
            current_class=self.current_class,
        )


class History:
    """The edits of one image before and after the present state."""

    def __init__(self) -> None:
        self._before: list[Edit] = []
        self._after: list[Edit] = []

    @property
    def can_undo(self) -> bool:
        """Whether there is an earlier edit."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone edit."""
        return bool(self._after)

    def keep(self, state: State, changed: State) -> None:
        """Remember a state before a change."""
        self._after.clear()
        self._before.append(Edit.of(state, _bytes_beside(state.annotations, changed.annotations)))
        while len(self._before) > _MOST_STEPS or (len(self._before) > 1 and self._nbytes > _MOST_BYTES):
            del self._before[0]

    def undone(self, state: State) -> State:
        """The state before the last edit; the same if there is none."""
        return self._moved(self._before, self._after, state)

    def redone(self, state: State) -> State:
        """The state before the last undo; the same if there is none."""
        return self._moved(self._after, self._before, state)

    def clear(self) -> None:
        """Forget all, as another image comes."""
        self._before.clear()
        self._after.clear()

    def carry_over(self, state: State, change: Callable[[State], State]) -> None:
        """Rebase every edit on a change that cannot be undone: another model.

        Args:
            state: the state before the change.
            change: the change.
        """
        for edits in (self._before, self._after):
            edits[:] = [Edit.of(change(edit.restored(state)), edit.nbytes) for edit in edits]

    @property
    def _nbytes(self) -> int:
        return sum(edit.nbytes for edit in self._before)

    @staticmethod
    def _moved(source: list[Edit], target: list[Edit], state: State) -> State:
        if not source:
            return state
        edit = source.pop()
        target.append(Edit.of(state, edit.nbytes))
        return edit.restored(state)


def _bytes_beside(annotations: Annotations, others: Annotations) -> int:
    """Memory for keeping some annotations where the others are kept anyway."""
    return sum(
        annotation.bytes_beside(others.get(class_id))
        for class_id, annotation in annotations.items()
        if annotation is not others.get(class_id)
    )
