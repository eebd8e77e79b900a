"""Addresses of running engines, and whether an engine answers there."""

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from condseg_app.errors import CondsegError, EngineLost
from condseg_app.remote.certificate import read_certificate, security

_ANSWERING_TAKES = 5.0  # seconds; another continent is 0.3 away


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


def reach(place: Endpoint) -> tuple[str, str]:
    """Make sure that an engine with this certificate answers; dask alone would retry for long.

    Returns:
        The address for dask, and the certificate's text.

    Raises:
        CondsegError: a wrong address or certificate, or nobody answers.
    """
    host, port = host_and_port(place.address)
    certificate = read_certificate(place.certificate)
    context: ssl.SSLContext = security(certificate).get_connection_args("client")["ssl_context"]
    try:
        with socket.create_connection((host, port), _ANSWERING_TAKES) as plain, context.wrap_socket(plain):
            pass  # each side has seen the other's certificate, the same on both
    except ssl.SSLCertVerificationError as error:
        raise EngineLost(
            f"the engine at {host}:{port} has another certificate; copy the file that it was started with",
            path=place.certificate,
        ) from error
    except OSError as error:
        raise EngineLost(
            f"no engine answers at {host}:{port}; check the address, and that 'condseg engine' runs there "
            "and no firewall is in between"
        ) from error
    return f"tls://{host}:{port}", certificate


def _bare(address: str) -> str:
    return address.strip().removeprefix("tls://")
