"""The choice of the sandbox, and the cases in which Planward refuses to start without one."""

import os
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ghapp.errors import SettingsError
from ghapp.processes.sandbox_choice import SandboxSettings, choose_sandbox, examine_sandbox
from tests.forked import ForkedPlanward


def test_without_a_sandbox_planward_does_not_start_and_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SettingsError) as raised:
        choose_sandbox(SandboxSettings(), directory)
    assert str(raised.value) == (
        "there is no sandbox to run Terraform in (bubblewrap does not work here: it is not installed; "
        "uids do not work here: Planward is not root). Install bubblewrap (apt-get install bubblewrap, "
        "dnf install bubblewrap) and allow user namespaces, or run the worker as root in a container of its own "
        "(docs/security.md, The sandbox), "
        "or set PLANWARD_SANDBOX=none: then the code of a plan can read everything that Planward's user can"
    )
    for name in ("bubblewrap", "uid"):
        with pytest.raises(SettingsError, match=f"PLANWARD_SANDBOX is {name}, but {name[:3]}"):
            choose_sandbox(SandboxSettings(name=name), directory)
        works, said = examine_sandbox(SandboxSettings(name=name))
        assert not works
        assert said.startswith(f"PLANWARD_SANDBOX is {name}, but {name[:3]}")
    assert examine_sandbox(SandboxSettings()) == (
        False,
        "there is no sandbox on this machine: bubblewrap does not work here: it is not installed",
    )
    assert choose_sandbox(SandboxSettings(name="none"), directory).name == "none"


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["worker"]], ids=lambda words: words[0])
def test_serve_and_worker_refuse_to_start_without_the_sandbox_that_is_asked_for(
    command: list[str], directory: Path
) -> None:
    git = shutil.which("git")
    assert git is not None
    (directory / "git").symlink_to(git)
    key = generate_private_key(public_exponent=65_537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    environ = {
        "PATH": str(directory),
        "PLANWARD_GITHUB_API_URL": "http://127.0.0.1:9",
        "PLANWARD_GITHUB_APP_ID": "1",
        "PLANWARD_GITHUB_PRIVATE_KEY": pem.decode(),
        "PLANWARD_GITHUB_WEBHOOK_SECRET": "secret",
        "PLANWARD_DATA_DIR": str(directory / "data"),
        "PLANWARD_SANDBOX": "bubblewrap",
    }
    started = ForkedPlanward(command, environ, cwd=directory)
    try:
        status = started.wait(60)
        assert (status, started.stdout.read()) == (1, "")
        last = started.stderr.read().splitlines()[-1]
    finally:
        started.kill()
        started.close()
    assert last.startswith("planward: PLANWARD_SANDBOX is bubblewrap, but bubblewrap does not work here: it is not")
