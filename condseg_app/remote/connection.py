"""A connection to an engine that runs already, or was just started."""

import logging
from typing import TYPE_CHECKING

from condseg_app.errors import EngineLost
from condseg_app.remote.certificate import security

if TYPE_CHECKING:
    from distributed import Client

_CONNECTING_TAKES = 60.0  # seconds


def connect(address: str, certificate: str, direct: bool = False) -> "Client":
    """Connect to the scheduler of an engine.

    Args:
        address: 'tls://workstation:8786'.
        certificate: the text that the engine was started with.
        direct: whether workers can be reached from here, and not only through the scheduler.

    Raises:
        EngineLost: nobody answers, or not by this certificate.
    """
    from distributed import Client

    # dask logs a traceback for each lost connection, which becomes a sentence here.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        return Client(  # type: ignore[no-untyped-call]
            address,
            security=security(certificate),
            timeout=_CONNECTING_TAKES,
            set_as_default=False,  # or all dask arrays of the host would be computed there
            direct_to_workers=direct,
        )
    except (OSError, ValueError) as error:
        raise EngineLost(f"no engine answers at {address}; check the address and the certificate") from error


def lost_errors() -> tuple[type[BaseException], ...]:
    """Errors that dask raises when the other side is gone."""
    from distributed.client import FutureCancelledError

    return (OSError, RuntimeError, TimeoutError, FutureCancelledError)
