"""The service of `condseg engine`: a scheduler, and a worker for each device."""

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import dask
from distributed import Nanny, Scheduler

from condseg_app.errors import CondsegError
from condseg_app.remote.certificate import ENDS, make_certificate, read_certificate, security, write_certificate
from condseg_app.remote.dask_worker import QuietWorker, be_quiet
from condseg_app.remote.devices import all_cores, environment, pick_devices
from condseg_app.remote.endpoint import LOOPBACK, host_and_port, own_certificate

_STANDARD_INPUT = Path("-")

_LOOK_EVERY = 1.0
_NOT_A_PERSON = "fire-and-forget"  # a client inside every scheduler

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Service:
    """Settings of an engine.

    Attributes:
        host: the host to listen at.
        port: 0 for a free port.
        certificate: the certificate that callers must hold.
        devices: a worker for each; empty for a window's own engine, which has a single worker in this process.
        idle: minutes without client and work until the engine ends; None for never.
    """

    host: str
    port: int
    certificate: str
    devices: Sequence[str]
    idle: float | None

    @property
    def of_a_window(self) -> bool:
        """Whether a window started the service for itself."""
        return not self.devices


def serve(
    listen: str = LOOPBACK, certificate: Path | None = None, idle: float | None = None, devices: str = "auto"
) -> None:
    """Run an engine until an interrupt, as `condseg engine` does; prints the address first.

    Args:
        listen: 'HOST:PORT' to listen at; port 0 for a free one.
        certificate: the file of the certificate that callers must hold, made if missing; a file in the user's folder
            if None. With '-' the certificate is read from the standard input, and the engine ends when the standard
            input does: so a window's engine ends with the window in any case. Such an engine has a single worker,
            which chooses its device.
        idle: minutes without client and work until the engine ends; None for never.
        devices: 'cuda:0,cuda:1', 'cpu'; 'auto' for all CUDA devices, or the CPU where there is none.

    Raises:
        CondsegError: the address, the certificate or a device cannot be used.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    host, port = host_and_port(listen)
    if certificate == _STANDARD_INPUT:
        service = _Service(host, port, _from_input(), (), None)
    else:
        service = _Service(host, port, _from_file(certificate or own_certificate()), pick_devices(devices), idle)
    try:
        asyncio.run(_run(service))
    except (OSError, RuntimeError) as error:
        reason = error.__cause__ or error  # dask wraps the reason of a failed start
        if not isinstance(reason, OSError):
            raise
        raise CondsegError(
            f"cannot listen at {listen} ({reason.strerror or reason}); choose another address"
        ) from error


async def _run(service: _Service) -> None:
    be_quiet()
    _set_up_dask(dask.config)
    common = {
        "host": service.host,
        "security": security(service.certificate),
        "dashboard": False,
        "dashboard_address": f"{service.host}:0",
    }
    async with AsyncExitStack() as stack:
        scheduler = await stack.enter_async_context(Scheduler(port=service.port, protocol="tls", **common))
        scheduler.http_server.stop()
        # The system knows better when memory is short than dask's estimate does: no limit.
        for worker in _workers(service, scheduler.address, {"nthreads": 1, "memory_limit": 0, **common}):
            await stack.enter_async_context(worker)
        # Systems end a service with SIGTERM; like an interrupt the signal takes the workers along.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        _announce(scheduler.address, service.of_a_window)
        if service.idle is not None:
            await _until_idle(scheduler, service.idle * 60)
            return
        await scheduler.finished()


def _set_up_dask(config: Any) -> None:
    config.refresh(paths=[], env={})  # settings of the user's own dask are for something else
    # No web pages: they would be open to everybody on this machine. dask's own choice is a single core a worker.
    config.set(
        {
            "distributed.scheduler.http.routes": [],
            "distributed.worker.http.routes": [],
            "distributed.nanny.pre-spawn-environ": all_cores(),
        }
    )


def _workers(service: _Service, scheduler: str, options: dict[str, Any]) -> list[Any]:
    """Workers in this process for a window's engine, whose end the window notices; else in processes of their own.

    A service has a process for each device, so that each process sees only its own, and dask restarts dead processes.
    """
    if service.of_a_window:
        return [QuietWorker(scheduler, **options)]
    options = {**options, "worker_class": QuietWorker}
    return [Nanny(scheduler, env=environment(device), **options) for device in service.devices]


async def _until_idle(scheduler: Any, seconds: float) -> None:
    """Wait until nobody has been connected, and nothing computed, for so long."""
    busy = time.monotonic()
    while time.monotonic() - busy < seconds:
        await asyncio.sleep(min(_LOOK_EVERY, seconds))
        connected = set(scheduler.clients) - {_NOT_A_PERSON}
        if connected or any(worker.processing for worker in scheduler.workers.values()):
            busy = time.monotonic()


def _announce(address: str, tied: bool) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
    if tied:
        os.dup2(2, 1)  # nobody reads on: prints of libraries go to the log
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


def _from_file(path: Path) -> str:
    if not path.exists():
        write_certificate(path, make_certificate())
        _logger.warning("callers need a copy of the certificate %s", path)
    return read_certificate(path)
