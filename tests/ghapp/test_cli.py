"""The command, as a person in a terminal sees it. Terraform, git and OpenBao are the real ones."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from ghapp.cli import main, planward
from ghapp.local_github import LocalGitHub
from ghapp.repository_config.schema import schema_text
from tests.openbao import OpenBao
from tests.stories.waiting import eventually

NETWORK = """\
terraform {
  backend "local" {}
}

variable "size" {
  type = number
}

resource "terraform_data" "net" {
  input = { size = var.size }
}
"""


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    """Run `planward WORDS`."""
    for name in ("VAULT_ADDR", "VAULT_TOKEN", "PLANWARD_TERRAFORM", "PLANWARD_SANDBOX", "PLANWARD_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PLANWARD_DATA_DIR", str(tmp_path / "data"))

    def run(*words: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["planward", *map(str, words)])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        captured = capsys.readouterr()
        return Said(status=status, out=captured.out, err=captured.err)

    yield run
    # The command logs to the stderr of its time, which is closed now.
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


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def git(top: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", top, *words], check=True, capture_output=True, text=True).stdout


# --- plan ------------------------------------------------------------------------------------------------------------


def test_plan_shows_the_report_of_a_working_copy(run: Run, copy: Path) -> None:
    said = run("plan", copy)
    assert (said.status, said.err) == (0, "Terraform ran without a sandbox, as by hand\n")
    assert said.out.startswith("1 to add in testing\n")
    assert "+ terraform_data.net" in said.out
    assert "+ input.size = 3" in said.out
    assert "\x1b[" not in said.out


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
    said = run("plan", copy, "-e", "staging")
    assert said.out.startswith("1 to add in staging\n")
    assert "+ input.size = 4" in said.out


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
    said = run("plan", copy, "--format", form)
    assert said.status == 0
    match form:
        case "markdown":
            assert said.out.startswith("### 1 to add in testing\n")
        case "html":
            assert said.out.startswith("<!doctype html>\n")
            assert '<section class="report success">' in said.out
        case _:
            report = json.loads(said.out)
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
    said = run("plan", copy)
    assert (said.status, said.err) == (1, "Terraform ran without a sandbox, as by hand\n")
    first = said.out.splitlines()[0]
    assert first == "network in testing: plan failed: Reference to undeclared input variable (network/main.tf:10)"


def test_a_state_that_would_lie_in_the_working_copy_is_a_failure(run: Run, copy: Path) -> None:
    write(copy / "network/main.tf", NETWORK.replace('  backend "local" {}\n', ""))
    said = run("plan", copy)
    assert said.status == 1
    assert "network" in said.out.splitlines()[0]
    assert not list(copy.rglob("*.tfstate"))


def test_root_modules_that_build_on_a_failed_one_are_not_tried(run: Run, copy: Path) -> None:
    write(copy / "network/main.tf", NETWORK.replace("var.size", "var.sise"))
    write(copy / "app/main.tf", 'terraform {\n  backend "local" {\n    path = "/nowhere/app.tfstate"\n  }\n}\n')
    write(copy / ".github/planward.yml", "root_modules: [{dir: network}, {dir: app, depends_on: [network]}]\n")
    said = run("plan", copy)
    assert said.status == 1
    assert "app was not tried: network, which it comes after, did not succeed" in said.out


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
        said = run("plan", copy, "-v", "--format", form)
        assert said.status == 0, said
        assert "(sensitive)" in said.out
        assert "hunter2-of-the-cli" not in said.out + said.err


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
    ("words", "status", "said"),
    [
        (["nowhere"], 2, "Invalid value for '[DIR]': Directory 'nowhere' does not exist. See planward plan --help"),
        (["docs"], 1, "there is no root module in docs: there is network"),
        (
            ["live/vpc"],
            1,
            "live/vpc is run by Terragrunt (live/vpc/terragrunt.hcl), which Planward does not support: this is not "
            "planned. Where something else plans it, list what Planward is to run under root_modules in "
            ".github/planward.yml.",
        ),
        ([".", "-e", "prod"], 1, 'there is no environment "prod" in this repository: -e takes testing, staging'),
    ],
)
def test_a_reason_for_no_plan_is_reported_in_one_line(
    run: Run, copy: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], status: int, said: str
) -> None:
    monkeypatch.chdir(copy)
    write(copy / "live/vpc/terragrunt.hcl", "inputs = {}\n")
    assert run("plan", *words) == Said(status=status, out="", err=f"planward: {said}\n")


def test_an_invalid_config_is_reported_in_one_line(run: Run, copy: Path) -> None:
    write(copy / ".github/planward.yml", "teem: payments\nconfirm: 5\n")
    said = run("plan", copy)
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert said.err.startswith("planward: .github/planward.yml:1")


# --- report ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def plan_json(tmp_path: Path) -> Path:
    path = tmp_path / "network.json"
    path.write_text(json.dumps(plan_of({"size": 1})))
    return path


def plan_of(after: dict[str, object], **more: object) -> dict[str, object]:
    change = {
        "address": "terraform_data.net",
        "mode": "managed",
        "type": "terraform_data",
        "name": "net",
        "provider_name": "terraform.io/builtin/terraform",
        "change": {
            "actions": ["create"],
            "before": None,
            "after": after,
            "after_unknown": {},
            "before_sensitive": False,
            "after_sensitive": {},
        },
    }
    return {"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": [change], **more}


def test_report_prints_the_report_of_a_plan_that_others_made(run: Run, plan_json: Path) -> None:
    said = run("report", plan_json, "-e", "staging")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(
        "1 to add in staging\nPlanned network in staging, with Terraform 1.11.4.\n\nnetwork in staging: 1 to add\n"
    )


def test_report_against_a_reviewed_plan_says_what_is_done_differently(
    run: Run, plan_json: Path, tmp_path: Path
) -> None:
    reviewed = tmp_path / "reviewed.json"
    reviewed.write_text(json.dumps(plan_of({"size": 2})))
    assert (
        "The plan differs from the one that was reviewed: 1 changed."
        in run("report", plan_json, "--against", reviewed).out
    )
    same = run("report", plan_json, "--against", plan_json).out
    assert "The plan does the same as the one that was reviewed." in same


def test_report_of_an_incomplete_plan_is_a_failure(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "network.json"
    path.write_text(json.dumps(plan_of({"size": 2}, errored=True)))
    said = run("report", path)
    assert (said.status, said.out.splitlines()[0]) == (
        1,
        "network: the plan was broken off by an error",
    )


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json"])
def test_report_names_no_unknown_environment_and_gives_no_advice(run: Run, plan_json: Path, form: str) -> None:
    other = plan_json.with_name("app.json")
    other.write_text(plan_json.read_text())
    said = run("report", plan_json, other, "--format", form)
    assert said.status == 0
    assert "2 to add" in said.out
    for word in ("testing", "planward.yml", " in :", " in ."):
        assert word not in said.out
    assert "planward.yml" not in run("report", plan_json, "-e", "testing", "--format", form).out


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["network/plan.json", "app/plan.json"], ["network", "app"]),
        (["live/network/tfplan.json", "test/network/tfplan.json"], ["live/network", "test/network"]),
        (["network/prod.json", "app/prod.json"], ["network/prod", "app/prod"]),
        (["network.json", "app.json"], ["network", "app"]),
        (["a/plan.json", "b/a/plan.json"], ["a", "b/a"]),
        (["plan.json", "app/plan.json"], [".", "app"]),
        (["stacks/network/plan.json"], ["network"]),
    ],
)
def test_report_distinguishes_files_of_one_name_by_their_directories(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], names: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for file in files:
        write(tmp_path / file, json.dumps(plan_of({"size": 1})))
    told = json.loads(run("report", *files, "--format", "json").out)
    assert [root["root_module"] for root in told["root_modules"]] == names


def test_report_refuses_one_file_twice(run: Run, plan_json: Path) -> None:
    said = run("report", plan_json, plan_json)
    assert said.status == 2
    assert f"{plan_json} is given twice" in said.err


@pytest.mark.parametrize(
    ("plan", "status"),
    [
        ({"resource_changes": []}, 0),
        ({}, 2),
        ({"resource_changes": [], "output_changes": {"a": {"actions": ["create"], "after": 1}}}, 2),
        ({"errored": True}, 1),
    ],
)
def test_report_exits_with_2_for_changes_where_it_is_asked_to(
    run: Run, tmp_path: Path, plan: dict[str, Any], status: int
) -> None:
    path = tmp_path / "network.json"
    path.write_text(json.dumps(plan_of({"size": 1}, **plan)))
    assert run("report", path, "--detailed-exitcode").status == status
    assert run("report", path).status == (1 if status == 1 else 0)


def test_report_marks_an_incomplete_plan_in_its_row(run: Run, plan_json: Path) -> None:
    part = plan_json.with_name("app.json")
    part.write_text(json.dumps(plan_of({"size": 1}, errored=True)))
    said = run("report", plan_json, part, "--format", "markdown").out
    assert "| `app` | 1 | **only a part: Terraform could not finish the plan** |" in said
    assert "| `network` | 1 |  |" in said


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_report_reads_what_powershell_writes(run: Run, plan_json: Path, encoding: str) -> None:
    plan_json.write_bytes(plan_json.read_text().encode(encoding))
    assert run("report", plan_json).out.startswith("1 to add\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"format_version": "1.0"}', "it holds nothing that a plan has"),
        ('{"format_version": "1.0", "values": {}}', "not a Terraform plan but a state"),
        ('{"version": 4, "serial": 1, "lineage": "x", "resources": []}', "not a Terraform plan but a state file"),
    ],
)
def test_report_refuses_a_state_and_an_empty_object(run: Run, tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)
    refused = run("report", path)
    assert (refused.status, refused.out) == (1, "")
    assert said in refused.err
    assert "terraform show -json PLANFILE" in refused.err


def test_report_names_a_file_that_is_not_a_plan(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{")
    said = run("report", path)
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith(f"planward: {path}: not a Terraform plan in JSON form")
    assert said.err.count("\n") == 1


def test_report_against_takes_one_plan(run: Run, plan_json: Path) -> None:
    said = run("report", plan_json, plan_json, "--against", plan_json)
    assert said.status == 2
    assert said.err == "planward: --against compares one PLAN_JSON with another. See planward report --help\n"


# --- config and import -----------------------------------------------------------------------------------------------


def test_config_check_reports_a_valid_config(run: Run, copy: Path) -> None:
    said = run("config", "check", copy)
    assert (said.status, said.err) == (0, "")
    assert said.out == "no .github/planward.yml, the defaults hold: no problem; 1 root module, testing, staging\n"


def test_config_check_of_a_file_says_each_problem_and_exits_with_1(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "planward.yml", "teem: payments\nconfirm: 5\n")
    said = run("config", "check", tmp_path / "planward.yml")
    assert said.status == 1
    assert len(said.out.splitlines()) == 2
    assert "planward.yml:1" in said.out


def test_the_advice_about_the_state_works_when_it_is_followed(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "new/app/main.tf"
    write(place, 'resource "terraform_data" "x" {}\n')
    assert "local with an absolute workspace_dir of its own" in run("plan", place.parent).out
    backend = f'terraform {{\n  backend "local" {{\n    workspace_dir = "{tmp_path}/states/app"\n  }}\n}}\n'
    write(place, backend + 'resource "terraform_data" "x" {}\n')
    said = run("plan", place.parent)
    assert (said.status, said.out.partition("\n")[0]) == (0, "1 to add in testing")


ENDLESS = """\
#!/bin/sh
case "$1" in version) echo '{"terraform_version": "1.11.4"}'; exit 0;; esac
trap '' INT
echo $$ > "%s/pid"
while :; do sleep 1; done
"""


def test_ctrl_c_ends_a_plan_at_once_and_says_so(copy: Path, tmp_path: Path) -> None:
    engine = tmp_path / "terraform"
    write(engine, ENDLESS % tmp_path)
    engine.chmod(0o755)
    environ = {"PATH": os.environ["PATH"], "PLANWARD_DATA_DIR": str(tmp_path / "d"), "PLANWARD_TERRAFORM": str(engine)}
    command = [sys.executable, "-m", "ghapp", "plan", "-v", str(copy)]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as planning:
        assert planning.stderr is not None
        for line in planning.stderr:
            if "network: init and plan in testing" in line:
                break
        eventually((tmp_path / "pid").exists, "the engine runs")
        pid = int((tmp_path / "pid").read_text())
        began = time.monotonic()
        planning.send_signal(signal.SIGINT)
        said = planning.stderr.read()
        assert planning.wait() == 130
        assert time.monotonic() - began < 3  # one second, on a machine that is not busy
    assert "planward: interrupted by Ctrl-C: nothing was changed" in said
    eventually(lambda: not Path(f"/proc/{pid}").exists(), "the engine is gone")


def test_config_schema_prints_the_schema(run: Run) -> None:
    assert run("config", "schema") == Said(status=0, out=schema_text(), err="")


def test_config_show_shows_what_is_found(run: Run, copy: Path) -> None:
    said = run("config", "show", copy)
    assert said.status == 0
    assert "1 root module in 1 layer" in said.out


def test_import_prints_a_config_that_passes_the_check(run: Run, copy: Path) -> None:
    write(copy / "atlantis.yaml", "version: 3\nprojects:\n- dir: network\n  workspace: staging\nautomerge: true\n")
    said = run("import", copy / "atlantis.yaml")
    assert said.status == 0
    assert "network" in said.out
    assert said.err == "planward: automerge: a merge comes before the apply, and people press it\n"
    assert "automerge" not in said.out
    write(copy / "imported.yml", said.out)
    assert run("config", "check", copy / "imported.yml").status == 0


def test_import_exits_with_1_if_something_is_unresolved_and_prints_that_first(run: Run, copy: Path) -> None:
    write(copy / "atlantis.yaml", "version: 3\nautomerge: true\nprojects:\n- dir: network\n  workspace: blue\n")
    said = run("import", copy / "atlantis.yaml")
    assert said.status == 1
    assert said.err == (
        'planward: unresolved: projects[0].workspace: "blue" is no environment: say whose state it is by environments: '
        "{NAME: {workspace: blue}}\nplanward: automerge: a merge comes before the apply, and people press it\n"
    )


def test_import_of_another_file_is_reported_in_one_line(run: Run, copy: Path) -> None:
    write(copy / "atlantis.yaml", "version: 9\n")
    said = run("import", copy / "atlantis.yaml")
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)


# --- all -------------------------------------------------------------------------------------------------------------


def commands() -> list[list[str]]:
    found: list[list[str]] = []
    for name, command in sorted(planward.commands.items()):
        found.append([name])
        found += [[name, inner] for inner in sorted(getattr(command, "commands", {}))]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(run: Run, words: list[str]) -> None:
    said = run(*words, "--help")
    assert (said.status, said.err) == (0, "")
    assert "Example" in said.out


@pytest.mark.parametrize(
    ("words", "err"),
    [
        (["applly"], "planward: No such command 'applly'. See planward --help\n"),
        (["plan", "--colour"], "planward: No such option '--colour'. See planward plan --help\n"),
        (["report"], "planward: Missing argument 'PLAN_JSON...'. See planward report --help\n"),
        (["config", "check", "nowhere"], None),
        (["serve", "--port", "x"], None),
    ],
)
def test_wrong_use_is_one_line_and_exit_status_2(run: Run, words: list[str], err: str | None) -> None:
    said = run(*words)
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith("planward: ")
    assert err is None or said.err == err


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_setting_that_is_missing_is_named_in_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("PLANWARD_GITHUB_APP_ID", raising=False)
    assert run(command) == Said(
        status=1,
        out="",
        err="planward: PLANWARD_GITHUB_APP_ID is not set: set it to the number on the App's settings page\n",
    )


def test_the_command_is_a_module_too() -> None:
    ended = subprocess.run([sys.executable, "-m", "ghapp", "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("planward, version ")


# --- config show of a repository on GitHub ---------------------------------------------------------------------------


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
    said = run("config", "show", "acme/infra")
    assert (said.status, said.err) == (0, "")
    assert re.match(r"acme/infra at [0-9a-f]{12}\n\nteam infra\n\nenvironments\n", said.out)
    assert "1. network: backend local (network/main.tf:2)" in said.out
    assert "staging: workspace default; backend files network/staging.backend.hcl" in said.out


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
    said = run(*command, "acme/infra").out
    assert "team own-of-the-cli: " in said
    assert "kv/own-of-the-cli/planward names the repository" in said
    assert "acme/infra may not use the secrets of the team closed-of-the-cli" in said
    assert "vault kv put kv/closed-of-the-cli/planward repositories=" in said
    assert 'secrets in .github/planward.yml names "kv/payments/production/*"' in said
    assert "datadog" not in said.partition("who may use which secrets")[2]


@pytest.mark.parametrize("command", [("config", "show"), ("doctor",)])
def test_errors_in_root_modules_are_shown_with_those_this_machine_cannot_run(
    run: Run, on_github: LocalGitHub, command: tuple[str, ...]
) -> None:
    files = {"late/main.tf": 'terraform {\n  required_version = ">= 99"\n  backend "s3" {}\n}\n'}
    on_github.commit("acme/infra", "staging", files, by="grace", start="staging")
    said = run(*command, "acme/infra").out
    assert "network in testing: the local backend (network/main.tf:2) ignores path in the workspace" in said
    assert 'late: no Terraform that is installed satisfies required_version ">= 99"' in said


def test_config_show_says_each_problem_of_a_repository(run: Run, on_github: LocalGitHub) -> None:
    on_github.commit("acme/infra", "staging", {".github/planward.yml": "teem: x\n"}, by="grace", start="staging")
    said = run("config", "show", "acme/infra")
    assert (said.status, said.out.startswith(".github/planward.yml:1")) == (1, True)


@pytest.mark.parametrize("name", ["acme/private", "acme/nowhere"])
def test_config_show_reports_a_repository_without_the_app_in_one_line(
    run: Run, on_github: LocalGitHub, name: str
) -> None:
    assert run("config", "show", name) == Said(
        status=1, out="", err=f"planward: the App is not installed on {name}, or there is no such repository\n"
    )


def test_config_show_of_neither_is_wrong_use(run: Run) -> None:
    said = run("config", "show", "no where")
    assert (said.status, said.err) == (
        2,
        "planward: no where is no directory, and no repository: say DIR or OWNER/REPO. See planward config show "
        "--help\n",
    )
