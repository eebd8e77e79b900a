"""A connection to an engine."""

from contextlib import suppress
from typing import Any, cast

from condseg_app import __version__
from condseg_app.errors import CondsegError, EngineLost
from condseg_app.remote.connection import LOST, connect, reach
from condseg_app.remote.endpoint import Endpoint
from condseg_app.remote.host import Host
from condseg_app.remote.process import EngineProcess
from condseg_app.remote.wire import Reply

_LOOK_EVERY = 1.0
_STARTING_TAKES = 60.0


class Link:
    """A connection to an engine, with the engine's process if that was started for this connection.

    Raises:
        CondsegError: the engine cannot be reached, or is of another version.
    """

    def __init__(self, address: str, certificate: str, process: EngineProcess | None = None) -> None:
        self.process = process
        self._client = connect(address, certificate, direct=process is not None)

    @classmethod
    def to_process(cls, process: EngineProcess) -> "Link":
        """A connection to an engine that was started for this connection, and ends with it."""
        try:
            return cls(process.address, process.certificate, process)
        except EngineLost:
            process.stop()
            raise

    @classmethod
    def to_place(cls, place: Endpoint) -> "Link":
        """A connection to an engine that runs already.

        Raises:
            CondsegError: the engine cannot be reached, or is of another version.
        """
        link = cls(*reach(place))
        try:
            link._check_version(place)
        except CondsegError:
            link.close()
            raise
        return link

    def is_alive(self) -> bool:
        """Whether the engine can be called."""
        return self._client.status == "running" and (self.process is None or self.process.is_alive())

    def host(self) -> Any:
        """A new host in the engine; the host goes when this handle does."""
        try:
            with self._client.as_current():
                return self._client.submit(Host, actor=True, pure=False).result(_STARTING_TAKES)
        except LOST as error:
            raise self._lost() from error

    def call(self, host: Any, method: str, *arguments: object) -> object:
        """Call a host's method and wait for its reply."""
        try:
            reply = self._wait(getattr(host, method)(*arguments))
        except LOST as error:
            raise self._lost() from error
        if reply.error is not None:
            raise reply.error
        return reply.value

    @property
    def workers(self) -> int:
        """Number of devices, each with a worker of its own."""
        if self.process is not None:
            return 1
        try:
            return len(self._client.scheduler_info()["workers"])
        except LOST as error:
            raise self._lost() from error

    def close(self) -> None:
        """Let go of the engine, and end its process."""
        with suppress(TimeoutError):  # the engine may be beyond answering
            self._client.close(timeout=1)  # type: ignore[no-untyped-call]
        if self.process is not None:
            self.process.stop()

    def _check_version(self, place: Endpoint) -> None:
        """Refuse an engine of another version: only the same version understands all messages."""
        theirs = self.call(self.host(), "version")
        if theirs != __version__:
            raise EngineLost(
                f"the engine at {place.host} is CondSeg {theirs} and this is CondSeg {__version__}; "
                "install the same version on both"
            )

    def _wait(self, future: Any) -> Reply:
        while True:
            try:
                return cast("Reply", future.result(timeout=_LOOK_EVERY))
            except TimeoutError:
                if not self.is_alive():
                    raise

    def _lost(self) -> EngineLost:
        if self.process is None:
            return EngineLost(
                "the engine no longer answers; nothing of yours is lost; see that it runs, and do it again, "
                "or choose another place to compute"
            )
        how = self.process.how_it_ended()
        return EngineLost(f"the engine {how}; nothing of yours is lost; do it again to start a new one")
