"""The first page: three things to click, never an empty window."""

from qtpy.QtCore import Qt, Signal, SignalInstance
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from condseg_app.qt.layout import column

_CARDS = (
    (
        "welcome_open",
        "Open a file",
        "A volume (NIfTI, NRRD…) or an image (TIFF, PNG…). Or drop it anywhere, also a DICOM folder.",
    ),
    ("welcome_sample", "Try the sample", "A generated abdomen, with a model that knows its organs."),
    ("welcome_tour", "Take the tour", "Two minutes: predict, add a class, paint, teach, export."),
)
_CARD_WIDTH, _SPACING = 260, 16


class WelcomePage(QScrollArea):
    """Open a file, try the sample, take the tour: side by side, or stacked in a narrow window."""

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
        self._cards = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._cards.setSpacing(_SPACING)
        for (name, text, hint), signal in zip(
            _CARDS, (self.open_asked, self.sample_asked, self.tour_asked), strict=True
        ):
            self._cards.addWidget(_card(name, text, hint, signal))
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.addStretch(3)
        layout.addWidget(title)
        layout.addWidget(line)
        layout.addSpacing(28)
        middle = QHBoxLayout()
        middle.addStretch()
        middle.addLayout(self._cards)
        middle.addStretch()
        layout.addLayout(middle)
        layout.addStretch(4)
        self.setWidget(page)
        self.setFocusProxy(page.findChildren(QPushButton)[0])
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Put the cards side by side where there is room."""
        needed = len(_CARDS) * (_CARD_WIDTH + _SPACING)
        directions = QBoxLayout.Direction
        beside = event.size().width() > needed
        self._cards.setDirection(directions.LeftToRight if beside else directions.TopToBottom)
        super().resizeEvent(event)


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
    card.setFixedWidth(_CARD_WIDTH)
    column(button, explained, on=card, margins=None)
    return card
