"""The engine's own process: what runs in it, and how a window starts and ends it."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TextIO

import platformdirs

from condseg_app.compute.certificate import ENDS, make_certificate, read_certificate, security, write_certificate
from condseg_app.compute.log import engine_log_path
from condseg_app.errors import CondsegError, EngineLost

LOOPBACK = "127.0.0.1:0"
STANDARD_INPUT = Path("-")

_STARTING_TAKES = 120.0  # seconds; two or three on a computer that has nothing else to do
_ENDING_TAKES = 3.0
_LOG_MAX_BYTES = 2_000_000
_NO_WINDOW = 0x08000000 if sys.platform == "win32" else 0  # a console would flash up

_logger = logging.getLogger(__name__)


def serve(listen: str = LOOPBACK, certificate: Path | None = None) -> None:
    """Run an engine until it is interrupted: what `condseg engine` does. It prints its address first.

    Args:
        listen: 'HOST:PORT' to listen at; port 0 for a free one.
        certificate: the file with what callers must hold as well, made if it does not exist; one in the
            user's folder if None. With '-' it is read from the standard input, and the engine ends when the
            standard input does: that is how a window's engine ends with it, however the window ends.

    Raises:
        CondsegError: the address or the certificate cannot be used.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    host, port = _host_and_port(listen)
    tied = certificate == STANDARD_INPUT
    try:
        asyncio.run(_serve(host, port, _from_input() if tied else _from_file(certificate), tied))
    except OSError as error:
        raise CondsegError(f"cannot listen at {listen} ({error.strerror or error}); choose another address") from error


def engine_command() -> list[str]:
    """The command that runs `condseg engine` with this very installation."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "engine"]
    # -P: a file in the working directory must not stand in for a module.
    return [sys.executable, "-P", "-m", "condseg_app", "engine"]


class EngineProcess:
    """A running engine that was started by this process and ends with it.

    Args:
        command: runs `condseg engine`; the arguments are added to it.

    Raises:
        EngineLost: it could not be started.
    """

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self.certificate = make_certificate()
        self._process = _start(engine_command() if command is None else command)
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
        """What became of the process, in half a sentence."""
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "no longer answers"
        if code == -getattr(signal, "SIGKILL", 9):
            return "was killed, which the system does when memory runs out"
        return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"

    def stop(self) -> None:
        """End it."""
        with suppress(OSError):  # it may have ended by itself
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
                [*command, "--listen", LOOPBACK, "--certificate", str(STANDARD_INPUT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_all_cores() | dict(os.environ),
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


def _all_cores() -> dict[str, str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {"OMP_NUM_THREADS": str(cores)}


async def _serve(host: str, port: int, certificate: str, tied: bool) -> None:
    import dask
    from distributed import Scheduler, Worker

    dask.config.refresh(paths=[], env={})  # settings of the user's own dask are for something else
    # No web pages: they would be open to everybody on this machine.
    dask.config.set({"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []})
    for name in ("core", "diskutils", "http.proxy", "scheduler", "worker"):
        logging.getLogger(f"distributed.{name}").setLevel(logging.ERROR)
    common = {"host": host, "security": security(certificate), "dashboard": False, "dashboard_address": f"{host}:0"}
    async with (
        Scheduler(port=port, protocol="tls", **common) as scheduler,
        # The system knows better when memory is short than dask's estimate does: no limit.
        Worker(scheduler.address, nthreads=1, memory_limit=0, **common) as worker,
    ):
        scheduler.http_server.stop()
        worker.http_server.stop()
        _announce(scheduler.address, tied)
        await scheduler.finished()


def _announce(address: str, tied: bool) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
    if tied:
        os.dup2(2, 1)  # nobody reads on: what a library prints goes to the log
        threading.Thread(target=_end_with, args=(sys.stdin,), daemon=True).start()


def _end_with(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        while stream.readline():
            pass
    # At once, even in the middle of a computation: nothing of the user's is kept here.
    os._exit(0)


def _from_input() -> str:
    lines = []
    for line in sys.stdin:
        lines.append(line)
        if line.startswith(ENDS):
            return "".join(lines)
    raise CondsegError("the standard input holds no certificate; name a file with --certificate")


def _from_file(path: Path | None) -> str:
    path = platformdirs.user_data_path("condseg", appauthor=False) / "engine.pem" if path is None else path
    if not path.exists():
        write_certificate(path, make_certificate())
        _logger.warning("callers need a copy of the certificate %s", path)
    return read_certificate(path)


def _host_and_port(listen: str) -> tuple[str, int]:
    host, colon, port = listen.removeprefix("tls://").rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise CondsegError(f"'{listen}' is not an address to listen at; write HOST:PORT, such as 0.0.0.0:8786")
    return host, int(port)
