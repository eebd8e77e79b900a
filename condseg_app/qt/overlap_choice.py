"""Choice of the overlap rule, and the voxels where classes overlap."""

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QFormLayout, QWidget

from condseg_app.qt.connections import Connections
from condseg_app.qt.layout import column
from condseg_app.qt.priority_list import PriorityList
from condseg_app.qt.style import named, narrow_box, quiet
from condseg_app.session import Session
from condseg_app.session.may import why_not

_KEPT = "This format keeps overlaps: each class has all of its voxels."
_HINTS = (
    "Of the classes that reach their threshold the most probable one gets the voxel.",
    "The class further up gets the voxel. Drag the rows, or use Alt with the arrow keys.",
)
_ALWAYS = " A part comes before its whole, and your annotations before everything."


class OverlapChoice(QWidget):
    """The rule, the classes' priority, and a layer of the overlapping voxels."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._kept = False
        self._build()
        classes, follow = session.classes, self.update_choice
        of_classes = classes.changed, classes.priority_changed, classes.visibility_changed
        Connections(self).each(follow, *of_classes, session.images.changed, session.jobs.changed)
        self.update_choice()

    def _build(self) -> None:
        self.rule = named(narrow_box(), "overlap", "Where classes overlap")
        self.rule.addItems(["Most probable class wins", "By priority"])
        self.rule.activated.connect(self._on_rule)
        self.order = PriorityList()
        self.order.reordered.connect(lambda classes: self._session.classes.set_priority(classes))
        self.hint = named(quiet(), "overlap_hint")
        self.conflicts = named(QCheckBox("Show conflicts in magenta"), "show_conflicts")
        self.conflicts.setToolTip("A layer of the voxels where several classes reach their thresholds, slice by slice")
        self.conflicts.clicked.connect(lambda shown: self._session.classes.show_conflicts(shown))
        self._form = QFormLayout()
        self._form.addRow("Overlap", self.rule)
        column(self._form, self.order, self.hint, self.conflicts, on=self, spacing=4)

    def set_kept(self, kept: bool) -> None:
        """Say whether the format in hand keeps overlaps, so that there is nothing to choose."""
        self._kept = kept
        self.update_choice()

    def update_choice(self) -> None:
        """Show the session's rule."""
        session, chosen = self._session, self._session.state.in_priority is not None
        with QSignalBlocker(self.rule), QSignalBlocker(self.conflicts):
            self.rule.setCurrentIndex(int(chosen))
            self.conflicts.setChecked(session.state.shows_conflicts)
        self.conflicts.setEnabled(why_not(session.state, "show_conflicts") is None)
        self._form.setRowVisible(0, not self._kept)
        self.order.setVisible(chosen and not self._kept)
        self.hint.setText(_KEPT if self._kept else _HINTS[chosen] + _ALWAYS)
        classes = session.state.in_priority or session.state.classes.ids
        self.order.fill([session.state.entry(class_id) for class_id in classes if session.state.has_result(class_id)])

    def _on_rule(self, row: int) -> None:
        self._session.classes.set_priority(self._session.state.classes.ids if row else None)
