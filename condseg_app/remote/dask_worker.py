"""dask's worker without web server and chatter. Imports dask, so only the start of an engine imports this module."""

import logging
from typing import Any

from distributed import Worker


def be_quiet() -> None:
    """Let dask log errors only."""
    for name in ("comm", "core", "diskutils", "http.proxy", "nanny", "scheduler", "worker"):
        logging.getLogger(f"distributed.{name}").setLevel(logging.ERROR)


class QuietWorker(Worker):
    """A worker that listens to holders of the certificate and to nobody else."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        be_quiet()  # in a process of its own nothing else has been imported yet
        super().__init__(*arguments, **options)

    async def start_unsafe(self) -> Any:
        """Start; web pages would be open to everybody on this computer."""
        started = await super().start_unsafe()  # type: ignore[no-untyped-call]
        self.http_server.stop()
        return started
