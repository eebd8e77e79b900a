"""Keys of the panel. They act in the viewer only, and are none of napari's own."""

from collections.abc import Callable
from dataclasses import dataclass

from napari.components import ViewerModel


@dataclass(frozen=True)
class Key:
    """A key, as napari writes it, and what it does."""

    sequence: str
    action: str
    text: str

    @property
    def shown(self) -> str:
        """As people read it."""
        return self.sequence.replace("-", "+")


KEYS: tuple[Key, ...] = (
    Key("K", "complete_slice", "This slice is complete for the class in hand"),
    Key("Shift-K", "complete_volume", "The whole image is complete for the class in hand"),
    Key("N", "next_class", "Next class"),
    Key("Shift-N", "previous_class", "Previous class"),
    Key("Q", "ask", "Predict the class in hand, this slice first"),
    Key("D", "correct", "Take up the brush for the class in hand, or put it down"),
    Key("H", "hide", "Hide the class in hand, or show it"),
)

PANEL_KEYS: tuple[tuple[str, str], ...] = (
    ("Esc", "Cancel the work under way, wherever the focus is; else leave a field"),
    ("Tab / Shift+Tab", "Next / previous control"),
    ("↑ / ↓", "Other class (in the class table)"),
    ("Enter", "Predict the class (in the class table)"),
    ("Space", "Show or hide the class (in the class table)"),
    ("Menu or Shift+F10", "All that can be done with the class (in the class table)"),
)
"""Keys of the window that the panel is in; all others in the panel are the viewer's."""

NAPARI_KEYS: tuple[tuple[str, str], ...] = (
    ("1 / 2 / 4", "Erase / paint / fill (while painting)"),
    ("[ / ]", "Smaller / larger brush"),
    ("Space", "Hold to move the view while painting"),
    ("← / →", "Previous / next slice"),
    ("Ctrl+E", "Slice along the next axis"),
    ("Ctrl+Y", "2D or 3D view"),
    ("Ctrl+R", "Fit to the window"),
    ("V", "Show or hide the selected layer"),
)


class ViewerKeys:
    """Binds the keys to a viewer, and gives them back."""

    def __init__(self, viewer: ViewerModel, actions: dict[str, Callable[[], None]]) -> None:
        self._viewer = viewer
        self._bound: list[str] = []
        for key in KEYS:
            if key.shown not in {str(bound) for bound in viewer.keymap}:
                self._bind(key.sequence, actions[key.action])

    def _bind(self, sequence: str, do: Callable[[], None]) -> None:
        def run(viewer: ViewerModel) -> None:
            del viewer
            do()

        self._viewer.bind_key(sequence, run)
        self._bound.append(sequence)

    def release(self) -> None:
        """Give the keys back."""
        bound, self._bound = self._bound, []
        for sequence in bound:
            self._viewer.bind_key(sequence, None)
