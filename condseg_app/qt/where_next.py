"""Proposals of the slice to annotate next, on the image in view and on others."""

from qtpy.QtWidgets import QGridLayout, QWidget

from condseg_app.data import ClassId
from condseg_app.qt.connections import Connections, delay
from condseg_app.qt.style import allow, push_button, quiet
from condseg_app.qt.text import counted
from condseg_app.session import ImageProposal, Proposal
from condseg_app.session.may import why_not
from condseg_app.viewer import LayerBinding

_EVERY_MS = 2000
_OTHERS = "Other images of this folder"
_LOOK = "Find the image on which the class is least certain: a lesson learns from all annotated images"
_OPEN = "Show the least certain slice of this image"


class WhereNext(QWidget):
    """The slice where the current class is least certain, the least certain image, and buttons to both.

    Unknown parts are hidden.
    """

    def __init__(self, binding: LayerBinding, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("where_next")
        self._binding, self._session = binding, binding.session
        self._proposal: Proposal | None = None
        self._image: ImageProposal | None = None
        self._asked: tuple[ClassId, int] | None = None
        self._build()
        self._again = delay(self, _EVERY_MS, self._ask)
        session, connections = self._session, Connections(self)
        connections.each(self._on_result, session.predictions.changed, session.annotations.changed)
        connections.to(session.proposals.slice_proposed, self._on_slice)
        connections.to(session.proposals.image_proposed, self._on_image)
        connections.to(session.jobs.changed, self._update)
        connections.each(self._forget, session.classes.current_changed, session.images.changed, session.models.changed)
        self._forget()

    def _build(self) -> None:
        self.text, self.others = quiet(), quiet()
        self.text.setObjectName("where_next_text")
        self.text.setToolTip("Of the slices without annotation, the probabilities of the class are least certain here")
        self.others.setObjectName("next_image_text")
        self.go = push_button("go_there", "Go there", self._go)
        self.go.setToolTip("Show this slice: annotating it teaches most")
        self.look = push_button("next_image", "Look", self._look)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(0, 1)
        grid.addWidget(self.text, 0, 0)
        grid.addWidget(self.go, 0, 1)
        grid.addWidget(self.others, 1, 0)
        grid.addWidget(self.look, 1, 1)

    # clicks

    def _go(self) -> None:
        if self._proposal is not None and not self._show_slice(self._proposal):
            self._ask()  # the view was turned since

    def _look(self) -> None:
        """Look for an image, or open the found image."""
        found, current, axis = self._image, self._session.state.current_class, self._axis()
        if found is not None and found.image is not None:
            self._session.images.show(found.image)
            self._show_slice(found.slice)
            self._session.predictions.start([found.class_id], self._binding.near())
        elif current is not None and axis is not None:
            self._session.proposals.find_image(current, axis)

    def _show_slice(self, proposal: Proposal) -> bool:
        """Go to a slice; False where the view is along another axis."""
        sight = self._binding.sight
        if sight is None or proposal.index is None or proposal.axis != sight.across():
            return False
        sight.go_to_slice(proposal.axis, proposal.index)
        return True

    # following the session

    def _on_result(self, class_id: ClassId) -> None:
        if class_id == self._session.state.current_class and not self._again.isActive():
            self._again.start()

    def _forget(self) -> None:
        self._proposal = self._image = None
        self._again.start()
        self._update()

    def _ask(self) -> None:
        current, sight = self._session.state.current_class, self._binding.sight
        axis = None if sight is None else sight.across()
        if current is not None and axis is not None:
            self._asked = current, axis
            self._session.proposals.find_slice(current, axis)

    def _axis(self) -> int | None:
        """Axis of the slices: in a picture, which is a single slice, the last axis."""
        sight = self._binding.sight
        if sight is None:
            return None
        across = sight.across()
        return 2 if across is None else across

    def _on_slice(self, proposal: Proposal) -> None:
        asked = (proposal.class_id, proposal.axis) == self._asked
        if asked and proposal.class_id == self._session.state.current_class:
            self._proposal = proposal
            self._update()

    def _on_image(self, proposal: ImageProposal) -> None:
        if proposal.class_id == self._session.state.current_class:
            self._image = proposal
            self._update()

    def _update(self) -> None:
        state, text, found = self._session.state, self._slice_text(), self._image
        current = state.current_class
        has_others = self._binding.sight is not None and current is not None and state.can_predict(current)
        for widget in (self.text, self.go):
            widget.setVisible(text is not None)
        for widget in (self.others, self.look):
            widget.setVisible(has_others)
        self.text.setText(text or "")
        self.others.setText(others_text(found))
        can_open = found is not None and found.image is not None
        self.look.setText("Open" if can_open else "Look")
        reason = None if can_open else why_not(state, "search", current)
        allow(self.look, reason, _OPEN if can_open else _LOOK)
        self.setVisible(text is not None or has_others)

    def _slice_text(self) -> str | None:
        sight, proposal = self._binding.sight, self._proposal
        if sight is None or proposal is None or proposal.index is None:
            return None
        return f"Least certain on slice {sight.slider_at(proposal.axis, proposal.index)}"


def others_text(found: ImageProposal | None) -> str:
    """'Least certain of 6 other images: ct_07'."""
    if found is None:
        return _OTHERS
    if found.images == 0:
        return "This folder has no other image that the model can see"
    if found.image is None:
        return f"Not found on {counted(found.images, 'other image')}"
    return f"Least certain of {counted(found.images, 'other image')}: {found.image.name}"
