"""How a class is taught: alone, or together with everything else."""

from collections.abc import Mapping

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QRadioButton, QWidget

from condseg_app.data import TeachingMode
from condseg_app.qt.layout import column
from condseg_app.qt.style import named, quiet

_INDENT = 22
_TITLES: Mapping[TeachingMode, str] = {"exact": "Exact", "full": "Full"}
_MEANINGS: Mapping[TeachingMode, str] = {
    "exact": "Learns only this class; all others stay the same, bit for bit.",
    "full": "Fine-tunes the whole network; you compare each class before and after, and decide.",
}


class ModeChoice(QWidget):
    """Two radio buttons with explanations."""

    chosen = Signal(str)  # by the person, not by `choose`

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[TeachingMode, QRadioButton] = {}
        modes = column(on=self, spacing=2)
        for mode, title in _TITLES.items():
            button = named(QRadioButton(title), f"mode_{mode}")
            button.setAccessibleDescription(_MEANINGS[mode])
            button.clicked.connect(lambda _=False, mode=mode: self.chosen.emit(mode))
            meaning = quiet(_MEANINGS[mode])
            meaning.setContentsMargins(_INDENT, 0, 0, 2)
            modes.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)  # no clicks beside the button
            modes.addWidget(meaning)
            self.buttons[mode] = button
        modes.addStretch(1)  # or the texts would share spare height
        self.choose("exact")

    @property
    def mode(self) -> TeachingMode:
        """The chosen mode."""
        return "exact" if self.buttons["exact"].isChecked() else "full"

    def choose(self, mode: TeachingMode) -> None:
        """Choose a mode."""
        self.buttons[mode].setChecked(True)
