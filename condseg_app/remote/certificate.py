"""The certificate by which a window and its engine know each other."""

import datetime
import ipaddress
import os
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from distributed.security import Security

from condseg_app.errors import ReadError, WriteError

_BEGINS = "-----BEGIN CERTIFICATE-----"
ENDS = "-----END CERTIFICATE-----"
"""The last line of a certificate's text."""

_VALID = datetime.timedelta(days=365)


def make_certificate() -> str:
    """A fresh certificate with its private key, as text (PEM).

    Each side shows the certificate and accepts no other, so whoever has the text may connect, and nobody else.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (secret + _self_signed(key).public_bytes(serialization.Encoding.PEM)).decode()


def write_certificate(path: Path, certificate: str) -> None:
    """Write a certificate into a new file that only its owner can read.

    Raises:
        WriteError: the file exists, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(certificate)
    except OSError as error:
        raise WriteError(
            f"the certificate cannot be written ({error.strerror}); name another file", path=path
        ) from error


def read_certificate(path: Path) -> str:
    """The certificate of a file.

    Raises:
        ReadError: there is no file, or no certificate in the file, or the certificate has expired.
    """
    try:
        text = path.read_text(encoding="ascii")
        key = load_pem_private_key(text.partition(_BEGINS)[0].encode(), None)
        found = x509.load_pem_x509_certificate(text.encode())
        if key.public_key() != found.public_key():
            raise ValueError("the key is another certificate's")
    except FileNotFoundError as error:
        raise ReadError("there is no certificate; copy the file that the engine was started with", path=path) from error
    except (OSError, ValueError, TypeError) as error:
        raise ReadError(
            "this is not an engine's certificate; name the file that the engine was started with", path=path
        ) from error
    ends = found.not_valid_after_utc
    if ends < datetime.datetime.now(datetime.UTC):
        raise ReadError(
            f"this certificate expired on {ends:%Y-%m-%d}; remove the file, start the engine with that name again, "
            "which makes a new one, and copy that to all who use it",
            path=path,
        )
    return text


def security(certificate: str) -> Any:
    """Settings with which dask speaks only with holders of the certificate (a `distributed.Security`)."""
    key, begins, rest = certificate.partition(_BEGINS)
    public = begins + rest
    roles = {f"tls_{role}_cert": public for role in ("scheduler", "worker", "client")}
    keys = {f"tls_{role}_key": key for role in ("scheduler", "worker", "client")}
    return Security(require_encryption=True, tls_ca_file=public, **roles, **keys)  # type: ignore[no-untyped-call]


def _self_signed(key: EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "condseg engine")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks of two machines differ
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
