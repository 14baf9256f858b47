"""Make the token with which Planward logs in to Vault (auth method jwt): vault_login.py DIRECTORY [DAYS].

The first run makes a key, `vault-login.pem`. Each run signs a new token with it, `vault-login.jwt`, which is valid for
DAYS days (default: 400). Prints the public key, for `jwt_validation_pubkeys`. To renew the token, run this again:
Planward reads the file at each login.
"""

import base64
import json
import os
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def main(directory: Path, days: int) -> None:
    """Make the key if there is none, and a new token."""
    os.umask(0o077)
    key_file = directory / "vault-login.pem"
    if not key_file.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        form = serialization.PrivateFormat.PKCS8
        key_file.write_bytes(made.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    now = int(time.time())
    claims = {"sub": "planward", "aud": "vault", "iat": now, "exp": now + days * 86_400}
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    (directory / "vault-login.jwt").write_bytes(signed + b"." + _encoded(signature) + b"\n")
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    print(public.decode().strip())


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 400)
