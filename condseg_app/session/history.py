"""Undo and redo: earlier values are kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from condseg_app.data import ClassTable
from condseg_app.session.state import Annotations, Marked, State

_MOST_STEPS = 100
_MOST_BYTES = 1 << 30  # masks of a large volume would otherwise fill the memory


@dataclass(frozen=True, eq=False)
class Edit:
    """The part of a state that undo brings back: the class table and what is marked."""

    classes: ClassTable
    asked_as: Mapping[str, str]
    annotations: Annotations
    elsewhere: Mapping[str, Marked]
    current_class: str | None

    @classmethod
    def of(cls, state: State) -> "Edit":
        """That part of a state."""
        return cls(state.classes, state.asked_as, state.annotations, state.elsewhere, state.current_class)

    def restored(self, state: State) -> State:
        """A state with this part put back."""
        return replace(
            state,
            classes=self.classes,
            asked_as=self.asked_as,
            annotations=self.annotations,
            elsewhere=self.elsewhere,
            current_class=self.current_class,
        )


class History:
    """The edits before and after the present one, of one image."""

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

    def keep(self, state: State) -> None:
        """Remember a state that is about to be changed."""
        self._after.clear()
        self._before.append(Edit.of(state))
        while len(self._before) > _MOST_STEPS or (len(self._before) > 1 and _bytes_of(self._before) > _MOST_BYTES):
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
        """Make every edit as it would be, had a change come before it that cannot be undone: another model.

        Args:
            state: the one that is about to be changed.
            change: what happens to it.
        """
        for edits in (self._before, self._after):
            edits[:] = [Edit.of(change(edit.restored(state))) for edit in edits]

    @staticmethod
    def _moved(source: list[Edit], target: list[Edit], state: State) -> State:
        if not source:
            return state
        target.append(Edit.of(state))
        return source.pop().restored(state)


def _bytes_of(edits: list[Edit]) -> int:
    arrays = {
        id(array): array.nbytes
        for edit in edits
        for annotation in edit.annotations.values()
        for array in (annotation.mask, annotation.supervised)
    }
    return sum(arrays.values())
