"""Addresses of engines."""

from dataclasses import dataclass
from pathlib import Path

import platformdirs

from condseg_app.errors import CondsegError

LOOPBACK = "127.0.0.1:0"


@dataclass(frozen=True)
class Endpoint:
    """An engine that runs already, on this computer or another.

    Attributes:
        address: 'HOST:PORT', with or without 'tls://' in front.
        certificate: the file that the engine was started with, or a copy.
    """

    address: str
    certificate: Path

    @property
    def host(self) -> str:
        """Name or network address of the computer."""
        return _bare(self.address).rpartition(":")[0] or self.address


def own_certificate() -> Path:
    """The file of the certificate for a person who names none."""
    return platformdirs.user_data_path("condseg", appauthor=False) / "engine.pem"


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of 'HOST:PORT'.

    Raises:
        CondsegError: another form of address.
    """
    host, colon, port = _bare(address).rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise CondsegError(f"'{address}' is not an engine's address; write HOST:PORT, such as workstation:8786")
    return host, int(port)


def _bare(address: str) -> str:
    return address.strip().removeprefix("tls://")
