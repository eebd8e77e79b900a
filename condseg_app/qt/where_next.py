"""Where marking one more slice would teach most."""

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QWidget

from condseg_app.data import Region
from condseg_app.qt.connections import Connections
from condseg_app.qt.style import push_button, quiet
from condseg_app.session import Proposal
from condseg_app.viewer import LayerBinding

_EVERY_MS = 2000


class WhereNext(QWidget):
    """The slice where the class in hand is least certain, and a button that goes there; hidden where none is known."""

    def __init__(self, binding: LayerBinding, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("where_next")
        self._binding, self._session = binding, binding.session
        self._proposal: Proposal | None = None
        self._asked: tuple[str, int] | None = None
        self.text = quiet()
        self.text.setObjectName("where_next_text")
        self.text.setToolTip(
            "Of the slices on which nothing of the class is marked, its probabilities are furthest from yes and no here"
        )
        self.go = push_button("go_there", "Go there", self._go)
        self.go.setToolTip("Show this slice: marking it teaches most")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.text, 1)
        row.addWidget(self.go)
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(_EVERY_MS)
        self._again.timeout.connect(self._ask)
        connections = Connections(self)
        connections.to(self._session.prediction_changed, self._on_prediction)
        connections.to(self._session.annotation_changed, self._on_annotation)
        connections.to(self._session.slice_proposed, self._on_proposal)
        for signal in (self._session.current_class_changed, self._session.image_changed):
            connections.to(signal, self._forget)
        self.hide()

    def _on_prediction(self, name: str, _region: Region | None) -> None:
        self._on_annotation(name)

    def _on_annotation(self, name: str) -> None:
        if name == self._session.current_class and not self._again.isActive():
            self._again.start()

    def _forget(self) -> None:
        self._proposal = None
        self.hide()
        self._again.start()

    def _ask(self) -> None:
        name, sight = self._session.current_class, self._binding.sight
        axis = None if sight is None else sight.across()
        if name is not None and axis is not None:
            self._asked = name, axis
            self._session.propose_slice(name, axis)

    def _on_proposal(self, proposal: Proposal) -> None:
        sight = self._binding.sight
        if (proposal.class_name, proposal.axis) != self._asked or sight is None:
            return
        if proposal.class_name != self._session.current_class:
            return
        self._proposal = proposal
        if proposal.index is not None:
            slider = sight.slider_at(proposal.axis, proposal.index)
            self.text.setText(f"Least certain on slice {slider}")
        self.setVisible(proposal.index is not None)

    def _go(self) -> None:
        proposal, sight = self._proposal, self._binding.sight
        if proposal is None or proposal.index is None or sight is None:
            return
        if proposal.axis != sight.across():  # the view was turned since
            self._ask()
            return
        sight.go_to_slice(proposal.axis, proposal.index)
