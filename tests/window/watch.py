"""What must not happen while a window is used: uncaught errors, lines in the log, warnings of Qt, a still window."""

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from qtpy.QtCore import QMessageLogContext, QTimer, QtMsgType, qInstallMessageHandler

LONGEST_STILL = 2.0
_LOOK_EVERY = 0.2
_HARMLESS = (
    "propagateSizeHints",  # platforms without window managers
    "QBasicTimer::",  # while threads of Qt end
    "Wayland",
    "Ambiguous shortcut overload: Ctrl+-",  # of napari's own menus, with and without the panel
    "Ambiguous shortcut overload: Ctrl+0",
    "_themes/",  # pictures of napari's own themes while it writes them
)
_OF_NAPARI = ("validation error for GridCanvas",)
"""Errors of napari's own widgets: the boxes of its grid take a 0 while a number is typed, which its grid refuses."""


@dataclass
class Watch:
    """Notes faults from entering to leaving, with what was done at the time.

    A fault is an error that reaches a hook of the interpreter, a warning of Qt, a line of level ERROR in any log, an
    error that napari would tell, or a window that stands still for longer than two seconds. Waiting for a core that
    other programs hold does not count, neither that of this thread nor of one that draws for it.
    """

    trace: TextIO | None = None
    state: str = ""
    faults: list[str] = field(default_factory=list)
    doing: str = ""

    def __enter__(self) -> "Watch":
        self._undo = ExitStack()
        hooks: tuple[tuple[Any, str, Callable[..., None]], ...] = (
            (sys, "excepthook", self._on_error),
            (sys, "unraisablehook", lambda hook: self._on_error(hook.exc_type, hook.exc_value, hook.exc_traceback)),
            (threading, "excepthook", lambda hook: self._on_error(hook.exc_type, hook.exc_value, hook.exc_traceback)),
        )
        for owner, name, hook in hooks:
            self._undo.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, hook)
        self._undo.callback(qInstallMessageHandler, qInstallMessageHandler(self._on_message))
        self._listen_to_logs()
        self._listen_to_napari()
        self._pulse = _Pulse(self.fault)
        self._undo.callback(self._pulse.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def do(self, what: str) -> None:
        """Say what is done from now on."""
        self.doing = f"{self.state}: {what}"
        self._write(f"{time.monotonic():.2f} {self.doing}")

    def _write(self, line: str) -> None:
        if self.trace is not None:
            self.trace.write(f"{line}\n")
            self.trace.flush()

    @contextmanager
    def rest(self) -> Iterator[None]:
        """Take the time inside for none that the window stood still in."""
        self._pulse.rests = True
        yield
        self._pulse.rests = False
        self._pulse.begin()

    def fault(self, text: str) -> None:
        """Note a fault once."""
        said = f"{self.doing}: {text.strip()}"
        if said not in self.faults:
            self.faults.append(said)
            self._write(f"FAULT {said}")

    def _on_error(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        if not any(part in text for part in _OF_NAPARI):
            self.fault(text)

    def _on_message(self, kind: QtMsgType, _where: QMessageLogContext, text: str) -> None:
        if kind not in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg) and not any(part in text for part in _HARMLESS):
            self.fault(f"Qt warns: {text}\n{''.join(traceback.format_stack()[-6:-1])}")

    def _listen_to_logs(self) -> None:
        handler = _Lines(self.fault)
        for name in (None, "vispy", "napari"):
            logger = logging.getLogger(name)
            if name is None or not logger.propagate:
                logger.addHandler(handler)
                self._undo.callback(logger.removeHandler, handler)

    def _listen_to_napari(self) -> None:
        from napari.utils.notifications import Notification, NotificationSeverity, notification_manager

        def on(notification: Notification) -> None:
            if notification.severity >= NotificationSeverity.ERROR:
                self.fault(f"napari tells an error: {notification.message}")

        notification_manager.notification_ready.connect(on)
        self._undo.callback(notification_manager.notification_ready.disconnect, on)


class _Lines(logging.Handler):
    """Takes the log's lines of level ERROR."""

    def __init__(self, fault: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._fault = fault

    def emit(self, record: logging.LogRecord) -> None:
        trace = "" if record.exc_info is None else logging.Formatter().formatException(record.exc_info)
        self._fault(f"log of {record.name}: {record.getMessage()}\n{trace}")


class _Pulse:
    """Tells when the loop of events stood still, and in which call."""

    def __init__(self, fault: Callable[[str], None]) -> None:
        self._fault = fault
        self._main = threading.get_ident()
        self.rests = False
        self.begin()
        self._over = threading.Event()
        self._timer = QTimer()
        self._timer.timeout.connect(self.beat)
        self._timer.start(round(1000 * _LOOK_EVERY))
        threading.Thread(target=self._look, daemon=True).start()

    def begin(self) -> None:
        """Begin to count anew."""
        self._beat, self._waits, self._stack = time.monotonic(), _waits(), ""

    def beat(self) -> None:
        """The loop of events is alive."""
        still = 0.0 if self.rests else time.monotonic() - self._beat
        if still > LONGEST_STILL:
            waited = [now - self._waits.get(thread, 0.0) for thread, now in _waits().items()]
            still -= sum(sorted(waited)[-2:])
        if still > LONGEST_STILL:
            self._fault(f"the window stood still for {still:.1f} s\n{self._stack}")
        self.begin()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._timer.stop()

    def _look(self) -> None:
        while not self._over.wait(_LOOK_EVERY):
            if time.monotonic() - self._beat > LONGEST_STILL * 0.75 and not self._stack:
                frame = sys._current_frames().get(self._main)
                self._stack = "".join(traceback.format_stack(frame)[-12:])


def _waits() -> dict[str, float]:
    """For how long each thread of this program has waited for a core; nothing where the system does not tell."""
    waits = {}
    for thread in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError):  # it has ended
            waits[str(thread)] = int(thread.read_text().split()[1]) / 1e9
    return waits
