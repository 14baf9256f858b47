"""Atlantis' projects, workspaces and groups become root modules and environments."""

from typing import Any

import pytest

from tests.ghapp.atlantis.importing import config_lines, imported, notes_of


def workflow(backend_file: str, var_file: str) -> dict[str, Any]:
    init, plan = [f"-backend-config={backend_file}"], ["-var-file", var_file]
    return {"plan": {"steps": [{"init": {"extra_args": init}}, {"plan": {"extra_args": plan}}]}}


def test_projects_of_one_directory_become_the_environments_that_their_files_name() -> None:
    found = imported(
        {
            "version": 3,
            "projects": [
                {"name": "network-staging", "dir": "network", "workflow": "staging"},
                {"name": "network-production", "dir": "network", "workflow": "production"},
            ],
            "workflows": {
                "staging": workflow("backend/staging.hcl", "staging.tfvars"),
                "production": workflow("backend/prod.hcl", "prod.tfvars"),
            },
        }
    )
    assert config_lines(found) == [
        "environments:",
        "  testing: {}",
        "  staging: {branch: staging}",
        "  production: {branch: production}",
        "root_modules:",
        '  - dir: "network"',
        '    workspace: "{environment}"',
        "    environments:",
        '      staging: {workspace: "default", var_files: ["staging.tfvars"], backend_config: ["backend/staging.hcl"]}',
        '      production: {workspace: "default", var_files: ["prod.tfvars"], backend_config: ["backend/prod.hcl"]}',
    ]
    assert found.unresolved == ()
    assert (
        found.explained[-1]
        == "projects[1]: because of its files, its workflow and its name, it is taken to belong to production"
    )


def test_a_project_whose_files_and_name_contradict_each_other_is_left_to_a_person() -> None:
    found = imported(
        {
            "version": 3,
            "projects": [{"name": "network-staging", "dir": "network", "workflow": "w"}],
            "workflows": {"w": workflow("backend/prod.hcl", "prod.tfvars")},
        },
        branches=["staging", "production"],
    )
    assert config_lines(found) == ["root_modules:", '  - dir: "network"', '    workspace: "{environment}"']
    assert found.unresolved == (
        "projects[0]: production according to its files, staging according to its name: write its workspace and its "
        "files (prod.tfvars, backend/prod.hcl) under the right environment by hand",
    )


def test_files_of_one_environment_are_not_used_for_another() -> None:
    found = imported(
        {
            "version": 3,
            "projects": [{"dir": "network", "workspace": "production", "workflow": "w"}],
            "workflows": {"w": workflow("backend/prod.hcl", "prod.tfvars")},
        }
    )
    assert config_lines(found)[-2:] == [
        "    environments:",
        '      production: {var_files: ["prod.tfvars"], backend_config: ["backend/prod.hcl"]}',
    ]


def test_the_lost_settings_of_a_second_project_of_one_state_are_listed() -> None:
    found = imported(
        {
            "version": 3,
            "projects": [
                {"dir": "network", "workspace": "staging", "workflow": "one"},
                {"dir": "network", "workspace": "staging", "workflow": "two"},
                {"dir": "app", "workspace": "blue", "workflow": "two"},
                {"dir": "app", "workspace": "green", "workflow": "one"},
            ],
            "workflows": {"one": workflow("one.hcl", "one.tfvars"), "two": workflow("two.hcl", "two.tfvars")},
        }
    )
    assert found.unresolved == (
        "projects[1]: staging already has a state for network: move this project to another directory, with "
        "two.tfvars, two.hcl",
        'projects[2].workspace: "blue" is not an environment: assign the state to one with environments: {NAME: '
        "{workspace: blue}}, and list its files (two.tfvars, two.hcl) there too",
        'projects[3].workspace: "green" is not an environment: assign the state to one with environments: {NAME: '
        "{workspace: green}}, and list its files (one.tfvars, one.hcl) there too",
    )


def test_the_workspace_of_a_single_environment_is_kept() -> None:
    found = imported({"version": 3, "projects": [{"dir": ".", "workspace": "production"}]})
    assert config_lines(found) == [
        "environments:",
        "  testing: {}",
        "  production: {branch: production}",
        "root_modules:",
        '  - dir: "."',
        '    workspace: "{environment}"',
    ]


def test_a_leading_slash_means_the_top_of_the_repository() -> None:
    found = imported(
        {
            "version": 3,
            "projects": [
                {"name": "dev", "dir": "/infra/environments/dev", "workspace": "default"},
                {"name": "production", "dir": "/infra/environments/prod", "workspace": "default"},
            ],
        }
    )
    assert config_lines(found)[3:] == [
        "root_modules:",
        '  - dir: "infra/environments/dev"',
        "    environments:",
        '      testing: {workspace: "default"}',
        '  - dir: "infra/environments/prod"',
        "    environments:",
        '      production: {workspace: "default"}',
    ]
    assert found.unresolved[0] == (
        "projects[0].dir: it is for testing only, but Planward runs each root module in every environment: merge the "
        "directories of the environments into one, with a var file for each environment"
    )


def test_workspaces_of_one_directory_become_its_environments() -> None:
    projects = [{"dir": "a", "workspace": name} for name in ("staging", "production", "eu")]
    found = imported({"version": 3, "projects": projects}, branches=["eu", "main", "staging"])
    assert config_lines(found) == [
        "environments:",
        "  testing: {}",
        "  staging: {branch: staging}",
        "  production: {branch: production}",
        "  eu: {branch: eu}",
        "root_modules:",
        '  - dir: "a"',
        '    workspace: "{environment}"',
    ]
    assert found.unresolved == (
        "environments: there is no branch production: create it, or name the branch that is applied to production",
    )


def test_a_pattern_of_directories_is_written_out() -> None:
    value = {"version": 3, "projects": [{"dir": "live/**/net*"}, {"dir": "live/?/app"}]}
    found = imported(value, directories=["live/net", "live/x/y/network", "live/x/app", "live/xy/app", "other"])
    assert [line for line in config_lines(found) if "dir" in line] == [
        '  - dir: "live/net"',
        '  - dir: "live/x/y/network"',
        '  - dir: "live/x/app"',
    ]


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ({}, []),
        ({"autodiscover": {"mode": "enabled"}}, []),
        ({"autodiscover": {"mode": "disabled"}}, ["root_modules: []"]),
        ({"autodiscover": {"ignore_paths": ["b*"]}}, ["root_modules:", '  - dir: "a"']),
        (
            {"autodiscover": {"mode": "enabled"}, "projects": [{"dir": "c", "terraform_version": 1.9}]},
            ["root_modules:", '  - dir: "c"', '    required_version: "= 1.9"', '  - dir: "a"', '  - dir: "b1"'],
        ),
    ],
)
def test_directories_that_atlantis_discovers_are_left_to_planward_or_written_out(
    value: dict[str, Any], lines: list[str]
) -> None:
    assert config_lines(imported({"version": 3, **value}, directories=["a", "b1"])) == lines


def test_a_default_workflow_counts_for_projects_that_name_none() -> None:
    steps = [{"plan": {"extra_args": ["-var-file", "$WORKSPACE.tfvars", "--refresh=false"]}}, "show"]
    value = {
        "version": 3,
        "projects": [{"dir": "a", "workspace": "staging"}],
        "workflows": {"default": {"plan": {"steps": steps}}},
    }
    assert config_lines(imported(value)) == [
        "environments:",
        "  testing: {}",
        "  staging: {branch: staging}",
        "root_modules:",
        '  - dir: "a"',
        '    workspace: "{environment}"',
        '    var_files: ["{workspace}.tfvars"]',
        '    extra_arguments: ["-refresh=false"]',
    ]


def test_groups_that_go_round_in_a_circle_with_depends_on_are_left_out() -> None:
    projects = [
        {"dir": "a", "name": "a", "workspace": "staging", "depends_on": ["b"]},
        {"dir": "b", "name": "b", "workspace": "staging", "execution_order_group": 1},
    ]
    found = imported({"version": 3, "projects": projects})
    assert "projects: depends_on is left out because it forms a cycle: a needs b needs a" in notes_of(found)
    assert not any("depends_on" in line for line in config_lines(found))


def test_groups_that_are_too_large_to_write_out_are_named() -> None:
    projects = [{"dir": f"d{n}", "workspace": "staging", "execution_order_group": n % 2} for n in range(60)]
    assert imported({"version": 3, "projects": projects}).unresolved == (
        "projects[].execution_order_group: too many dependencies to write out: if a root module needs "
        "another one but does not read the state of that one, list it under depends_on",
    )
