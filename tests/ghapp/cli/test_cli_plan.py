"""`planward plan`, as a person in a terminal sees it. Terraform, git and OpenBao are the real ones."""

import json
import shutil
from pathlib import Path

import pytest

from tests.ghapp.cli.working_copy import NETWORK, CommandResult, Run, git, write
from tests.openbao import OpenBao


def test_plan_shows_the_report_of_a_working_copy(run: Run, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLANWARD_TERRAFORM", raising=False)  # the engine is found without it
    result = run("plan", copy)
    assert (result.status, result.err) == (0, "Terraform ran without a sandbox, as if you had run it yourself\n")
    assert result.out.startswith("1 to add in testing\n")
    assert "+ terraform_data.net" in result.out
    assert "+ input.size = 3" in result.out
    assert "\x1b[" not in result.out


def test_plan_writes_nothing_to_the_working_copy_nor_to_the_state(run: Run, copy: Path, tmp_path: Path) -> None:
    before = sorted(copy.rglob("*"))
    assert run("plan", copy).status == 0
    assert sorted(copy.rglob("*")) == before
    assert not (tmp_path / "states").exists()
    assert list((tmp_path / "data/runs").glob("*/d")) == []


def test_plan_takes_the_files_as_they_are_now_without_what_git_ignores(run: Run, copy: Path) -> None:
    write(copy / "network/testing.tfvars", "size = 7\n")
    write(copy / "network/mine.auto.tfvars", "size = 99\n")
    assert "+ input.size = 7" in run("plan", copy).out


def test_plan_of_another_environment_takes_its_files(run: Run, copy: Path) -> None:
    result = run("plan", copy, "-e", "staging")
    assert result.out.startswith("1 to add in staging\n")
    assert "+ input.size = 4" in result.out


@pytest.mark.parametrize("directory", ["network", "."])
def test_plan_takes_the_root_modules_at_or_below_a_directory(
    run: Run, copy: Path, directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(copy / "app/main.tf", 'terraform {\n  backend "local" {\n    path = "/nowhere/app.tfstate"\n  }\n}\n')
    monkeypatch.chdir(copy)
    out = run("plan", directory, "--format", "json").out
    found = [each["root_module"] for each in json.loads(out)["root_modules"]]
    assert found == (["network"] if directory == "network" else ["app", "network"])


def test_plan_in_a_directory_of_a_root_module_takes_that_one(run: Run, copy: Path) -> None:
    write(copy / "network/files/policy.json", "{}")
    assert run("plan", copy / "network/files").out.startswith("1 to add in testing\n")


@pytest.mark.parametrize("form", ["markdown", "html", "json"])
def test_plan_prints_the_report_in_other_forms(run: Run, copy: Path, form: str) -> None:
    result = run("plan", copy, "--format", form)
    assert result.status == 0
    match form:
        case "markdown":
            assert result.out.startswith("### 1 to add in testing\n")
        case "html":
            assert result.out.startswith("<!doctype html>\n")
            assert '<section class="report success">' in result.out
        case _:
            report = json.loads(result.out)
            assert (report["title"], report["conclusion"]) == ("1 to add in testing", "success")
            assert report["commit_sha"] == git(copy, "rev-parse", "HEAD").strip()
            assert "digest" not in report["root_modules"][0]


def test_plan_exits_with_2_for_changes_where_it_is_asked_to(run: Run, copy: Path) -> None:
    assert run("plan", copy, "--detailed-exitcode").status == 2
    write(copy / "network/main.tf", NETWORK.partition("resource ")[0])
    assert run("plan", copy, "--detailed-exitcode").status == 0


def test_plan_with_verbose_shows_what_terraform_says(run: Run, copy: Path) -> None:
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in run("plan", copy, "-v").err


def test_a_plan_that_fails_is_a_report_and_exit_status_1(run: Run, copy: Path) -> None:
    write(copy / "network/main.tf", NETWORK.replace("var.size", "var.sise"))
    result = run("plan", copy)
    assert (result.status, result.err) == (1, "Terraform ran without a sandbox, as if you had run it yourself\n")
    first = result.out.splitlines()[0]
    assert first == "network in testing: plan failed: Reference to undeclared input variable (network/main.tf:10)"


def test_a_state_that_would_lie_in_the_working_copy_is_a_failure(run: Run, copy: Path) -> None:
    write(copy / "network/main.tf", NETWORK.replace('  backend "local" {}\n', ""))
    result = run("plan", copy)
    assert result.status == 1
    assert "network" in result.out.splitlines()[0]
    assert not list(copy.rglob("*.tfstate"))


def test_root_modules_that_build_on_a_failed_one_are_not_tried(run: Run, copy: Path) -> None:
    write(copy / "network/main.tf", NETWORK.replace("var.size", "var.sise"))
    write(copy / "app/main.tf", 'terraform {\n  backend "local" {\n    path = "/nowhere/app.tfstate"\n  }\n}\n')
    write(copy / ".github/planward.yml", "root_modules: [{dir: network}, {dir: app, depends_on: [network]}]\n")
    result = run("plan", copy)
    assert result.status == 1
    assert "app was not tried, because it comes after network, which did not succeed" in result.out


def test_plan_reads_secrets_from_vault_and_never_prints_them(
    run: Run, copy: Path, openbao: OpenBao, monkeypatch: pytest.MonkeyPatch
) -> None:
    openbao.put("kv/infra/testing/app", db_password="hunter2-of-the-cli", size=5)
    (copy / "network/testing.tfvars").unlink()
    secret = 'variable "db_password" {}\nresource "terraform_data" "db" {\n  input = var.db_password\n}\n'
    write(copy / "network/db.tf", secret)
    monkeypatch.setenv("VAULT_ADDR", openbao.address)
    monkeypatch.setenv("VAULT_TOKEN", openbao.token)
    for form in ("text", "json", "markdown", "html"):
        result = run("plan", copy, "-v", "--format", form)
        assert result.status == 0, result
        assert "(sensitive)" in result.out
        assert "hunter2-of-the-cli" not in result.out + result.err


def test_providers_find_the_persons_environment_but_not_planwards(
    run: Run, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin/terraform"
    write(program, f'#!/bin/sh\nenv > {tmp_path}/environ\nexec "{shutil.which("terraform")}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PLANWARD_TERRAFORM", str(program))
    monkeypatch.setenv("PLANWARD_GITHUB_WEBHOOK_SECRET", "not-for-providers")
    monkeypatch.setenv("VAULT_TOKEN", "not-for-providers")
    monkeypatch.setenv("AWS_PROFILE", "ada")
    monkeypatch.setenv("TF_WORKSPACE", "elsewhere")
    assert run("plan", copy).status == 0
    environ = (tmp_path / "environ").read_text().splitlines()
    assert "AWS_PROFILE=ada" in environ
    assert not [line for line in environ if "not-for-providers" in line or line.startswith("TF_WORKSPACE=")]


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (["nowhere"], 2, "Invalid value for '[DIR]': Directory 'nowhere' does not exist. See planward plan --help"),
        (["docs"], 1, "there is no root module in docs; the repository has network"),
        (
            ["live/vpc"],
            1,
            "live/vpc is run by Terragrunt (live/vpc/terragrunt.hcl), which Planward does not support, so it is not "
            "planned. If something else plans it, list the directories that Planward should run under root_modules in "
            ".github/planward.yml.",
        ),
        ([".", "-e", "prod"], 1, 'there is no environment "prod" in this repository: -e takes testing, staging'),
    ],
)
def test_a_reason_for_no_plan_is_reported_in_one_line(
    run: Run, copy: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], status: int, complaint: str
) -> None:
    monkeypatch.chdir(copy)
    write(copy / "live/vpc/terragrunt.hcl", "inputs = {}\n")
    assert run("plan", *words) == CommandResult(status=status, out="", err=f"planward: {complaint}\n")


def test_an_invalid_config_is_reported_in_one_line(run: Run, copy: Path) -> None:
    write(copy / ".github/planward.yml", "teem: payments\nconfirm: 5\n")
    result = run("plan", copy)
    assert (result.status, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith("planward: .github/planward.yml:1")


def test_the_advice_about_the_state_works_when_it_is_followed(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "new/app/main.tf"
    write(place, 'resource "terraform_data" "x" {}\n')
    assert "local with an absolute workspace_dir of its own" in run("plan", place.parent).out
    backend = f'terraform {{\n  backend "local" {{\n    workspace_dir = "{tmp_path}/states/app"\n  }}\n}}\n'
    write(place, backend + 'resource "terraform_data" "x" {}\n')
    result = run("plan", place.parent)
    assert (result.status, result.out.partition("\n")[0]) == (0, "1 to add in testing")
