"""A self-made certificate for HTTPS on this machine."""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LOCAL = ("localhost", "*.localhost", "127.0.0.1", "::1")
_EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - left out of the certificate
_VALID = timedelta(days=397)  # browsers take no certificate that is valid for longer
_RENEWED = timedelta(days=30)  # before its end


@dataclass(frozen=True)
class Certificate:
    """The files of a certificate and of its private key."""

    certificate: Path
    key: Path


def ensure_certificate(folder: Path, hosts: Sequence[str], now: datetime | None = None) -> Certificate:
    """Return the certificate in the folder for this machine and these hosts; make one if there is none that fits.

    It is its own authority: a client that trusts the file trusts this server. The key is readable by its owner only.
    """
    moment = now or datetime.now(UTC)
    names = list(dict.fromkeys(host for host in (*_LOCAL, *hosts) if host and host not in _EVERY_ADDRESS))
    found = Certificate(folder / "certificate.pem", folder / "certificate-key.pem")
    if not _fits(found, names, moment):
        folder.mkdir(parents=True, exist_ok=True)
        private = ec.generate_private_key(ec.SECP256R1())
        made = _make(private, names, moment)
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write(found.key, pem, 0o600)
        _write(found.certificate, made.public_bytes(serialization.Encoding.PEM), 0o644)
    return found


def _fits(found: Certificate, names: Sequence[str], now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(found.certificate.read_bytes())
        private = serialization.load_pem_private_key(found.key.read_bytes(), None)
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    if private.public_key() != certificate.public_key() or certificate.not_valid_after_utc < now + _RENEWED:
        return False
    return set(alternatives) >= set(map(_general, names)) and certificate.not_valid_before_utc <= now


def _make(private: ec.EllipticCurvePrivateKey, names: Sequence[str], now: datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bucket emulator of this machine")])
    public = private.public_key()
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder(subject, subject, public, x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(map(_general, names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(private, hashes.SHA256())
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, data: bytes, mode: int) -> None:
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    os.rename(partial, path)
