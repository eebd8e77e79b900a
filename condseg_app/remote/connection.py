"""A connection to an engine that runs already, or was just started."""

import logging
import socket
import ssl

import dask
from distributed import Client
from distributed.client import FutureCancelledError

from condseg_app.errors import EngineLost
from condseg_app.remote.certificate import read_certificate, security
from condseg_app.remote.endpoint import Endpoint, host_and_port

LOST = (OSError, RuntimeError, TimeoutError, FutureCancelledError)
"""Errors that dask raises when the other side is gone."""

_ANSWERING_TAKES = 5.0  # seconds; another continent is 0.3 away
_CONNECTING_TAKES = 60.0  # seconds
_SHORT_LOG = {"distributed.admin.low-level-log-length": 10}
"""Number of sent messages that a connection keeps for dask's developers; by itself 1000."""


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


def connect(address: str, certificate: str, direct: bool = False) -> Client:
    """Connect to the scheduler of an engine.

    Args:
        address: 'tls://workstation:8786'.
        certificate: the text that the engine was started with.
        direct: whether workers can be reached from here, and not only through the scheduler.

    Raises:
        EngineLost: nobody answers, or not by this certificate.
    """
    # dask logs a traceback for each lost connection, which becomes a sentence here.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        with dask.config.set(_SHORT_LOG):
            return Client(  # type: ignore[no-untyped-call]
                address,
                security=security(certificate),
                timeout=_CONNECTING_TAKES,
                set_as_default=False,  # or all dask arrays of the host would be computed there
                direct_to_workers=direct,
            )
    except (OSError, ValueError) as error:
        raise EngineLost(f"no engine answers at {address}; check the address and the certificate") from error
