"""A stranger's look at an engine's port."""

import socket
import ssl

from condseg_app.remote.certificate import security


def answers(port: int, certificate: str | None) -> bool:
    """Whether anything is heard after a TLS handshake with a certificate, or without any."""
    if certificate is None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context = security(certificate).get_connection_args("client")["ssl_context"]
        context.verify_mode = ssl.CERT_NONE  # we would trust it; does it trust us?
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain, context.wrap_socket(plain) as secure:
            secure.settimeout(5)
            return bool(secure.recv(1))
    except OSError:
        return False
