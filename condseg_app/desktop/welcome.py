"""The first page: three things to click, never an empty window."""

from qtpy.QtCore import Qt, Signal, SignalInstance
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

_CARDS = (
    (
        "welcome_open",
        "Open a file",
        "A volume (NIfTI, NRRD…) or an image (TIFF, PNG…). Or drop it anywhere, also a DICOM folder.",
    ),
    ("welcome_sample", "Try the sample", "A generated abdomen, with a model that knows its organs."),
    ("welcome_tour", "Take the tour", "Two minutes: predict, add a class, paint, teach, export."),
)


class WelcomePage(QWidget):
    """Open a file, try the sample, take the tour."""

    open_asked = Signal()
    sample_asked = Signal()
    tour_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        title = QLabel("CondSeg")
        title.setStyleSheet("font-size: 30pt; font-weight: bold;")
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        line = QLabel("One network, told which class to look for.")
        line.setStyleSheet("font-size: 12pt;")
        line.setAlignment(Qt.AlignmentFlag.AlignCenter)
        cards = QHBoxLayout()
        cards.setSpacing(16)
        cards.addStretch()
        for (name, text, hint), signal in zip(
            _CARDS, (self.open_asked, self.sample_asked, self.tour_asked), strict=True
        ):
            cards.addWidget(_card(name, text, hint, signal))
        cards.addStretch()
        layout = QVBoxLayout(self)
        layout.addStretch(3)
        layout.addWidget(title)
        layout.addWidget(line)
        layout.addSpacing(28)
        layout.addLayout(cards)
        layout.addStretch(4)


def _card(name: str, text: str, hint: str, signal: SignalInstance) -> QFrame:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setMinimumHeight(44)
    button.setStyleSheet("font-size: 12pt;")
    button.clicked.connect(signal)
    explained = QLabel(hint)
    explained.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
    explained.setWordWrap(True)
    explained.setMinimumHeight(60)
    card = QFrame()
    card.setFixedWidth(260)
    column = QVBoxLayout(card)
    column.addWidget(button)
    column.addWidget(explained)
    return card
