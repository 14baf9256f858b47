"""Atlantis' repository config becomes a valid config, and no key is lost silently."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghapp.atlantis import Imported, import_atlantis
from ghapp.atlantis.keys import AUTOPLAN, PROJECT, TOP_LEVEL
from ghapp.repository_config import ConfigInvalid, read_config

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
    "policies: this version of Planward judges no policies: run conftest in CI, as a required check of its own",
    "workflows.staging.plan.steps[0].env: an environment variable comes from Vault (kv/{team}/{branch}/env), a value "
    'from a var file; "command" is not run',
    "workflows.staging.plan.steps[1].init.extra_args: -backend-config=bucket=x: -backend-config is not allowed: name a "
    "file in backend_config",
    "workflows.staging.plan.steps[2].plan.extra_args: -target=x: -target is not allowed: part of a root module would "
    "count as all of it; split the root module",
    "workflows.staging.plan.steps[3].run: commands of a pull request would run with the environment's credentials; use "
    "Terraform, or CI before it",
    'projects[2].workflow: "on-the-server" is defined on Atlantis\' server: carry its arguments over by hand',
    'projects[3].workspace: "eu-west-1" is no environment: say whose state it is by environments: {NAME: {workspace: '
    "eu-west-1}}",
    'projects[1].workflow: leads out of the repository: "../../outside.tfvars"',
)
EXPLAINED = (
    "automerge: a merge comes before the apply, and people press it",
    "parallel_plan: root modules that do not depend on each other are always planned side by side",
    "workflows.staging.plan.steps[1].init.extra_args: -reconfigure: every run begins with a fresh init",
    "workflows.staging.plan.steps[2].plan.extra_args: -lock=false: applies lock, plans of pull requests write nothing "
    "and do not",
    "projects[0].name, projects[1].name, projects[2].name: Planward names a root module by its directory",
    "projects[0].branch: environments say which branches there are; every pull request into one of them is planned",
    "projects[0].autoplan.enabled: the check gates the merge, so whatever is touched is planned",
    "projects[0].autoplan.when_modified: Terraform's own files are found: the root module's, those of modules that it "
    "calls, var files and the lock file",
    "projects[0].autoplan.when_modified: !*.md: no path is left out: where one too many is watched, a plan too many is "
    "made",
    "projects[1].apply_requirements, projects[2].apply_requirements: GitHub does that: branch protection requires "
    "reviews and the check; planward doctor says what is missing",
    'projects[1].workspace: the workspace "prod" is taken for the environment production',
    "projects[2].workspace: the one state that Atlantis kept (workspace default) is taken for production's",
)


def imported(value: object, **otherwise: Any) -> Imported:
    return import_atlantis(json.dumps(value).encode(), **otherwise)


def notes_of(found: Imported) -> tuple[str, ...]:
    return (*found.unresolved, *found.explained)


def config_lines(found: Imported) -> list[str]:
    return [line for line in found.text.splitlines() if not line.startswith("#")]


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
"""Every key of Atlantis 0.47, as the structs in its server/core/config/raw have them."""

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
"""Those that say something in Planward's config; what of their content does not is named by itself."""


def with_key(place: str, key: str) -> tuple[dict[str, Any], str]:
    """A file that has this key, with a value that fits, and where it stands."""
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


def test_what_is_written_passes() -> None:
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
def test_when_atlantis_plans_is_named(key: str) -> None:
    found = imported({"version": 3, "projects": [{"dir": "a", "workspace": "staging", "autoplan": {key: []}}]})
    assert notes_of(found) == (f"projects[0].autoplan.{key}: {AUTOPLAN[key]}",)


@pytest.mark.parametrize(
    ("value", "note"),
    [
        ({"wat": 1}, "wat: is no key of Atlantis' that is known here"),
        ({"projects": [{"dir": "a", "workspace": "staging", "x": 1}]}, "projects[0].x: is no key of Atlantis' that is "
         "known here"),
        ({"projects": 3}, "projects: is not understood: it is no list"),
        ({"projects": [{}]}, "projects[0].dir: is not understood: it is no text"),
        ({"projects": [{"dir": "../x"}]}, 'projects[0].dir: leads out of the repository: "../x"'),
        ({"projects": [{"dir": "a/*"}]}, 'projects[0].dir: no root module is meant by "a/*"'),
        ({"projects": [{"dir": "a", "workspace": "staging", "terraform_version": "new"}]},
         'projects[0].terraform_version: is not understood: "new"'),
        ({"projects": [{"dir": "a", "workspace": "staging", "depends_on": ["b"]}]},
         'projects[0].depends_on: there is no project "b"'),
        ({"projects": [{"dir": "a", "workspace": "staging", "execution_order_group": "x"}]},
         "projects[0].execution_order_group: is not understood: it is no number"),
        ({"projects": [{"dir": "a"}]}, "projects[0].workspace: Atlantis kept one state (workspace default), here each "
         "environment has its own: say whose it is by environments: {NAME: {workspace: default}}"),
        ({"projects": [{"dir": "a", "workspace": "staging"}, {"dir": "a", "workspace": "staging", "name": None}]},
         "projects[1]: staging has one state of a already; this one needs a directory of its own"),
        ({"autodiscover": {"mode": "auto", "x": 1}}, "autodiscover.x: is no key of Atlantis' that is known here"),
        ({"workflows": {"w": {"destroy": {}}}}, "workflows.w.destroy: is no key of Atlantis' that is known here"),
        ({"workflows": {"w": {"plan": {"steps": [{"multienv": "x"}]}}}}, "workflows.w.plan.steps[0].multienv: "
         "environment variables come from Vault (kv/{team}/{branch}/env); commands are not run"),
        ({"workflows": {"w": {"plan": {"steps": ["terragrunt"]}}}}, "workflows.w.plan.steps[0]: \"terragrunt\" is no "
         "key of Atlantis' that is known here"),
        ({"workflows": {"w": {"plan": {"steps": [{"plan": {"extra_args": ["-var-file=$DIR.tfvars"]}}]}}}},
         "workflows.w.plan.steps[0].plan.extra_args: -var-file=$DIR.tfvars: of Atlantis' variables only $WORKSPACE is "
         "known here"),
    ],
)  # fmt: skip
def test_parts_that_cannot_be_converted_are_listed_with_the_reason(value: dict[str, Any], note: str) -> None:
    assert note in imported({"version": 3, **value}).unresolved


def test_commands_for_which_terraform_has_blocks_are_explained() -> None:
    steps: list[dict[str, Any]] = [{"import": {"extra_args": []}}]
    found = imported({"version": 3, "workflows": {"w": {"import": {"steps": steps}}}})
    assert found.unresolved == ()
    assert found.explained == (
        "workflows.w.import.steps[0].import: an import block is planned, reviewed and applied as every change; there "
        "is no command",
    )


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
    assert found.explained[-1] == "projects[1]: by its files, its workflow and its name it is taken for production"


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
        "projects[0]: its files says production, its name says staging: write its workspace and its files "
        "(prod.tfvars, backend/prod.hcl) under the right one by hand",
    )


def test_files_of_one_environment_are_no_other_environments() -> None:
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
        "projects[1]: staging has one state of network already; this one needs a directory of its own, with "
        "two.tfvars, two.hcl",
        'projects[2].workspace: "blue" is no environment: say whose state it is by environments: {NAME: {workspace: '
        "blue}}, and its files (two.tfvars, two.hcl)",
        'projects[3].workspace: "green" is no environment: say whose state it is by environments: {NAME: {workspace: '
        "green}}, and its files (one.tfvars, one.hcl)",
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
        "projects[0].dir: it holds testing alone, and Planward runs each root module in every environment: bring the "
        "directories of the environments together, with a var file for each"
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
        "environments: there is no branch production: make it, or name the one that is applied to production",
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
    assert "projects: depends_on is left out, it goes round in a circle: a needs b needs a" in notes_of(found)
    assert not any("depends_on" in line for line in config_lines(found))


def test_groups_that_are_too_large_to_write_out_are_named() -> None:
    projects = [{"dir": f"d{n}", "workspace": "staging", "execution_order_group": n % 2} for n in range(60)]
    assert imported({"version": 3, "projects": projects}).unresolved == (
        "projects[].execution_order_group: too many to write out: name in depends_on what a root module needs and "
        "does not read the state of",
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "atlantis.yaml:1:1: must be a mapping with version and projects"),
        (b"[1]", "atlantis.yaml:1:1: must be a mapping with version and projects"),
        (b"projects: []", "atlantis.yaml:1:1: version: must be 3 or 2, not None; is this a repository's config of "
         "Atlantis?"),
        (b"a: [", "atlantis.yaml:1:5: is not YAML: expected the node content, but found '<stream end>'"),
        (b"version: 3\nversion: 3", 'atlantis.yaml:1:1: is not YAML: found duplicate key "version" with value "3" '
         '(original value: "3")'),
    ],
)  # fmt: skip
def test_a_file_that_is_none_of_atlantis_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        import_atlantis(content)
    assert [str(problem) for problem in caught.value.problems] == [complaint]


WORDS = st.sampled_from(
    ["a", "b/c", "../x", "/x", "*", "live/**", "{x}", "default", "staging", "prod", "eu west", "v1.2.3", "1.x", "init",
     "plan", "-var-file=x", "-var-file", "-backend-config=$WORKSPACE.hcl", "-parallelism=3", "-target=x", "$X", "",
     "w", ".", "é", "a\nb", "x'\"y", "testing", "~", "-lock-timeout 5m", "a\\b", "#"]
)  # fmt: skip
SCALARS = st.one_of(WORDS, WORDS, st.text(max_size=4), st.none(), st.booleans(), st.integers(-1, 3))
LOOSE = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(WORDS, SCALARS, max_size=2))
PROJECTS = st.fixed_dictionaries(
    {"dir": SCALARS},
    optional={
        key: st.one_of(LOOSE, st.lists(WORDS, max_size=2))
        for key in ("name", "workspace", "workflow", "terraform_version", "depends_on", "execution_order_group",
                    "autoplan", "branch", "wat")
    },
)  # fmt: skip
STEPS = st.one_of(
    WORDS,
    st.dictionaries(
        st.sampled_from(["init", "plan", "apply", "run", "env", "x"]),
        st.one_of(LOOSE, st.fixed_dictionaries({"extra_args": st.lists(WORDS, max_size=4)})),
        max_size=2,
    ),
)
STAGES = st.dictionaries(
    st.sampled_from(["plan", "apply", "x"]),
    st.one_of(LOOSE, st.fixed_dictionaries({"steps": st.lists(STEPS, max_size=3)})),
    max_size=2,
)
FILES = st.fixed_dictionaries(
    {"version": st.just(3)},
    optional={
        "projects": st.one_of(LOOSE, st.lists(PROJECTS, max_size=4)),
        "workflows": st.one_of(LOOSE, st.dictionaries(st.sampled_from(["w", "default"]), STAGES, max_size=2)),
        "autodiscover": st.one_of(LOOSE, st.fixed_dictionaries({"mode": WORDS, "ignore_paths": LOOSE})),
        "policies": st.one_of(
            LOOSE, st.fixed_dictionaries({"policy_sets": st.lists(st.dictionaries(WORDS, LOOSE, max_size=2))})
        ),
        "automerge": LOOSE,
    },
)


@settings(max_examples=200, deadline=None)
@given(FILES, st.lists(st.sampled_from(["main", "staging", "production", "w"]), max_size=3))
def test_whatever_is_imported_passes(value: dict[str, Any], branches: list[str]) -> None:
    found = imported(value, branches=branches, directories=["a", "live/x"])
    read_config(found.text.encode(), branches=branches, repository_name="infra")
