"""The output of `planward config` and `planward import` for a working copy."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from ghapp.local.config import Answer, check, import_from_atlantis, schema, show_working_copy
from ghapp.local.working_copy import read_working_copy
from ghapp.repository_config import ConfigInvalid, read_config
from ghapp.repository_config.schema import schema_text

S3 = 'terraform {\n  required_version = ">= 1.9"\n  backend "s3" {\n    bucket = "b"\n    key = "%s"\n  }\n}\n'
CONFIG = """\
environments:
  testing: {apply: on_merge}
  staging: {team: sre}
  production: {apply: manual, approvers: [acme/platform]}
secrets:
  - {path: "kv/{team}/{branch}/*"}
  - {path: "aws/creds/{environment}", as: env, map: {access_key: AWS_ACCESS_KEY_ID}}
  - {path: kv/shared/datadog, field: api_key}
root_modules:
  - dir: app
    depends_on: [network]
    team: app
    extra_arguments: [-parallelism=5]
  - {dir: network, required_version: "< 2"}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A working copy with the branches main, staging and production, and a remote."""
    write(
        tmp_path,
        {
            ".git/HEAD": "ref: refs/heads/main\n",
            ".git/config": '[core]\n\tbare = false\n[remote "origin"]\n\turl = git@github.com:acme/infra.git\n',
            ".git/refs/heads/main": "0" * 40,
            ".git/refs/remotes/origin/staging": "0" * 40,
            ".git/packed-refs": f"# pack-refs with: peeled\n{'0' * 40} refs/remotes/origin/production\n",
            "network/main.tf": S3 % "network",
            "network/.terraform/modules/x/main.tf": S3 % "network",
            "app/main.tf": S3 % "app",
            "app/env/staging.tfvars": "",
        },
    )
    return tmp_path


def write(top: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_working_copy_knows_its_files_branches_and_name(directory: Path) -> None:
    (directory / "network/env").symlink_to("../app/env")
    found = read_working_copy(directory / "network")
    assert found.directory.resolve() == directory.resolve()
    assert found.paths == {"network/main.tf", "network/env", "app/main.tf", "app/env/staging.tfvars"}
    assert found.links == {"network/env": "../app/env"}
    assert found.branches == {"main", "staging", "production"}
    assert found.name == "infra"
    assert found.config is None


def test_a_worktree_knows_the_branches_of_its_repository(directory: Path, tmp_path: Path) -> None:
    write(
        directory,
        {".git/worktrees/w/commondir": "../..\n", "w/.git": f"gitdir: {directory}/.git/worktrees/w\n", "w/main.tf": ""},
    )
    assert read_working_copy(tmp_path / "w").branches == {"main", "staging", "production"}


def test_a_directory_without_git_is_a_working_copy_without_branches(tmp_path: Path) -> None:
    write(tmp_path, {"infra/main.tf": ""})
    found = read_working_copy(tmp_path / "infra")
    assert found.name == "infra"
    assert found.branches == set()
    assert found.paths == {"main.tf"}


def test_a_repository_without_a_config_passes(directory: Path) -> None:
    assert check(directory) == Answer(
        exit_status=0,
        lines=(
            "no .github/planward.yml, the defaults apply: no problem; 2 root modules, testing, staging, production",
        ),
    )


def test_a_valid_config_passes(directory: Path) -> None:
    write(directory, {".github/planward.yml": CONFIG})
    assert check(directory) == Answer(
        exit_status=0,
        lines=(".github/planward.yml: no problem; 2 root modules, testing, staging, production",),
    )
    assert check(directory / ".github/planward.yml").lines == (f"{directory}/.github/planward.yml: no problem",)


def test_all_problems_of_a_file_are_lines(tmp_path: Path) -> None:
    write(tmp_path, {"planward.yml": "tem: x\ndrafts: pln\n"})
    assert check(tmp_path / "planward.yml") == Answer(
        exit_status=1,
        lines=(
            f'{tmp_path}/planward.yml:1:1: tem: unknown key; did you mean "team"?',
            f'{tmp_path}/planward.yml:2:9: drafts: must be one of plan, skip, not "pln"; did you mean "plan"?',
        ),
    )


def test_the_configs_root_modules_are_checked_too(directory: Path) -> None:
    config = "root_modules: [{dir: network, var_files: [x.tfvars]}, {dir: nowhere}, {dir: local}, {dir: broken}]\n"
    write(
        directory,
        {
            ".github/planward.yml": config,
            "local/main.tf": 'resource "terraform_data" "x" {}\n',
            "broken/main.tf": S3 % "broken" + "resource {\n",
        },
    )
    answer = check(directory)
    missing = (
        "network in %s: network/x.tfvars does not exist, but .github/planward.yml names it; "
        "add the file or leave it out"
    )
    assert answer.exit_status == 1
    assert [line for line in answer.lines if "broken" not in line] == [
        '.github/planward.yml:1:56: root_modules[1].dir: "nowhere" has no .tf files',
        "local has no backend block: its state would be stored in the checkout and be lost; add one (such as s3, gcs "
        "or azurerm, or local with an absolute workspace_dir of its own)",
        missing % "testing",
        missing % "staging",
        missing % "production",
    ]
    assert [line.partition(":")[0] for line in answer.lines if "broken" in line] == ["broken/main.tf"]


def test_an_error_in_one_root_module_fails_check_and_show_shows_the_rest(directory: Path) -> None:
    write(directory, {"app/main.tf": S3 % "network", "broken/main.tf": (S3 % "broken") + "resource {\n"})
    said = check(directory)
    sharing = (
        "app in %s (app/main.tf:3) and network in %s (network/main.tf:3) would share a state: "
        'backend s3 (bucket "b", key "network"), workspace "%s"; give each its own'
    )
    environments = ("testing", "staging", "production")
    assert said.exit_status == 1
    assert said.lines[1:] == tuple(sharing % (each, each, each) for each in environments)
    shown = show_working_copy(directory)
    assert shown.exit_status == 0
    for each in environments:
        cause = f"         cannot run: {sharing % (each, each, each)}"
        assert shown.lines.count(cause) == 2
    assert any(line.startswith("  cannot read broken/main.tf:") for line in shown.lines)
    assert "       testing: workspace testing" in shown.lines


def test_circles_fail_the_check(directory: Path) -> None:
    data = 'data "terraform_remote_state" "x" {\n  backend = "s3"\n  config = { bucket = "b", key = "%s" }\n}\n'
    write(directory, {"app/data.tf": data % "network", "network/data.tf": data % "app"})
    answer = check(directory)
    assert answer.exit_status == 1
    assert len(answer.lines) == 1
    assert "app" in answer.lines[0]
    assert "network" in answer.lines[0]
    assert show_working_copy(directory).lines[7].startswith("2 root modules, in no order: ")


def test_a_misplaced_config_is_reported_by_check_and_show(directory: Path) -> None:
    write(directory, {".github/planward.yaml": "team: x\n"})
    said = Answer(
        exit_status=1,
        lines=(
            ".github/planward.yaml:1:1: this file is not read: move its contents to .github/planward.yml, or rename it "
            "if it is something else",
        ),
    )
    assert (check(directory), show_working_copy(directory)) == (said, said)


def test_show_says_what_another_tool_runs(directory: Path) -> None:
    write(directory, {"live/vpc/terragrunt.hcl": "inputs = {}\n", "web/Pulumi.yaml": "name: web\n"})
    shown = [line for line in show_working_copy(directory).lines if "not supported" in line]
    assert shown == [
        "  not supported live/vpc: it is run by Terragrunt (live/vpc/terragrunt.hcl)",
        "  not supported web: it is run by Pulumi (web/Pulumi.yaml)",
    ]


def test_show_says_what_was_found_with_the_defaults_filled_in(directory: Path) -> None:
    assert show_working_copy(directory).lines == (
        "team infra",
        "",
        "environments",
        "  testing: pull requests are planned in it, unless they have a preview and Vault has no secrets for it; never "
        "applied",
        "  staging: branch staging, pull requests are previewed, applied on merge",
        "  production: branch production, promoted from staging, pull requests are previewed, applied on merge",
        "",
        "2 root modules in 1 layer",
        "  1. app: backend s3 (app/main.tf:3), terraform >= 1.9",
        "       testing: workspace testing",
        "       staging: workspace staging; var files app/env/staging.tfvars",
        "       production: workspace production",
        "  1. network: backend s3 (network/main.tf:3), terraform >= 1.9",
        "       testing: workspace testing",
        "       staging: workspace staging",
        "       production: workspace production",
        "",
        "secrets (the default, if the operator has a Vault)",
        "  testing: kv/infra/testing/* as variables",
        "  testing: kv/infra/testing/env as environment variables",
        "  staging: kv/infra/staging/* as variables",
        "  staging: kv/infra/staging/env as environment variables",
        "  production: kv/infra/production/* as variables",
        "  production: kv/infra/production/env as environment variables",
    )


def test_show_says_what_the_config_changes(directory: Path) -> None:
    write(directory, {".github/planward.yml": CONFIG, "app/main.tf": "", "other/main.tf": S3 % "other"})
    cause = (
        "         cannot run: app has no backend block: its state would be stored in the checkout and be lost; "
        "add one (such as s3, gcs or azurerm, or local with an absolute workspace_dir of its own)"
    )
    assert show_working_copy(directory).lines == (
        "team infra",
        "",
        "environments",
        "  testing: every pull request is planned in it; each merge is applied to it first",
        "  staging: branch staging, pull requests are previewed, applied on merge",
        "  production: branch production, promoted from staging, pull requests are previewed, applied by hand, "
        "approved by acme/platform",
        "",
        "2 root modules in 2 layers",
        "  1. network: backend s3 (network/main.tf:3), terraform >= 1.9, < 2",
        "       testing: workspace testing",
        "       staging: workspace staging",
        "       production: workspace production",
        "  2. app: no backend, after network",
        "       testing: workspace testing; arguments -parallelism=5; team app",
        cause,
        "       staging: workspace staging; var files app/env/staging.tfvars; arguments -parallelism=5; team app",
        cause,
        "       production: workspace production; arguments -parallelism=5; team app",
        cause,
        "",
        "secrets",
        *(
            line
            for name, team in (("testing", "infra"), ("staging", "sre"), ("production", "infra"))
            for line in (
                f"  {name}: kv/{team}/{name}/* as variables",
                f"  {name}: aws/creds/{name} as environment variables, access_key as AWS_ACCESS_KEY_ID",
                f"  {name}: kv/shared/datadog as variables, only the key api_key",
                f"  {name}: kv/app/{name}/* as variables",
            )
        ),
    )


def test_the_schema_is_the_published_one() -> None:
    assert schema() == schema_text()


def test_an_import_knows_the_branches_and_root_modules_of_the_repository(directory: Path) -> None:
    write(directory, {"atlantis.yaml": "version: 3\nprojects: [{dir: '*', terraform_version: 1.9.5}]\n"})
    imported = import_from_atlantis(directory / "atlantis.yaml")
    assert imported.text == (
        "# Made from atlantis.yaml by planward import.\n"
        "environments:\n"
        "  testing: {}\n"
        "  staging: {branch: staging}\n"
        "  production: {branch: production}\n"
        "root_modules:\n"
        '  - dir: "app"\n'
        '    required_version: "= 1.9.5"\n'
        "    environments:\n"
        '      production: {workspace: "default"}\n'
        '  - dir: "network"\n'
        '    required_version: "= 1.9.5"\n'
        "    environments:\n"
        '      production: {workspace: "default"}\n'
    )
    write(directory, {".github/planward.yml": imported.text})
    assert check(directory).exit_status == 0
    assert read_config(imported.text.encode(), branches=(), repository_name="x").root_modules is not None
    write(directory, {"atlantis.yaml": "version: 9\n"})
    with pytest.raises(ConfigInvalid):
        import_from_atlantis(directory / "atlantis.yaml")
