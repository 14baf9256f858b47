"""Terragrunt's units and Pulumi's projects are found, and changes to them are recognised."""

import pytest

from checks.configuration.other_tools import OtherTool, find_other_tools, touched_other_tool

UNIT = OtherTool(tool="Terragrunt", file="live/prod/vpc/terragrunt.hcl")
ROOT_UNIT = OtherTool(tool="Terragrunt", file="terragrunt.hcl")
PROJECT = OtherTool(tool="Pulumi", file="apps/web/Pulumi.yaml")


def test_units_and_projects_are_found_and_hidden_directories_are_passed_over() -> None:
    paths = [
        "network/main.tf",
        "live/prod/vpc/terragrunt.hcl",
        "live/prod/vpc/.terragrunt-cache/x/terragrunt.hcl",
        "live/stacks/a/terragrunt.stack.hcl",
        "apps/web/Pulumi.yaml",
        "apps/web/Pulumi.prod.yaml",
    ]
    assert find_other_tools(paths) == (
        PROJECT,
        UNIT,
        OtherTool(tool="Terragrunt", file="live/stacks/a/terragrunt.stack.hcl"),
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("live/prod/vpc/terragrunt.hcl", UNIT),
        ("live/prod/vpc/extra.yaml", UNIT),
        ("live/prod/env.yaml", UNIT),
        ("live/prod/vpc/README.md", None),
        ("common.hcl", UNIT),
        ("modules/vpc/main.tf", UNIT),
        ("apps/web/index.ts", PROJECT),
        ("apps/web/lib/deep/x.py", PROJECT),
        ("apps/web/README.md", None),
        ("apps/worker/index.ts", None),
        ("k8s/deploy.yaml", None),
        (".github/workflows/ci.yml", None),
        ("network/main.tf", None),
    ],
)
def test_a_change_that_touches_no_root_module_belongs_to_the_other_tool(path: str, expected: OtherTool | None) -> None:
    found = touched_other_tool([UNIT, PROJECT], [path], root_modules=["network"], touches_any=False)
    assert found == expected


@pytest.mark.parametrize("path", ["common.hcl", "modules/vpc/main.tf", "live/prod/env.yaml"])
def test_a_change_that_also_touches_a_root_module_is_planned(path: str) -> None:
    assert touched_other_tool([UNIT], [path], root_modules=["network"], touches_any=True) is None


def test_a_changed_unit_beside_a_root_module_is_reported_anyway() -> None:
    changed = ["network/main.tf", UNIT.file]
    assert touched_other_tool([UNIT], changed, root_modules=["network"], touches_any=True) == UNIT


def test_terraform_files_beside_a_unit_belong_to_the_unit() -> None:
    changed = ["live/prod/vpc/main.tf"]
    assert touched_other_tool([UNIT], changed, root_modules=["live/prod/vpc"], touches_any=True) == UNIT


def test_a_file_at_the_top_that_units_include_does_not_claim_every_file() -> None:
    assert touched_other_tool([ROOT_UNIT], ["versions.json"], root_modules=[], touches_any=False) is None
    assert touched_other_tool([ROOT_UNIT], ["terragrunt.hcl"], root_modules=[], touches_any=False) == ROOT_UNIT
