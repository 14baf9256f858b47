"""Atlantis' repository config becomes a valid config, and no key is lost silently."""

from typing import Any

import pytest

from ghapp.atlantis import Imported, import_atlantis
from ghapp.atlantis.keys import AUTOPLAN, PROJECT, TOP_LEVEL
from ghapp.repository_config import read_config
from tests.ghapp.atlantis.importing import imported, notes_of

FULL = """\
version: 3
automerge: true
parallel_plan: true
policies:
  owners: {users: [jo]}
  policy_sets:
    - {name: rules, path: policy/aws, source: local}
    - {name: theirs, path: policies/x, source: github}
projects:
  - name: network-staging
    branch: /main/
    dir: network
    workspace: staging
    terraform_version: v1.9.5
    autoplan: {when_modified: ["*.tf", "../json/**", "!*.md"], enabled: true}
    workflow: staging
  - &production
    name: network-production
    dir: ./network/
    workspace: prod
    workflow: production
    terraform_version: v1.9.5
    apply_requirements: [approved]
  - <<: *production
    name: app
    dir: app
    depends_on: [network-production]
    workspace: default
    workflow: on-the-server
  - dir: eu
    workspace: eu-west-1
    execution_order_group: 1
workflows:
  staging:
    plan:
      steps:
        - env: {name: AWS_REGION, value: eu-west-1}
        - init: {extra_args: ["-backend-config=env/$WORKSPACE.hcl", -reconfigure, -backend-config=bucket=x]}
        - plan: {extra_args: ["-var-file", staging.tfvars, -lock=false, -parallelism=5, -target=x]}
        - run: ./check.sh
    apply: {steps: [apply]}
  production:
    plan:
      steps:
        - init: {extra_args: ["-backend-config=env/${WORKSPACE}.hcl"]}
        - plan: {extra_args: ["-var-file=production.tfvars -var-file ../../outside.tfvars"]}
"""

WRITTEN = """\
# Made from atlantis.yaml by planward import.
environments:
  testing: {}
  staging: {branch: staging}
  production: {branch: production}
root_modules:
  - dir: "network"
    workspace: "{environment}"
    backend_config: ["env/{workspace}.hcl"]
    watch: ["../json/**"]
    required_version: "= 1.9.5"
    environments:
      staging: {var_files: ["staging.tfvars"], extra_arguments: ["-parallelism=5"]}
      production: {workspace: "prod", var_files: ["production.tfvars"]}
  - dir: "app"
    depends_on: ["network"]
    required_version: "= 1.9.5"
    environments:
      production: {workspace: "default"}
  - dir: "eu"
    depends_on: ["network", "app"]
"""

UNRESOLVED = (
    "policies: this version of Planward does not evaluate policies: run conftest in CI, as a required check of its own",
    "workflows.staging.plan.steps[0].env: put an environment variable into Vault (kv/{team}/{branch}/env), or give "
    'Terraform the value in a var file; "command" is not run',
    "workflows.staging.plan.steps[1].init.extra_args: -backend-config=bucket=x: -backend-config is not allowed: name a "
    "file in backend_config",
    "workflows.staging.plan.steps[2].plan.extra_args: -target=x: -target is not allowed: a part of the root module "
    "would count as the whole; split the root module",
    "workflows.staging.plan.steps[3].run: commands of a pull request would run with the environment's credentials; "
    "use Terraform instead, or run them in CI",
    'projects[2].workflow: "on-the-server" is defined on Atlantis\' server: copy its arguments by hand',
    'projects[3].workspace: "eu-west-1" is not an environment: assign the state to one with environments: {NAME: '
    "{workspace: eu-west-1}}",
    'projects[1].workflow: leads out of the repository: "../../outside.tfvars"',
)
EXPLAINED = (
    "automerge: Planward applies after the merge, and people press the merge button",
    "parallel_plan: root modules that do not depend on each other are always planned side by side",
    "workflows.staging.plan.steps[1].init.extra_args: -reconfigure: every run begins with a fresh init",
    "workflows.staging.plan.steps[2].plan.extra_args: -lock=false: applies lock the state; plans of pull requests "
    "write nothing, so they do not",
    "projects[0].name, projects[1].name, projects[2].name: Planward names a root module by its directory",
    "projects[0].branch: environments name the branches; every pull request into one of these is planned",
    "projects[0].autoplan.enabled: the check gates the merge, so every touched root module is planned",
    "projects[0].autoplan.when_modified: Planward finds these by itself: files of the root module and of modules that "
    "it calls, var files, the lock file",
    "projects[0].autoplan.when_modified: !*.md: exclusions are ignored: at worst, Planward makes a plan that was not "
    "necessary",
    "projects[1].apply_requirements, projects[2].apply_requirements: GitHub does that: branch protection requires "
    "reviews and the check; planward doctor says what is missing",
    'projects[1].workspace: the workspace "prod" is taken to be the environment production',
    "projects[2].workspace: the one state that Atlantis kept (workspace default) is taken to be production's",
)


def test_a_whole_file_is_carried_over_or_named() -> None:
    assert import_atlantis(FULL.encode()) == Imported(text=WRITTEN, unresolved=UNRESOLVED, explained=EXPLAINED)


EVERY_KEY = {
    "": (
        "abort_on_execution_order_fail allowed_regexp_prefixes autodiscover automerge delete_source_branch_on_merge "
        "emoji_reaction parallel_apply parallel_plan policies projects repo_locks silence_pr_comments version workflows"
    ),
    "autodiscover.": "ignore_paths mode",
    "projects[0].": (
        "apply_requirements autoplan branch custom_policy_check delete_source_branch_on_merge depends_on dir "
        "execution_order_group import_requirements name plan_requirements policy_check repo_locking repo_locks "
        "silence_pr_comments terraform_distribution terraform_version workflow workspace"
    ),
    "projects[0].autoplan.": "enabled when_modified",
    "workflows.w.": "apply import plan policy_check state_rm",
    "workflows.w.plan.": "steps",
    "workflows.w.plan.steps[0].": "apply env import init multienv plan policy_check run show state_rm",
    "workflows.w.plan.steps[0].plan.": "extra_args",
}
"""Every key of Atlantis 0.47, from the structs in its server/core/config/raw."""

CARRIED = {
    "": "autodiscover projects version workflows",
    "autodiscover.": "ignore_paths mode",
    "projects[0].": "autoplan depends_on dir execution_order_group terraform_version workflow workspace",
    "projects[0].autoplan.": "when_modified",
    "workflows.w.": "apply import plan policy_check state_rm",
    "workflows.w.plan.": "steps",
    "workflows.w.plan.steps[0].": "apply init plan",
    "workflows.w.plan.steps[0].plan.": "extra_args",
}
"""The keys with a counterpart in Planward's config; parts of their content that have none are named separately."""


def with_key(place: str, key: str) -> tuple[dict[str, Any], str]:
    """A file with this key and a valid value for it, and the key's position."""
    lists = ("projects", "policy_sets", "steps", "extra_args", "ignore_paths", "depends_on", "when_modified")
    value: Any = {
        "version": 3,
        "execution_order_group": 1,
        "terraform_version": "1.9.5",
        "path": "policy",
        "dir": "a",
        "workspace": "staging",
    }.get(
        key, [] if key in lists else {} if key in ("policies", "autodiscover", "autoplan", "workflows") else "default"
    )
    if key in ("apply", "import", "plan", "policy_check", "state_rm") and place == "workflows.w.":
        value = {"steps": []}
    elif key in ("apply", "init", "plan") and place.endswith("steps[0]."):
        value = {"extra_args": ["-parallelism=3"]}
    document: dict[str, Any] = {"version": 3}
    here: Any = document
    for part in place.rstrip(".").split(".") if place else []:
        name, _, index = part.partition("[")
        if index:
            here[name] = [{"dir": "a", "workspace": "staging"} if name == "projects" else {}]
            here = here[name][0]
        else:
            here[name] = {}
            here = here[name]
    here[key] = value
    if key == "workflow":
        document["workflows"] = {value: {}}
    return document, f"{place}{key}"


@pytest.mark.parametrize(("place", "key"), [(place, key) for place, keys in EVERY_KEY.items() for key in keys.split()])
def test_every_key_of_atlantis_is_carried_over_or_named_with_the_reason(place: str, key: str) -> None:
    document, where = with_key(place, key)
    found = imported(document, branches=["staging"], directories=["a"])
    assert not any("is no key of Atlantis" in note for note in notes_of(found))
    named = any(note.startswith((f"{where}:", f"{where},")) for note in notes_of(found))
    assert named is not (key in CARRIED.get(place, "").split()), notes_of(found)


def test_the_written_config_is_valid() -> None:
    found = read_config(WRITTEN.encode(), branches=[], repository_name="infra")
    assert found.root_modules is not None
    assert [root_module.dir for root_module in found.root_modules] == ["network", "app", "eu"]


@pytest.mark.parametrize("key", sorted(TOP_LEVEL))
def test_every_key_at_the_top_that_is_not_carried_over_is_named(key: str) -> None:
    assert notes_of(imported({"version": 3, key: True})) == (f"{key}: {TOP_LEVEL[key]}",)


@pytest.mark.parametrize("key", sorted(PROJECT))
def test_every_key_of_a_project_that_is_not_carried_over_is_named(key: str) -> None:
    found = imported({"version": 3, "projects": [{"dir": "a", "workspace": "staging", key: "x"}]})
    assert notes_of(found) == (f"projects[0].{key}: {PROJECT[key]}",)


@pytest.mark.parametrize("key", sorted(AUTOPLAN))
def test_every_key_of_autoplan_that_is_not_carried_over_is_named(key: str) -> None:
    found = imported({"version": 3, "projects": [{"dir": "a", "workspace": "staging", "autoplan": {key: []}}]})
    assert notes_of(found) == (f"projects[0].autoplan.{key}: {AUTOPLAN[key]}",)


@pytest.mark.parametrize(
    ("value", "note"),
    [
        ({"wat": 1}, "wat: is not a key of Atlantis that Planward knows"),
        ({"projects": [{"dir": "a", "workspace": "staging", "x": 1}]}, "projects[0].x: is not a key of "
         "Atlantis that Planward knows"),
        ({"projects": 3}, "projects: is not understood: it is not a list"),
        ({"projects": [{}]}, "projects[0].dir: is not understood: it is not a string"),
        ({"projects": [{"dir": "../x"}]}, 'projects[0].dir: leads out of the repository: "../x"'),
        ({"projects": [{"dir": "a/*"}]}, 'projects[0].dir: no root module matches "a/*"'),
        ({"projects": [{"dir": "a", "workspace": "staging", "terraform_version": "new"}]},
         'projects[0].terraform_version: is not understood: "new"'),
        ({"projects": [{"dir": "a", "workspace": "staging", "depends_on": ["b"]}]},
         'projects[0].depends_on: there is no project "b"'),
        ({"projects": [{"dir": "a", "workspace": "staging", "execution_order_group": "x"}]},
         "projects[0].execution_order_group: is not understood: it is not a number"),
        ({"projects": [{"dir": "a"}]}, "projects[0].workspace: Atlantis kept one state (workspace default), but here "
         "each environment has its own: assign it with environments: {NAME: {workspace: default}}"),
        ({"projects": [{"dir": "a", "workspace": "staging"}, {"dir": "a", "workspace": "staging", "name": None}]},
         "projects[1]: staging already has a state for a: move this project to another directory"),
        ({"autodiscover": {"mode": "auto", "x": 1}}, "autodiscover.x: is not a key of Atlantis that Planward knows"),
        ({"workflows": {"w": {"plan": {"steps": "init"}}}},
         "workflows.w.plan.steps: is not understood: it is not a list"),
        ({"workflows": {"w": {"plan": {"steps": [{"init": "-upgrade"}]}}}},
         "workflows.w.plan.steps[0].init: is not understood: it is not a mapping"),
        ({"projects": [{"dir": "a", "autoplan": "off"}]},
         "projects[0].autoplan: is not understood: it is not a mapping"),
        ({"workflows": {"w": {"destroy": {}}}}, "workflows.w.destroy: is not a key of Atlantis that Planward knows"),
        ({"workflows": {"w": {"plan": {"steps": [{"multienv": "x"}]}}}}, "workflows.w.plan.steps[0].multienv: "
         "environment variables come from Vault (kv/{team}/{branch}/env); commands are not run"),
        ({"workflows": {"w": {"plan": {"steps": ["terragrunt"]}}}}, "workflows.w.plan.steps[0]: \"terragrunt\" is not "
         "a key of Atlantis that Planward knows"),
        ({"workflows": {"w": {"plan": {"steps": [{"plan": {"extra_args": ["-var-file=$DIR.tfvars"]}}]}}}},
         "workflows.w.plan.steps[0].plan.extra_args: -var-file=$DIR.tfvars: of Atlantis' variables, only $WORKSPACE "
         "is supported"),
    ],
)  # fmt: skip
def test_parts_that_cannot_be_converted_are_listed_with_the_reason(value: dict[str, Any], note: str) -> None:
    assert note in imported({"version": 3, **value}).unresolved


def test_commands_for_which_terraform_has_blocks_are_explained() -> None:
    steps: list[dict[str, Any]] = [{"import": {"extra_args": []}}]
    found = imported({"version": 3, "workflows": {"w": {"import": {"steps": steps}}}})
    assert found.unresolved == ()
    assert found.explained == (
        "workflows.w.import.steps[0].import: an import block is planned, reviewed and applied like every other "
        "change; there is no command",
    )
