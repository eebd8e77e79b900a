"""Keeps unsaved work in a journal, so that a crash or a power cut loses two seconds at most."""

import logging
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from condseg_app.errors import CondsegError, WriteError
from condseg_app.io.project.journal import SUFFIX, Journal, Kept, read_journal
from condseg_app.io.project.lock import Lock
from condseg_app.session.as_project import Refer, project_of, says_as
from condseg_app.session.state import State

_LOOK_EVERY = 1.0  # seconds
_LARGEST = 256 << 20  # bytes, from which a journal begins anew with the work as it is
_FILE = f"work{SUFFIX}"
_logger = logging.getLogger(__name__)


class Recorder:
    """Writes every change of the state into a journal, in a thread of its own.

    A journal is begun with the first annotation and is gone once the work is saved, or given up by the user.

    Args:
        now: the present state; called in the recorder's thread.
        report: takes an error, once for errors in a row; called in the recorder's thread.
        refer: makes references to files.
        folder: of all journals.
    """

    def __init__(
        self, now: Callable[[], State], report: Callable[[CondsegError], None], refer: Refer, folder: Path
    ) -> None:
        self._now, self._report, self._refer, self._folder = now, report, refer, folder
        self._over = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._seen: State | None = None
        self._current: _Current | None = None
        self._adopted: list[KeptWork] = []
        self._has_failed = False
        self._thread = threading.Thread(target=self._run, name="condseg: journal", daemon=True)

    def start(self) -> None:
        """Begin to look at the state again and again."""
        self._thread.start()

    def stop(self) -> None:
        """End, and forget the journal: the work is saved, or the user gave the work up."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._forget()

    def adopt(self, work: "KeptWork") -> None:
        """Take work over that was restored: its own journal goes once this window's journal has the work."""
        with self._one_at_a_time:
            self._adopted.append(work)
            self._seen = None

    def look(self) -> None:
        """Write what has changed since the last look."""
        with self._one_at_a_time:
            state = self._now()
            if state is self._seen:
                return
            try:
                self._write(state)
            except CondsegError as error:
                if not self._has_failed:
                    self._report(error)
                self._has_failed = True
                return
            self._seen, self._has_failed = state, False
            while self._adopted:
                self._adopted.pop().discard()

    def _run(self) -> None:
        while not self._over.wait(_LOOK_EVERY):
            self.look()

    def _write(self, state: State) -> None:
        is_saved = state.project is not None and says_as(state, state.project.saved)
        if is_saved or not _has_work(state):
            self._forget()
            return
        folder = None if state.project is None else state.project.folder
        project, current = project_of(state, self._refer), self._current
        if current is None or current.journal.folder != folder:
            current = self._begun(folder)
        current.journal.write(project)
        if current.journal.size > _LARGEST:
            current.journal.restart(project)
        if current is not self._current:  # never without a journal in between
            self._forget()
            self._current = current

    def _begun(self, project: Path | None) -> "_Current":
        own = self._folder / uuid.uuid4().hex
        lock = Lock(own)
        try:
            own.mkdir(parents=True)
            lock.take()
        except OSError as error:
            raise WriteError(
                f"unsaved work cannot be kept against a crash ({error.strerror}); free the disk or check its rights",
                path=own,
            ) from error
        return _Current(Journal(own / _FILE, project), lock)

    def _forget(self) -> None:
        if self._current is not None:
            self._current.lock.release()
            shutil.rmtree(self._current.journal.path.parent, ignore_errors=True)
        self._current = None


@dataclass(frozen=True, eq=False)
class _Current:
    journal: Journal
    lock: Lock


@dataclass(frozen=True, eq=False)
class KeptWork:
    """Work that a window kept which is gone now.

    Attributes:
        path: of the journal.
        when: the last change.
        kept: the work.
        lock: held while this window decides on the work.
    """

    path: Path
    when: datetime
    kept: Kept
    lock: Lock

    @property
    def image_names(self) -> tuple[str, ...]:
        """Names of the annotated images' files."""
        return tuple(image.file.path.name for image in self.kept.project.images if image.annotations)

    def discard(self) -> None:
        """Remove the journal."""
        self.lock.release()
        shutil.rmtree(self.path.parent, ignore_errors=True)


def kept_work(folder: Path) -> Iterator[KeptWork]:
    """Work of windows that ended without saving, the latest first; damaged journals stay, with an entry in the log."""
    paths = sorted(folder.glob(f"*/{_FILE}"), key=_changed, reverse=True)
    for path in paths:
        lock = Lock(path.parent)
        with suppress(OSError):
            if not lock.take():
                continue  # of a window that is open
            when = datetime.fromtimestamp(_changed(path)).astimezone()
            try:
                kept = read_journal(path)
            except CondsegError as error:
                _logger.warning("%s", error)
                lock.release()
                continue
            if kept is None:
                lock.release()
                shutil.rmtree(path.parent, ignore_errors=True)
            else:
                yield KeptWork(path, when, kept, lock)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _has_work(state: State) -> bool:
    return bool(state.annotations) or any(other.annotations for other in state.elsewhere.values())
