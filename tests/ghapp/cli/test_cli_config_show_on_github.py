"""`planward config show OWNER/REPO`: the config of a repository on GitHub."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghapp.local_github import LocalGitHub
from tests.ghapp.cli.working_copy import NETWORK, CommandResult, Run
from tests.openbao import OpenBao


@pytest.fixture
def on_github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalGitHub]:
    """acme/infra with the App installed, and acme/private without."""
    with LocalGitHub(tmp_path / "github") as github:
        github.create_user("grace")
        github.create_organization("acme", owners=["grace"])
        files = {"network/main.tf": NETWORK, "network/staging.backend.hcl": 'path = "/srv/staging.tfstate"\n'}
        for name in ("acme/infra", "acme/private"):
            github.create_repository(name, files=files, default_branch="staging", by="grace")
        app = github.create_app("Planward", owner="grace", permissions={"contents": "read"}, events=[])
        github.install(app, "acme", repositories=["acme/infra"], by="grace")
        monkeypatch.setenv("PLANWARD_GITHUB_API_URL", github.api_url)
        monkeypatch.setenv("PLANWARD_GITHUB_APP_ID", str(app.id))
        monkeypatch.setenv("PLANWARD_GITHUB_PRIVATE_KEY", app.private_key_pem)
        monkeypatch.setenv("PLANWARD_GITHUB_WEBHOOK_SECRET", "secret")
        yield github
    assert github.unexpected == []


def test_config_show_fetches_a_repository_as_the_app(run: Run, on_github: LocalGitHub) -> None:
    result = run("config", "show", "acme/infra")
    assert (result.status, result.err) == (0, "")
    assert re.match(r"acme/infra at [0-9a-f]{12}\n\nteam infra\n\nenvironments\n", result.out)
    assert "1. network: backend local (network/main.tf:2)" in result.out
    assert "staging: workspace default; backend files network/staging.backend.hcl" in result.out


@pytest.mark.parametrize("command", [("config", "show"), ("doctor",)])
def test_a_repositorys_access_to_vault_is_shown_with_the_command_that_grants_it(
    run: Run, on_github: LocalGitHub, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("VAULT_ADDR", openbao.address)
    monkeypatch.setenv("VAULT_TOKEN", openbao.token)
    monkeypatch.setenv("PLANWARD_SECRET_PATHS", "kv/shared/*")
    config = """\
environments:
  testing: {team: own-of-the-cli}
  staging: {team: closed-of-the-cli}
secrets:
  - {path: "kv/{team}/{branch}/*"}
  - {path: kv/shared/datadog}
  - {path: kv/payments/production/*}
"""
    on_github.commit("acme/infra", "staging", {".github/planward.yml": config}, by="grace", start="staging")
    openbao.put("kv/own-of-the-cli/planward", repositories="acme/infra")
    result = run(*command, "acme/infra").out
    assert "team own-of-the-cli: " in result
    assert "kv/own-of-the-cli/planward names the repository" in result
    assert "acme/infra may not use the secrets of the team closed-of-the-cli" in result
    assert "vault kv put kv/closed-of-the-cli/planward repositories=" in result
    assert 'secrets in .github/planward.yml names "kv/payments/production/*"' in result
    assert "datadog" not in result.partition("who may use which secrets")[2]


@pytest.mark.parametrize("command", [("config", "show"), ("doctor",)])
def test_root_modules_with_errors_and_those_that_this_machine_cannot_run_are_shown(
    run: Run, on_github: LocalGitHub, command: tuple[str, ...]
) -> None:
    files = {"late/main.tf": 'terraform {\n  required_version = ">= 99"\n  backend "s3" {}\n}\n'}
    on_github.commit("acme/infra", "staging", files, by="grace", start="staging")
    result = run(*command, "acme/infra").out
    assert "network in testing: the local backend (network/main.tf:2) ignores path in the workspace" in result
    assert 'late: no Terraform that is installed satisfies required_version ">= 99"' in result


def test_config_show_says_each_problem_of_a_repository(run: Run, on_github: LocalGitHub) -> None:
    on_github.commit("acme/infra", "staging", {".github/planward.yml": "teem: x\n"}, by="grace", start="staging")
    result = run("config", "show", "acme/infra")
    assert (result.status, result.out.startswith(".github/planward.yml:1")) == (1, True)


@pytest.mark.parametrize("name", ["acme/private", "acme/nowhere"])
def test_config_show_reports_a_repository_without_the_app_in_one_line(
    run: Run, on_github: LocalGitHub, name: str
) -> None:
    assert run("config", "show", name) == CommandResult(
        status=1, out="", err=f"planward: the App is not installed on {name}, or there is no such repository\n"
    )


def test_an_argument_that_is_neither_a_directory_nor_a_repository_is_wrong_use(run: Run) -> None:
    result = run("config", "show", "no where")
    assert (result.status, result.err) == (
        2,
        "planward: no where is neither a directory nor a repository: give DIR or OWNER/REPO. See planward config show "
        "--help\n",
    )
