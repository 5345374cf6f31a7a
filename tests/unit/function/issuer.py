"""An issuer of OIDC tokens on this machine: real RSA signatures, and certificates served as Google serves them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt

KEY_ID = "key-1"


@dataclass
class Issuer:
    """Signs tokens; `url` answers with its certificate."""

    url: str = ""
    asked: int = 0  # times that the certificates were fetched
    status: int = 200  # of the certificates' answer
    _key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def token(self, audience: str, email: str, key: rsa.RSAPrivateKey | None = None, **changes: Any) -> str:
        """A token as Cloud Scheduler sends one; a change to None leaves the claim out."""
        now = int(time.time())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": audience,
            "sub": "1",
            "email": email,
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
            **changes,
        }
        pem = (key or self._key).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        signer = crypt.RSASigner.from_string(pem, KEY_ID)
        kept = {name: value for name, value in claims.items() if value is not None}
        return str(jwt.encode(signer, kept).decode())

    def certificates(self) -> bytes:
        """`{key id: certificate in PEM}`."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.test")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, self._key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        pem = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return json.dumps({KEY_ID: pem.decode()}).encode()


@contextmanager
def running_issuer() -> Iterator[Issuer]:
    """An issuer whose certificates are served on a free port of this machine."""
    issuer = Issuer()
    body = issuer.certificates()

    class Certificates(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked += 1
            self.send_response(issuer.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Certificates) as server:
        issuer.url = f"http://127.0.0.1:{server.server_port}/certs"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
