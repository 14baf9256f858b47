"""Terraform's credentials besides Vault's secrets: a registry's token, and the server's own identity."""

import asyncio
import contextlib
import io
import ipaddress
import json
import shutil
import ssl
import tarfile
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ghapp.terraform import find_terraforms, prepare_workdir

HTTPS = 443  # the name of a TF_TOKEN_HOST variable cannot contain a port


class Registry(BaseHTTPRequestHandler):
    """A private registry of modules that asks for a token.

    https://developer.hashicorp.com/terraform/internals/module-registry-protocol
    """

    def do_GET(self) -> None:
        answers = {
            "/.well-known/terraform.json": {"modules.v1": "/v1/"},
            "/v1/acme/net/aws/versions": {"modules": [{"versions": [{"version": "1.0.0"}]}]},
        }
        if self.path.startswith("/v1/") and self.headers.get("Authorization") != "Bearer the-token":
            self._answer(401, b"")
        elif self.path == "/v1/acme/net/aws/1.0.0/download":
            self._answer(204, b"", {"X-Terraform-Get": "/net.tar.gz"})
        elif self.path.startswith("/net.tar.gz"):
            self._answer(200, _archive(), {"Content-Type": "application/gzip"})
        elif self.path in answers:
            self._answer(200, json.dumps(answers[self.path]).encode(), {"Content-Type": "application/json"})
        else:
            self._answer(404, b"")

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _archive() -> bytes:
    content = b'output "x" { value = 1 }\n'
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        entry = tarfile.TarInfo("main.tf")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()


@contextlib.contextmanager
def registry(directory: Path) -> Iterator[Path]:
    """Serve the registry on this machine's port 443; returns the certificate to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = directory / "ca.pem", directory / "key.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    try:
        server = ThreadingHTTPServer(("127.0.0.1", HTTPS), Registry)
    except OSError:
        pytest.skip("nothing may listen on port 443 here")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield trusted
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def initialised(directory: Path, env: Mapping[str, str], given: Mapping[str, str] | None = None) -> tuple[bool, str]:
    """Run init in the root module `net`; returns whether it succeeded, and the identity file's path and content."""

    async def run() -> tuple[bool, str]:
        terraform = find_terraforms("terraform")[0]
        async with prepare_workdir(
            directory / "runs", checkout=directory / "checkout", root_module="net", env=env, given=given
        ) as workdir:
            finished = await terraform.init(workdir)
            file = workdir.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE")
            return finished.done, "" if file is None else f"{file} {Path(file).read_text()}"

    return asyncio.run(run())


def root_module(directory: Path, text: str) -> None:
    """Write the root module `net`."""
    place = directory / "checkout/net"
    place.mkdir(parents=True)
    (place / "main.tf").write_text(text)


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed here")
def test_a_private_registry_takes_its_token_from_the_variable_of_its_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root_module(tmp_path, 'module "net" {\n  source  = "127.0.0.1/acme/net/aws"\n  version = "1.0.0"\n}\n')
    with registry(tmp_path) as trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert initialised(tmp_path, {"TF_TOKEN_127_0_0_1": "the-token"})[0]
        assert not initialised(tmp_path, {"TF_TOKEN_127_0_0_1": "another"})[0]
        assert not initialised(tmp_path, {})[0]


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed here")
def test_a_file_that_one_of_the_servers_variables_names_is_copied_for_the_run(tmp_path: Path) -> None:
    root_module(tmp_path, 'resource "terraform_data" "x" {}\n')
    token = tmp_path / "token"
    token.write_text("signed by the cluster")
    given = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": "arn", "PATH": "/nowhere"}
    done, file = initialised(tmp_path, {}, given)
    assert done
    assert file.endswith(" signed by the cluster")
    assert not file.startswith(str(token))
    assert file.startswith(str(tmp_path / "runs"))
