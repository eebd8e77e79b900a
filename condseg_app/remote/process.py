"""The engine's own process, as a window starts and ends it."""

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from condseg_app.errors import EngineLost
from condseg_app.log import engine_log_path
from condseg_app.remote.certificate import make_certificate
from condseg_app.remote.devices import all_cores
from condseg_app.remote.endpoint import LOOPBACK
from condseg_app.remote.own_command import own_command

_STARTING_TAKES = 120.0  # seconds; two or three on a computer that has nothing else to do
_ENDING_TAKES = 3.0
_LOG_MAX_BYTES = 2_000_000
_NO_WINDOW = 0x08000000 if sys.platform == "win32" else 0  # a console would flash up

_logger = logging.getLogger(__name__)


class EngineProcess:
    """A running engine that was started by this process and ends with this process.

    Args:
        command: runs `condseg engine`; arguments are added.

    Raises:
        EngineLost: the engine could not be started.
    """

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self.certificate = make_certificate()
        self._process = _start(own_command("engine") if command is None else command)
        self.pid = self._process.pid
        try:
            self._input.write(self.certificate)  # in no file, where others might find it
            self._input.flush()
            self.address = self._announced()
        except (OSError, EngineLost) as error:
            how = self.how_it_ended()
            self.stop()
            raise EngineLost(
                f"the engine could not be started, it {how}; try again, or see the log {engine_log_path()}"
            ) from error

    @property
    def _input(self) -> IO[str]:
        if self._process.stdin is None:
            raise EngineLost("the engine has no input")
        return self._process.stdin

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def how_it_ended(self) -> str:
        """The end of the process, as half a sentence."""
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "no longer answers"
        if code == -getattr(signal, "SIGKILL", 9):
            return "was killed, which the system does when memory runs out"
        return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"

    def stop(self) -> None:
        """End the process."""
        with suppress(OSError):  # the process may have ended by itself
            self._input.close()
        try:
            self._process.wait(_ENDING_TAKES)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _announced(self) -> str:
        """Wait for the address, the first line with 'tls://' of the standard output."""
        patience = threading.Timer(_STARTING_TAKES, self._process.kill)
        patience.daemon = True
        patience.start()
        try:
            for line in self._process.stdout or ():
                if "tls://" in line:
                    return line[line.index("tls://") :].split()[0]
        finally:
            patience.cancel()
        raise EngineLost("the engine gave no address")


def _start(command: Sequence[str]) -> "subprocess.Popen[str]":
    try:
        with _open_log() as log:
            return subprocess.Popen(
                [*command, "--listen", LOOPBACK, "--certificate", "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=all_cores() | dict(os.environ),
                creationflags=_NO_WINDOW,
                text=True,
            )
    except OSError as error:
        raise EngineLost(f"the engine could not be started ({error.strerror or error}); reinstall CondSeg") from error


def _open_log() -> IO[bytes]:
    """The engine's log, to which the system's own last words (a crash) are written, too."""
    path = engine_log_path()
    try:
        if path.exists() and path.stat().st_size > _LOG_MAX_BYTES:
            path.replace(path.with_suffix(".1.log"))
        return path.open("ab")
    except OSError:
        _logger.warning("cannot write %s", path, exc_info=True)
        return tempfile.TemporaryFile()
