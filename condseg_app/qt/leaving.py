"""Questions before unsaved work is lost, and saving."""

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import QObject, Qt
from qtpy.QtWidgets import QFileDialog, QMainWindow, QWidget

from condseg_app.qt.confirmation import Answer, Question, ask
from condseg_app.qt.connections import Connections, soon
from condseg_app.qt.lesson_question import lesson_text
from condseg_app.qt.text import counted, listed
from condseg_app.session import Session
from condseg_app.session.unsaved import Unsaved, UnsavedMarks

_MOST_IMAGES = 8


class Leaving(QObject):
    """Guards a window against closing over unsaved work.

    Args:
        session: the session with the work.
        window: the window to close.
        close: closes the window, once nothing is lost or the loss is accepted.
        collect: hands over the unfinished painting.
        program: the program's name in the question.
    """

    def __init__(
        self,
        session: Session,
        window: QWidget,
        close: Callable[[], object],
        collect: Callable[[], object],
        program: str = "CondSeg",
    ) -> None:
        super().__init__(window)
        self._session, self._window, self._close, self._collect = session, window, close, collect
        self._program = program
        self._keeps = self._decided = False
        connections = Connections(self)
        connections.each(self._look_again, session.jobs.changed, session.exports.changed)
        connections.to(session.failed, lambda _: self._stay())

    def may_close(self) -> bool:
        """Whether the window may close now; if not, ask, and close later if the person agrees."""
        self._collect()
        unsaved = self._session.unsaved
        if self._decided or not unsaved:
            return True
        self._keeps = False
        self._ask(unsaved)
        return False

    def _ask(self, unsaved: Unsaved) -> None:
        keep = Answer("Keep it, then quit…" if unsaved.marks else "Keep it, then quit", self._ask_where)
        answers = keep, Answer("Quit anyway", self._leave, loses=True)
        title = f"Quit {self._program}"
        ask(Question("quit_dialog", title, lost_text(unsaved), _how_kept(unsaved), answers), self._window)

    def _ask_where(self) -> None:
        """Ask for a folder where there are annotations to be written; else nothing has to be asked."""
        if not self._session.unsaved.marks:
            self.keep(None)
            return
        dialog = QFileDialog(self._window, "Keep annotations in the folder", str(_folder_of(self._session)))
        dialog.setObjectName("keep_dialog")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.keep(Path(name)))
        dialog.open()

    def keep(self, folder: Path | None) -> None:
        """Write everything, then close.

        Args:
            folder: for the marks; None where there are none.
        """
        self._keeps = True
        if self._session.unsaved.project:
            self._session.projects.save()
        if folder is not None:
            self._session.exports.keep_annotations(folder)
        if self._session.unsaved.lesson is not None:
            self._session.lessons.keep()
        self._tell(f"{self._program} closes as soon as everything is kept")
        self._look_again()

    def _look_again(self) -> None:
        if self._keeps:
            soon(self, self._close_if_kept)

    def _close_if_kept(self) -> None:
        unsaved = self._session.unsaved
        if not self._keeps or unsaved.writing or self._session.state.is_teaching:
            return
        self._keeps = False
        self._tell("")
        if unsaved:  # stopped, or saving failed
            self._session.notice.emit(f"Not everything is kept, so {self._program} stays open.")
        else:
            self._leave()

    def _stay(self) -> None:
        if self._keeps:
            self._keeps = False
            self._tell("")

    def _tell(self, text: str) -> None:
        """Show a message while the condition lasts, where the window has a place for messages."""
        if isinstance(self._window, QMainWindow):
            self._window.statusBar().showMessage(text)

    def _leave(self) -> None:
        self._decided = True
        soon(self, self._close)


def lost_text(unsaved: Unsaved) -> str:
    """A line for each image, the lesson and each file that would be lost."""
    lines = [_marks_text(marks) for marks in unsaved.marks[:_MOST_IMAGES]]
    more = len(unsaved.marks) - _MOST_IMAGES
    if more > 0:
        lines.append(f"annotations on {counted(more, 'more image')}")
    if unsaved.project:
        lines.append(f"changes of the project {unsaved.project}")
    if unsaved.lesson is not None:
        lines.append(f"the lesson of {lesson_text(unsaved.lesson)}")
    lines += (f"{title[:1].lower()}{title[1:]}, which is being written" for title in unsaved.writing)
    return "No file keeps this yet:\n\n" + "\n".join(f"•  {line}" for line in lines)


def _marks_text(marks: UnsavedMarks) -> str:
    where = "" if marks.in_view else " (not in view)"
    return f"annotations on {marks.image.name}{where}: {listed([entry.name for entry in marks.classes])}"


def _how_kept(unsaved: Unsaved) -> str:
    kept = []
    if unsaved.marks:
        kept.append("Annotations are kept as a mask for each image and class, in a folder that you choose.")
    if unsaved.project:
        kept.append("The project is saved.")
    if unsaved.lesson is not None:
        kept.append("The lesson ends, and what was learnt becomes a new model.")
    if unsaved.writing:
        kept.append("Files are written to their end.")
    return " ".join(kept)


def _folder_of(session: Session) -> Path:
    """Beside the first image with annotations, or at home."""
    sources = [marks.image.source for marks in session.unsaved.marks]
    return next((source.parent for source in sources if source is not None), Path.home())
