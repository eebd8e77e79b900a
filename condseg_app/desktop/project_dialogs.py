"""Projects in the window: saving, opening, files that are not where they were, and work kept from a crash."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

from condseg_app.desktop.open_dialogs import file_dialog, folder_dialog, project_dialog
from condseg_app.io.project.folder import SUFFIX, project_folder
from condseg_app.qt.confirmation import Answer, Question, ask
from condseg_app.qt.connections import Connections
from condseg_app.qt.leaving import lost_text
from condseg_app.qt.text import listed
from condseg_app.session import Session
from condseg_app.session.may import why_not
from condseg_app.session.recorder import KeptWork
from condseg_app.session.requests import MissingFile
from condseg_app.session.settings import Settings

_MOST_NAMES = 3


class ProjectDialogs:
    """Asks all that saving and opening of projects needs.

    Args:
        session: the session.
        settings: has the folder where a dialog starts.
        window: the widget below the dialogs.
        collect: hands over the unfinished painting.
    """

    def __init__(self, session: Session, settings: Settings, window: QWidget, collect: Callable[[], object]) -> None:
        self._session, self._settings, self._window, self._collect = session, settings, window, collect
        self._restoring: KeptWork | None = None
        connections = Connections(window)
        connections.to(session.projects.file_missing, self._ask_for_file)
        connections.to(session.projects.kept_found, self._ask_about_kept)

    def save(self) -> None:
        """Save the project; ask for a name where there is none yet."""
        self._collect()
        if why_not(self._session.state, "save_project") is not None:
            self.save_as()
        else:
            self._session.projects.save()

    def save_as(self) -> None:
        """Ask for a name and save the project under this name."""
        self._collect()
        dialog = project_dialog(self._window, self._settings.last_folder, self._proposed_name())
        dialog.fileSelected.connect(lambda name: self._session.projects.save_as(_with_suffix(Path(name))))
        dialog.open()

    def ask_for_project(self) -> None:
        """Ask for a project and open the project."""
        dialog = folder_dialog(self._window, self._settings.last_folder, f"Open a project (NAME{SUFFIX})")
        dialog.fileSelected.connect(lambda name: self.open(Path(name)))
        dialog.open()

    def open(self, path: Path) -> None:
        """Open a project; ask where unsaved work would be lost."""
        folder = project_folder(path)
        self._in_place(partial(self._session.projects.open, folder), f"Open {folder.name}")

    def _in_place(self, do: Callable[[], object], title: str) -> None:
        """Do something that takes the place of all that is open."""
        self._collect()
        unsaved = self._session.unsaved
        if not unsaved:
            do()
            return
        answers = (Answer("Open anyway", do, loses=True),)
        question = Question("replace_dialog", title, lost_text(unsaved), "Opening closes all that is open.", answers)
        ask(question, self._window)

    def _proposed_name(self) -> str:
        state = self._session.state
        if state.project is not None:
            return state.project.folder.name
        return f"{'project' if state.image is None else state.image.name}{SUFFIX}"

    def _ask_for_file(self, missing: MissingFile) -> None:
        """Tell of a file that is not where it was, and ask for its place."""
        window, folder = self._window, missing.path.parent
        question = Question(
            "missing_dialog",
            "A file of the project",
            f"{missing.path.name} {missing.reason}.",
            f"It was in {folder}. Choose its place, and the project opens.",
            (
                Answer("Choose the file…", lambda: self._look_for(missing, file_dialog(window, folder))),
                Answer("Choose the folder…", lambda: self._look_for(missing, folder_dialog(window, folder))),
            ),
        )
        ask(question, window)

    def _look_for(self, missing: MissingFile, dialog: QFileDialog) -> None:
        dialog.fileSelected.connect(lambda name: self._open_again(missing, Path(name)))
        dialog.open()

    def _open_again(self, missing: MissingFile, place: Path) -> None:
        moved = {**missing.moved, missing.path: place}
        work = self._restoring
        if work is not None and work.path == missing.source:
            self._session.projects.restore(work, moved)
        else:
            self._session.projects.open(missing.source, moved)

    def _ask_about_kept(self, found: Sequence[KeptWork]) -> None:
        """Ask about work of windows that ended without saving, one after the other."""
        if not found:
            return
        work, *others = found
        question = Question(
            "kept_dialog",
            "Unsaved work",
            f"Your work of {work.when:%H:%M}{_day(work)} on {_named(work.image_names)} was kept.",
            "CondSeg ended before the work was saved.",
            (
                Answer("Restore", partial(self._restore, work, others)),
                Answer("Discard…", partial(self._confirm_discard, work, others), loses=True),
            ),
            "Ask again at the next start",
        )
        ask(question, self._window).rejected.connect(partial(self._leave_for_later, work, others))

    def _restore(self, work: KeptWork, others: Sequence[KeptWork]) -> None:
        self._restoring = work
        for other in others:  # restored work would take the place of this
            other.lock.release()
        self._in_place(partial(self._session.projects.restore, work), "Restore unsaved work")

    def _confirm_discard(self, work: KeptWork, others: Sequence[KeptWork]) -> None:
        def discard() -> None:
            work.discard()
            self._ask_about_kept(others)

        text = f"Discard the work on {_named(work.image_names)}?"
        answers = (Answer("Discard", discard, loses=True),)
        ask(Question("discard_dialog", "Unsaved work", text, "This cannot be undone.", answers), self._window)

    def _leave_for_later(self, work: KeptWork, others: Sequence[KeptWork]) -> None:
        work.lock.release()
        self._ask_about_kept(others)


def _with_suffix(path: Path) -> Path:
    return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)


def _named(names: Sequence[str]) -> str:
    shown = listed(list(dict.fromkeys(names))[:_MOST_NAMES])
    return f"{shown} and other images" if len(set(names)) > _MOST_NAMES else shown


def _day(work: KeptWork) -> str:
    return "" if work.when.date() == work.when.today().date() else f" on {work.when:%d %B}"
