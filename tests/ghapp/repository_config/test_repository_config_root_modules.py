"""Entries of root_modules: their meaning, and invalid ones."""

import json
from dataclasses import replace

import pytest

from ghapp.repository_config import RootModuleConfig, RootModuleOverride, with_root_modules_of
from ghapp.values import TESTING
from tests.ghapp.repository_config.reading import STAGING, complaints, read


def test_root_modules_of_another_config_do_not_bring_their_teams() -> None:
    base = read(
        "root_modules: [{dir: app, team: pay, environments: {staging: {team: ops}}}]\nenvironments: {staging: }\n"
    )
    other = read(
        "team: victim\nsecrets: []\nenvironments: {staging: {team: victim}}\n"
        "root_modules: [{dir: app, team: victim, workspace: x}, {dir: new, team: victim, "
        "environments: {staging: {team: victim, workspace: y}}}]\n"
    )
    assert with_root_modules_of(base, other) == replace(
        base,
        root_modules=(
            RootModuleConfig(
                dir="app", team="pay", workspace="x", environments={STAGING: RootModuleOverride(team="ops")}
            ),
            RootModuleConfig(dir="new", environments={STAGING: RootModuleOverride(workspace="y")}),
        ),
    )


def test_a_root_module_has_other_settings_in_an_environment() -> None:
    found = read(
        "root_modules:\n"
        "  - dir: network\n"
        "    team: network\n"
        "    extra_arguments: [-parallelism=30, -compact-warnings, -lock-timeout=5m]\n"
        '    required_version: ">= 1.9, < 2.0.0-beta1"\n'
        "    depends_on: [./base]\n"
        "    environments:\n"
        '      testing: {workspace: "{team}", var_files: [], backend_config: [x.hcl], team: sandbox}\n'
        "  - {dir: base}\n"
    )
    assert found.root_modules is not None
    assert found.root_modules[0] == RootModuleConfig(
        dir="network",
        team="network",
        extra_arguments=("-parallelism=30", "-compact-warnings", "-lock-timeout=5m"),
        required_version=">= 1.9, < 2.0.0-beta1",
        depends_on=("base",),
        environments={
            TESTING: RootModuleOverride(workspace="{team}", var_files=(), backend_config=("x.hcl",), team="sandbox")
        },
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", "1:16: root_modules[0]: dir is missing"),
        ("{dir: ../x}", '1:22: root_modules[0].dir: leads out of the repository: "../x"'),
        (
            "{dir: 'a/*'}",
            '1:22: root_modules[0].dir: must name one directory, without "*" and placeholders: "a/*"',
        ),
        ("{dir: a}, {dir: a/}", '1:27: root_modules[1].dir: "a" occurs twice, first in line 1; keep one of them'),
        (
            "{dir: a, depends_on: [a]}",
            "1:38: root_modules[0].depends_on[0]: a root module cannot depend on itself; remove it",
        ),
        (
            "{dir: a, depends_on: [b]}",
            '1:38: root_modules[0].depends_on[0]: there is no root module "b"; list it in root_modules too',
        ),
        (
            "{dir: a, depends_on: [b]}, {dir: b, depends_on: [a]}",
            "1:25: root_modules[0].depends_on: forms a cycle: a needs b needs a; remove one of these dependencies",
        ),
        (
            "{dir: a/b, var_files: [../../../x.tfvars]}",
            '1:39: root_modules[0].var_files[0]: leads out of the repository: "../../../x.tfvars"',
        ),
        (
            "{dir: a, var_files: [/x.tfvars]}",
            '1:37: root_modules[0].var_files[0]: must be relative to a/, not "/x.tfvars"',
        ),
        (
            '{dir: a, var_files: ["{enviroment}.tfvars"]}',
            '1:37: root_modules[0].var_files[0]: unknown placeholder {enviroment}; did you mean "environment"?',
        ),
        (
            "{dir: a, backend_config: [bucket=x]}",
            '1:42: root_modules[0].backend_config[0]: must be a file, not a setting: write "bucket=x" into a file '
            "and name that",
        ),
        (
            '{dir: a, workspace: "a b"}',
            '1:36: root_modules[0].workspace: must be the name of a workspace: letters, digits, ".", "_" and "-", '
            'not "a b"',
        ),
        (
            '{dir: a, workspace: "{workspace}"}',
            "1:36: root_modules[0].workspace: unknown placeholder {workspace}; known here: "
            "{team}, {branch}, {environment}, {root_module}",
        ),
        (
            "{dir: a, required_version: newest}",
            "1:43: root_modules[0].required_version: must be a constraint on versions such as >= 1.9, < 2, "
            'not "newest"',
        ),
        (
            "{dir: a, environments: {eu: {}}}",
            '1:40: root_modules[0].environments.eu: there is no environment "eu"; choose one of: testing',
        ),
        (
            "{dir: a, extra_arguments: [-target=x.y]}",
            "1:43: root_modules[0].extra_arguments[0]: -target is not allowed: a part of the root module would count "
            "as the whole; split the root module",
        ),
        (
            "{dir: a, extra_arguments: [--state=x]}",
            "1:43: root_modules[0].extra_arguments[0]: -state is not allowed: name the state in the backend block or "
            "in backend_config",
        ),
        (
            "{dir: a, extra_arguments: [-parallelism=0]}",
            "1:43: root_modules[0].extra_arguments[0]: must be -parallelism=N, -refresh=false, "
            '-lock-timeout=DURATION or -compact-warnings, not "-parallelism=0"; other arguments would change what is '
            "planned or what Planward reads",
        ),
    ],
)
def test_a_root_module_that_does_not_fit_is_refused(text: str, complaint: str) -> None:
    assert complaints(f"root_modules: [{text}]") == [complaint]


@pytest.mark.parametrize(
    "argument",
    ["-out=x", "-chdir=..", "-lock=false", "-var=a=b", "-var-file=x", "-backend-config=x", "-destroy", "-json",
     "-input=true", "-replace=a.b", "-exclude=a.b", "-state-out=x", "-detailed-exitcode", "-parallelism=10 -out=x",
     "-refresh=false\n-out=x", "plan", "--", "-generate-config-out=x", "-refresh-only", "-parallelism=1000"],
)  # fmt: skip
def test_arguments_that_change_what_is_planned_or_where_state_lies_are_refused(argument: str) -> None:
    (complaint,) = complaints(f"root_modules: [{{dir: a, extra_arguments: [{json.dumps(argument)}]}}]")
    assert complaint.startswith("1:43: root_modules[0].extra_arguments[0]: ")
