"""Service-account keys: read key files, and make one for a machine that has none."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


@dataclass(frozen=True)
class ServiceKey:
    """The RSA key of one service account."""

    email: str
    key_id: str
    private: rsa.RSAPrivateKey

    @property
    def public(self) -> rsa.RSAPublicKey:
        """The public key, with which signatures are checked."""
        return self.private.public_key()

    def sign(self, message: bytes) -> bytes:
        """Sign a message by RSASSA-PKCS1-v1_5 with SHA-256."""
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())


def load_key(path: Path) -> ServiceKey:
    """Read a service account's JSON key file. Raises ValueError that names the file."""
    try:
        fields = json.loads(path.read_text("utf-8"))
        private = serialization.load_pem_private_key(fields["private_key"].encode(), password=None)
        email, key_id = str(fields["client_email"]), str(fields.get("private_key_id", ""))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} is not a service-account key file") from error
    if not isinstance(private, rsa.RSAPrivateKey):
        raise ValueError(f"{path} does not hold an RSA key")
    return ServiceKey(email, key_id, private)


def ensure_key(path: Path, email: str) -> Path:
    """Make a key file for that address at `path`, readable by its owner only, unless there is one; return `path`."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(_new_key(email), file, indent=2)
        os.rename(partial, path)
    return path


def _new_key(email: str) -> dict[str, str]:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "type": "service_account",
        "project_id": "local",
        "private_key_id": secrets.token_hex(20),
        "private_key": pem.decode(),
        "client_email": email,
        "client_id": str(secrets.randbelow(10**21)),
        "token_uri": "https://oauth2.googleapis.com/token",
    }
