"""Named HTTPS hosts with certificates, all on loopback. A client reaches them through a proxy.

The client uses the proxy as it would use a company's: it sends CONNECT with a host's name, then speaks TLS with that
host through the proxy. Here the proxy plays every host itself, with a certificate from its own authority, and forwards
the requests to plain HTTP servers.
"""

import datetime
import http.client
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_NOT_FORWARDED = frozenset({"connection", "content-length", "transfer-encoding", "host"})


@dataclass(kw_only=True)
class NamedHosts:
    """A running proxy. `requests` are (host, path) of every request, `refused` the unknown HOST:PORT of CONNECTs."""

    proxy_url: str
    authority: Path
    requests: list[tuple[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        """Variables with which a program uses the proxy and trusts its certificates."""
        authority = str(self.authority)
        return {"HTTPS_PROXY": self.proxy_url, "SSL_CERT_FILE": authority, "GIT_SSL_CAINFO": authority}


@contextmanager
def named_hosts(directory: Path, hosts: Mapping[str, str]) -> Iterator[NamedHosts]:
    """Forward `https://HOST/PATH` to ADDRESS/PATH, for each HOST: ADDRESS (plain HTTP, optionally with a path)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificates(directory, tuple(hosts)))

    class Host(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        name: str

        def answer(self) -> None:
            served.requests.append((self.name, self.path))
            address = urlsplit(hosts[self.name])
            there = http.client.HTTPConnection(address.netloc, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_FORWARDED}
            there.request(
                self.command,
                address.path + self.path,
                self.rfile.read(int(self.headers["Content-Length"] or 0)),
                headers,
            )
            answer = there.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _NOT_FORWARDED:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            there.close()

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            name, _, port = self.path.partition(":")
            if name not in hosts or port != "443":
                served.refused.append(self.path)
                self.send_error(403)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.flush()
            with context.wrap_socket(self.connection, server_side=True) as connection:
                type("Named", (Host,), {"name": name})(connection, self.client_address, self.server)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        served = NamedHosts(
            proxy_url=f"http://127.0.0.1:{server.server_address[1]}", authority=directory / "authority.pem"
        )
        Thread(target=server.serve_forever, daemon=True).start()
        yield served
        server.shutdown()


def _certificates(directory: Path, names: tuple[str, ...]) -> Path:
    """Make an authority (`authority.pem`) that issues a certificate for these names; return its file, with the key."""
    now = datetime.datetime.now(datetime.UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tests")])

    by_authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())

    def begin(subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority_name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(by_authority, critical=False)
        )

    authority = (
        begin(authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        begin(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]), key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    (directory / "authority.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    chain = directory / "hosts.pem"
    chain.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain
