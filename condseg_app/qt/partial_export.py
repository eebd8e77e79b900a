"""Question before incomplete predictions are exported, and the wait for completion."""

from collections.abc import Callable, Sequence

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QMessageBox, QWidget

from condseg_app.data import ClassId
from condseg_app.qt.confirmation import Answer, Question, ask
from condseg_app.qt.connections import Connections, soon
from condseg_app.qt.text import counted, listed
from condseg_app.session import Session
from condseg_app.session.state import State

_HOLES = "Parts without a prediction would hold no class; the record beside the files says that they are partial."
_TAUGHT = " It cannot go on while a class is being taught."


class PartialExport(QObject):
    """Exports complete classes at once; else asks, and waits on request.

    Args:
        session: with the predictions.
        page: the page; the question lies over the page's window.
        changed: called when `waits_for` changes or progresses.
    """

    def __init__(self, session: Session, page: QWidget, changed: Callable[[], object]) -> None:
        super().__init__(page)
        self._session, self._page, self._changed = session, page, changed
        self._export: Callable[[], object] | None = None
        self.waits_for: tuple[ClassId, ...] = ()
        connections = Connections(self)
        connections.to(session.jobs.changed, lambda: soon(self, self._look))
        connections.to(session.jobs.progressed, lambda _: self._changed() if self.waits_for else None)
        connections.to(session.images.changed, self._leave_image)

    @property
    def text(self) -> str:
        """The predictions that the export waits for, as text."""
        return f"Waiting for the prediction: {_parts(self._session.state, self.waits_for)}"

    def begin(self, classes: Sequence[ClassId], export: Callable[[], object]) -> None:
        """Export, or ask first.

        Args:
            classes: to export.
            export: writes the classes.
        """
        partial = tuple(i for i in classes if self._session.state.state_of(i) == "filling")
        if partial:
            self._ask(partial, export)
        else:
            export()

    def stop(self) -> None:
        """Wait no more, and write nothing."""
        if self._export is not None:
            self._export, self.waits_for = None, ()
            self._changed()

    def _leave_image(self) -> None:
        for box in self._page.window().findChildren(QMessageBox, "partial_export"):
            box.close()
        self.stop()

    def _ask(self, partial: tuple[ClassId, ...], export: Callable[[], object]) -> None:
        text = f"Prediction is not complete: {_parts(self._session.state, partial)}."
        wait = Answer("Wait and export", lambda: self._wait(partial, export))
        at_once = Answer("Export as it is", export, loses=True)
        if self._session.state.is_teaching:
            question = Question("partial_export", "Export", text, _HOLES + _TAUGHT, (at_once,))
        else:
            question = Question("partial_export", "Export", text, _HOLES, (wait, at_once))
        ask(question, self._page.window())

    def _wait(self, partial: tuple[ClassId, ...], export: Callable[[], object]) -> None:
        self._export, self.waits_for = export, partial
        if not all(map(self._session.state.will_predict, partial)):
            self._session.predictions.start(partial)
        self._changed()
        soon(self, self._look)

    def _look(self) -> None:
        """Export once all is predicted; give up where nothing is predicted any more."""
        if self._export is None:
            return
        if all(self._session.state.state_of(class_id) == "complete" for class_id in self.waits_for):
            export = self._export
            self.stop()
            export()
        elif self._session.jobs.current is None:
            names = listed([*map(self._session.state.name_of, self.waits_for)])
            self.stop()
            self._session.notice.emit(f"Nothing was exported: the prediction of {names} did not get to its end.")


def _parts(state: State, classes: Sequence[ClassId]) -> str:
    """'liver is 40 % done', '3 classes are 40 % done'."""
    part = sum(state.parts.get(class_id, 0.0) for class_id in classes) / max(len(classes), 1)
    many = len(classes)
    who = f"{state.name_of(classes[0])} is" if many == 1 else f"{counted(many, 'class', 'classes')} are"
    return f"{who} {int(100 * part)} % done"
