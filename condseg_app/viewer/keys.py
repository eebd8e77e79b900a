"""Keys of the panel. They act in the viewer only, and differ from napari's own."""

from collections.abc import Callable
from dataclasses import dataclass

from napari.components import ViewerModel


@dataclass(frozen=True)
class Key:
    """A key, in napari's spelling, and its effect."""

    sequence: str
    action: str
    text: str

    @property
    def shown(self) -> str:
        """The key as shown to the user."""
        return self.sequence.replace("-", "+")


KEYS: tuple[Key, ...] = (
    Key("K", "complete_slice", "This slice is complete for the current class"),
    Key("Shift-K", "complete_volume", "The whole image is complete for the current class"),
    Key("N", "next_class", "Next class"),
    Key("Shift-N", "previous_class", "Previous class"),
    Key("Q", "ask", "Predict the current class, this slice first"),
    Key("D", "correct", "Start or stop painting the current class"),
    Key("H", "hide", "Hide or show the current class"),
    Key("Shift-F", "fill_holes", "Fill the holes of the current class's mask"),
    Key("Shift-L", "keep_largest", "Keep the largest part of the current class's mask"),
    Key("Shift-I", "fill_between", "Interpolate the current class between annotated slices"),
    Key("Shift-Right", "copy_next", "Copy the current class to the next slice, and go there"),
    Key("Shift-Left", "copy_before", "Copy the current class to the slice before, and go there"),
)


@dataclass(frozen=True)
class CommandKey:
    """A key that clicks a button of the panel, while the button is there and enabled.

    Attributes:
        key: in Qt's spelling; none of the letters of napari's or the app's menus.
        button: the name of the button's object.
        text: the effect.
    """

    key: str
    button: str
    text: str


COMMAND_KEYS: tuple[CommandKey, ...] = (
    CommandKey("Alt+A", "predict_all", "Predict all classes that are listed"),
    CommandKey("Alt+N", "add_class", "Add a class"),
    CommandKey("Alt+C", "tools", "Tools for the current class's mask"),
    CommandKey("Alt+T", "teach", "Turn to teaching the current class"),
    CommandKey("Alt+S", "start_lesson", "Start the lesson, or go on with it"),
    CommandKey("Alt+U", "pause_lesson", "Pause the lesson, or go on"),
    CommandKey("Alt+O", "stop_lesson", "Stop the lesson and keep what was learnt"),
    CommandKey("Alt+Y", "accept_lesson", "Use the model that was taught"),
    CommandKey("Alt+D", "discard_lesson", "Discard what was learnt"),
    CommandKey("Alt+B", "model_before", "Back to the model before the lesson"),
    CommandKey("Alt+G", "go_there", "Go to the slice that is least certain"),
    CommandKey("Alt+I", "next_image", "Look for the image that is least certain"),
    CommandKey("Alt+M", "export", "Export the masks"),
    CommandKey("Alt+R", "show_folder", "Show what was exported in its folder"),
)

PANEL_KEYS: tuple[tuple[str, str], ...] = (
    ("Esc", "Cancel the work under way, wherever the focus is; else leave a field"),
    ("Alt+1 / Alt+2 / Alt+3", "Classes / Teach / Export"),
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
    """Binds the keys to a viewer, and unbinds them."""

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
