"""The config: its defaults, every key, and the exact complaint for every error."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghapp.repository_config import (
    BranchEnvironment,
    ConfigInvalid,
    Notify,
    Problem,
    RepositoryConfig,
    RootModuleConfig,
    RootModuleOverride,
    changed_keys,
    misplaced_config,
    model,
    placeholder_branch,
    read_config,
    read_config_in_force,
    with_root_modules_of,
)
from ghapp.values import TESTING, EnvironmentName
from ghapp.vault import SecretSource

STAGING, PRODUCTION = EnvironmentName("staging"), EnvironmentName("production")

EXAMPLE = Path(__file__).with_name("planward.yml").read_text()


def read(text: str, *branches: str) -> RepositoryConfig:
    return read_config(text.encode(), branches=branches, repository_name="infra")


def complaints(text: str | bytes) -> list[str]:
    """All complaints about a file, without the path that each begins with."""
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ConfigInvalid) as caught:
        read_config(content, branches=[], repository_name="infra")
    return [str(problem).removeprefix(".github/planward.yml:") for problem in caught.value.problems]


def environment(name: EnvironmentName, branch: str, **otherwise: object) -> BranchEnvironment:
    values: dict[str, object] = {"name": name, "branch": branch, "team": "infra", **otherwise}
    return BranchEnvironment(**values)  # type: ignore[arg-type]


def test_a_repository_without_a_config_has_the_environments_whose_branches_exist() -> None:
    found = read_config(None, branches=["main", "staging", "production"], repository_name="infra")
    assert found == RepositoryConfig(
        team="infra",
        testing=model.Testing(team="infra"),
        branch_environments={
            STAGING: environment(STAGING, "staging"),
            PRODUCTION: environment(PRODUCTION, "production", promote_from=STAGING),
        },
    )
    assert list(found.environments) == ["testing", "staging", "production"]


@pytest.mark.parametrize(
    ("branches", "names"),
    [((), ["testing"]), (("production",), ["testing", "production"]), (("staging",), ["testing", "staging"])],
)
def test_an_environment_without_a_branch_is_not_assumed(branches: tuple[str, ...], names: list[str]) -> None:
    found = read_config(None, branches=branches, repository_name="acme/infra")
    assert list(found.environments) == names
    assert [each.promote_from for each in found.branch_environments.values()] == [None] * len(names[1:])
    assert found.team == "infra"


@pytest.mark.parametrize("nothing", ["", "# only a comment\n", "---\n", "null\n", "{}\n", "\ufeff# comment\n"])
def test_an_empty_file_equals_no_file(nothing: str) -> None:
    assert read(nothing, "staging") == read_config(None, branches=["staging"], repository_name="infra")


def test_every_key_of_the_example_is_read() -> None:
    assert read(EXAMPLE) == RepositoryConfig(
        team="payments",
        testing=model.Testing(apply="on_merge", plan="always", team="payments"),
        branch_environments={
            STAGING: environment(STAGING, "staging", team="payments"),
            PRODUCTION: environment(
                PRODUCTION,
                "production",
                promote_from=STAGING,
                apply="manual",
                approvers=("acme/platform",),
                team="payments",
            ),
        },
        secrets=(
            SecretSource(path="kv/{team}/{branch}/*", form="tfvars"),
            SecretSource(path="kv/{team}/{branch}/env", form="env"),
            SecretSource(
                path="aws/creds/{team}-{branch}",
                form="env",
                map={"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY"},
            ),
        ),
        root_modules=(
            RootModuleConfig(
                dir="network",
                workspace="{environment}",
                var_files=("env/{environment}.tfvars",),
                backend_config=("env/{environment}.backend.hcl",),
            ),
        ),
        confirm=("destroy", "replace"),
        four_eyes=True,
        drafts="plan",
        trusted_bots=("dependabot[bot]", "renovate[bot]"),
        notify=(Notify(url="vault:kv/{team}/slack#url", on=("failed", "waiting", "applied", "promotion")),),
    )


def test_what_a_listed_environment_leaves_out_has_its_default() -> None:
    found = read("environments: {production: , staging: {team: sre}, eu/x: }".replace("eu/x", "eu"))
    assert found.testing == model.Testing(team="infra")
    assert found.branch_environments == {
        PRODUCTION: environment(PRODUCTION, "production", promote_from=STAGING),
        STAGING: environment(STAGING, "staging", team="sre"),
        EnvironmentName("eu"): environment(EnvironmentName("eu"), "eu"),
    }
    assert found.promoted_to("staging") == (found.branch_environments[PRODUCTION],)


def test_the_places_of_plans_are_read_with_their_defaults() -> None:
    found = read("environments: {testing: {plan: never}, staging: {preview: on_approval}, eu: }")
    assert found.testing == model.Testing(plan="never", team="infra")
    previews = {str(name): each.preview for name, each in found.branch_environments.items()}
    assert previews == {"staging": "on_approval", "eu": "always"}
    assert read("environments: {testing: , staging: }").testing.plan == "always"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "environments: {testing: {plan: never}, staging: {preview: never}}",
            "1:50: environments.staging.preview: never, together with testing: {plan: never}, leaves pull "
            "requests into "
            "staging without any plan; set one of them to always",
        ),
        (
            "environments: {testing: {plan: never, apply: on_merge}}",
            (
                "1:26: environments.testing.plan: never means that testing is left out, but apply is on_merge; "
                "remove one of them"
            ),
        ),
    ],
)
def test_a_pull_request_always_has_a_plan(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


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


def test_promotion_is_turned_off_by_null_and_not_assumed_from_an_environment_that_is_not_listed() -> None:
    assert read("environments: {staging: , production: {promote_from: null}}").branch_environments[
        PRODUCTION
    ] == environment(PRODUCTION, "production")
    assert read("environments: {production: }", "staging").branch_environments[PRODUCTION].promote_from is None


def test_an_environment_is_found_by_its_branch() -> None:
    found = read("environments: {eu: {branch: release/eu}}")
    assert found.environment_of_branch("release/eu") == found.environments[EnvironmentName("eu")]
    assert found.environment_of_branch("eu") is None
    assert placeholder_branch(found.environments[EnvironmentName("eu")]) == "release/eu"
    assert placeholder_branch(found.testing) == "testing"


def test_on_and_no_are_texts_as_in_yaml_1_2() -> None:
    found = read("notify: [{url: https://example.com/x, on: [failed]}]\nteam: no\n")
    assert found.notify == (Notify(url="https://example.com/x", on=("failed",)),)
    assert found.team == "no"


def test_defaults_of_entries_that_say_little() -> None:
    found = read(
        "secrets: [{path: kv/shared/x, field: token, map: {token: api_token}}]\n"
        "root_modules: [{dir: ./network/}, {dir: .}]\n"
        "environments: {staging: }\n"
        'notify: [{url: "mailto://ops@example.com"}]\n'
    )
    assert found.secrets == (
        SecretSource(path="kv/shared/x", form="tfvars", field="token", map={"token": "api_token"}),
    )
    assert found.root_modules == (RootModuleConfig(dir="network"), RootModuleConfig(dir="."))
    assert found.notify == (Notify(url="mailto://ops@example.com"),)
    assert read("secrets: []").secrets == ()


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


def test_anchors_are_followed() -> None:
    found = read("environments:\n  staging: &usual {apply: manual}\n  eu: *usual\nteam: &usual x\n")
    assert [each.apply for each in found.environments.values()] == ["never", "manual", "manual"]


def test_the_first_line_is_the_first_problem_and_says_how_many_there_are() -> None:
    text = "environments:\n  staging:\n    brnach: x\n"
    with pytest.raises(ConfigInvalid) as caught:
        read(text)
    assert str(caught.value) == (
        '.github/planward.yml:3:5: environments.staging.brnach: unknown key; did you mean "branch"?'
    )
    with pytest.raises(ConfigInvalid) as caught:
        read(f"{text}drafts: 1\n")
    assert str(caught.value) == (
        '.github/planward.yml:3:5: environments.staging.brnach: unknown key; did you mean "branch"? '
        "(and 1 more problem)"
    )
    assert (caught.value.problems[1].line, caught.value.problems[1].column) == (4, 9)


def test_a_problem_found_later_stands_at_the_nearest_key_of_the_file() -> None:
    found = read(EXAMPLE)
    assert str(found.problem("root_modules[0].workspace", "no")) == (
        ".github/planward.yml:17:5: root_modules[0].workspace: no"
    )
    assert str(found.problem("root_modules[0].team", "no")) == ".github/planward.yml:16:5: root_modules[0].team: no"
    assert str(found.problem("", "no")) == ".github/planward.yml:1:1: no"


KEYS = "team, environments, secrets, root_modules, confirm, four_eyes, drafts, trusted_bots, notify"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tem: x", '1:1: tem: unknown key; did you mean "team"?'),
        ("zzz: x", f"1:1: zzz: unknown key; known here: {KEYS}"),
        ("<<: {team: x}", f"1:1: <<: unknown key; known here: {KEYS}"),
        ("? [a]\n: b", "1:3: has a key that is not a text; write each key as one word"),
        ("[team]", "1:1: must be a mapping, found a list"),
        ("team", "1:1: must be a mapping, found a text"),
        ("team: 12", "1:7: team: must be a text, found a number; put it in quotes"),
        ("team: 2026-01-01", "1:7: team: must be a text, found a date; put it in quotes"),
        ("team: true", "1:7: team: must be a text, found true or false; put it in quotes"),
        ("team:", "1:6: team: must be a text, is empty; leave the key out for the default"),
        ("team: ''", "1:7: team: must be a text, is empty"),
        ("team: !mine x", "1:7: team: must be a text, found the tag !mine; put it in quotes"),
        (
            "team: a/b",
            '1:7: team: must be one part of a path in Vault: letters, digits, ".", "_" and "-", not "a/b"',
        ),
        ("team: ..", '1:7: team: must be one part of a path in Vault: letters, digits, ".", "_" and "-", not ".."'),
        ("four_eyes: yes", "1:12: four_eyes: must be true or false, found a text"),
        ("drafts: pln", '1:9: drafts: must be one of plan, skip, not "pln"; did you mean "plan"?'),
        ("drafts: [plan]", "1:9: drafts: must be one of plan, skip, found a list"),
        ("confirm: destroy", "1:10: confirm: must be a list of texts, found a text"),
        (
            "confirm: [destory]",
            "1:11: confirm[0]: must be destroy, replace or a resource type such as aws_db_instance, "
            'not "destory"; did you mean "destroy"?',
        ),
        ("confirm: [destroy, destroy]", '1:20: confirm[1]: is there twice: "destroy"; keep one of them'),
        (
            "trusted_bots: [dependabot]",
            '1:16: trusted_bots[0]: must be the login of a bot such as dependabot[bot], not "dependabot"; '
            'did you mean "dependabot[bot]"?',
        ),
        (
            "root_modules: [{dir: /etc/x}]",
            '1:22: root_modules[0].dir: must be relative to the repository, not "/etc/x"',
        ),
        ("root_modules: [{dir: 'a\\b'}]", '1:22: root_modules[0].dir: must be written with "/", not "\\": "a\\b"'),
        ('root_modules: [{dir: "a\\nb"}]', "1:22: root_modules[0].dir: has a character that cannot be printed"),
        ('team: "\\ud800"', "1:7: team: has a character that cannot be printed"),
        ('"a\\nb": x', f"1:1: a\\nb: unknown key; known here: {KEYS}"),
        (f"drafts: {'x' * 999}", f'1:9: drafts: must be one of plan, skip, not "{"x" * 467}…'),
        ("root_modules: [{dir: .git/x}]", '1:22: root_modules[0].dir: leads into git\'s own directory: ".git/x"'),
    ],
)
def test_a_key_or_value_that_does_not_fit_is_refused_at_its_place(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("staging: {}\n  staging: {}", "3:3: environments.staging: is there twice, first in line 2; keep one of them"),
        ("staging: 3", "2:12: environments.staging: must be a mapping, found a number"),
        ("a/b: {}", "2:3: environments.a/b: must be named by letters, digits, _ and -"),
        (
            "staging: {}\n  Staging: {branch: x}",
            '3:3: environments.Staging: differs from "staging" by case alone; choose another name',
        ),
        (
            "testing: {branch: main}",
            "2:13: environments.testing.branch: testing has no branch: pull requests are planned in it; "
            "give the branch to another environment",
        ),
        (
            "testing: {promote_from: staging}",
            "2:13: environments.testing.promote_from: nothing is promoted into testing; remove the key",
        ),
        (
            "testing: {approvers: [a]}",
            "2:13: environments.testing.approvers: testing has no approvers: who may write approves there; "
            "remove the key",
        ),
        (
            "testing: {apply: manual}",
            '2:20: environments.testing.apply: must be one of never, on_merge, not "manual"',
        ),
        (
            "staging: {apply: never}",
            '2:20: environments.staging.apply: must be one of automatic, manual, not "never"',
        ),
        (
            "staging: {branch: refs/heads/x}",
            '2:21: environments.staging.branch: must be the name of a branch, without refs/heads/, not "refs/heads/x"',
        ),
        (
            "staging: {branch: a..b}",
            '2:21: environments.staging.branch: must be the name of a branch, without refs/heads/, not "a..b"',
        ),
        (
            "staging: {branch: testing}",
            '2:21: environments.staging.branch: no environment may have the branch "testing": '
            "pull requests read the secrets of that name",
        ),
        (
            "staging: {branch: main}\n  eu: {branch: main}",
            '3:8: environments.eu.branch: staging and eu have the same branch "main"; give each its own',
        ),
        (
            "staging: {branch: eu}\n  eu: {}",
            '3:3: environments.eu.branch: staging and eu have the same branch "eu"; give each its own',
        ),
        (
            "staging: {}\n  eu: {promote_from: stging}",
            '3:22: environments.eu.promote_from: there is no environment "stging"; did you mean "staging"?',
        ),
        (
            "eu: {promote_from: prod}",
            '2:22: environments.eu.promote_from: there is no environment "prod"; no other has a branch',
        ),
        (
            "eu: {promote_from: testing}",
            "2:22: environments.eu.promote_from: testing has no branch to promote from; name another environment",
        ),
        (
            "eu: {promote_from: eu}",
            "2:22: environments.eu.promote_from: an environment cannot be promoted from itself",
        ),
        (
            "a: {promote_from: b}\n  b: {promote_from: a}",
            "2:7: environments.a.promote_from: goes round in a circle: a from b from a; remove one of them",
        ),
        (
            "eu: {approvers: ['@acme/sre']}",
            '2:20: environments.eu.approvers[0]: must be a login or a team as org/team, not "@acme/sre"; '
            'did you mean "acme/sre"?',
        ),
    ],
)
def test_an_environment_that_does_not_fit_is_refused(text: str, complaint: str) -> None:
    assert complaints(f"environments:\n  {text}\n") == [complaint]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", "1:11: secrets[0]: path is missing"),
        (
            "{path: kv/x, as: vars}",
            '1:28: secrets[0].as: must be one of tfvars, env, not "vars"; did you mean "tfvars"?',
        ),
        (
            '{path: "kv/{tem}/x"}',
            '1:18: secrets[0].path: unknown placeholder {tem}; did you mean "team"?',
        ),
        (
            '{path: "kv/{workspace}/x"}',
            "1:18: secrets[0].path: unknown placeholder {workspace}; "
            "known here: {team}, {branch}, {environment}, {operation}",
        ),
        ('{path: "kv/{team/x"}', '1:18: secrets[0].path: has a brace that is not part of a placeholder: "kv/{team/x"'),
        (
            "{path: kv/a/../b}",
            "1:18: secrets[0].path: must be a path in Vault such as kv/{team}/{branch}/*, without empty, "
            '"." and ".." parts: "kv/a/../b"',
        ),
        ("{path: kv/*/b}", '1:18: secrets[0].path: may have "*" only as its last part: "kv/*/b"'),
        (
            "{path: kv/x, as: env, map: {a: PATH}}",
            "1:42: secrets[0].map.a: PATH steers Terraform or the machine itself; a secret may not set it",
        ),
        (
            "{path: kv/x, as: env, map: {a: TF_WORKSPACE}}",
            "1:42: secrets[0].map.a: TF_WORKSPACE steers Terraform or the machine itself; a secret may not set it",
        ),
        (
            "{path: kv/x, as: env, map: {a: A-B}}",
            '1:42: secrets[0].map.a: must be the name of an environment variable, not "A-B"',
        ),
        ("{path: kv/x, map: {a: 1b}}", '1:33: secrets[0].map.a: must be the name of a variable, not "1b"'),
        ("{path: kv/x, map: {a: c, b: c}}", '1:39: secrets[0].map.b: two keys cannot both become "c"'),
        ("{path: kv/x, field: a, map: {b: c}}", '1:40: secrets[0].map.b: cannot rename "b": field takes "a" alone'),
    ],
)
def test_a_secret_that_does_not_fit_is_refused(text: str, complaint: str) -> None:
    assert complaints(f"secrets: [{text}]") == [complaint]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", "1:16: root_modules[0]: dir is missing"),
        ("{dir: ../x}", '1:22: root_modules[0].dir: leads out of the repository: "../x"'),
        (
            "{dir: 'a/*'}",
            '1:22: root_modules[0].dir: must name one directory, without "*" and placeholders: "a/*"',
        ),
        ("{dir: a}, {dir: a/}", '1:27: root_modules[1].dir: "a" is there twice, first in line 1; keep one of them'),
        (
            "{dir: a, depends_on: [a]}",
            "1:38: root_modules[0].depends_on[0]: a root module cannot depend on itself; remove it",
        ),
        (
            "{dir: a, depends_on: [b]}",
            '1:38: root_modules[0].depends_on[0]: there is no root module "b"; root_modules lists all that there are',
        ),
        (
            "{dir: a, depends_on: [b]}, {dir: b, depends_on: [a]}",
            "1:25: root_modules[0].depends_on: goes round in a circle: a needs b needs a; remove one of them",
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
            '1:40: root_modules[0].environments.eu: there is no environment "eu"; there are: testing',
        ),
        (
            "{dir: a, extra_arguments: [-target=x.y]}",
            "1:43: root_modules[0].extra_arguments[0]: -target is not allowed: part of a root module would count as "
            "all of it; split the root module",
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


UNIMPLEMENTED = {
    'policies: ["policy/*.rego"]': "1:1: policies: is not implemented in this version of Planward; remove the key",
    'drift: {schedule: "0 6 * * 1-5"}': "1:1: drift: is not implemented in this version of Planward; remove the key",
    "identity: [{audience: sts.amazonaws.com}]": (
        "1:1: identity: is not implemented in this version of Planward; remove the key"
    ),
    "environments: {testing: {apply: on_pull_request}}": (
        "1:33: environments.testing.apply: on_pull_request is not implemented in this version of Planward; use never "
        "or on_merge"
    ),
    "notify: [{url: https://h/x, on: [drift]}]": (
        "1:34: notify[0].on[0]: drift is not implemented in this version of Planward; use one of failed, waiting, "
        "applied, promotion"
    ),
}


@pytest.mark.parametrize("text", UNIMPLEMENTED)
def test_an_unimplemented_key_is_an_error_with_its_line(text: str) -> None:
    assert complaints(text) == [UNIMPLEMENTED[text]]


@pytest.mark.parametrize("text", UNIMPLEMENTED)
def test_who_decides_is_known_also_under_a_config_that_is_not_implemented_whole(text: str) -> None:
    found = read_config_in_force(f"{text}\nfour_eyes: false\n".encode(), branches=[], repository_name="infra")
    assert found.four_eyes is False
    assert [str(problem) for problem in found.unimplemented] == [f".github/planward.yml:{UNIMPLEMENTED[text]}"]
    with pytest.raises(ConfigInvalid, match="is not implemented in this version of Planward"):
        found.require_implemented()


@pytest.mark.parametrize(
    "path",
    [
        ".github/planward.yaml",
        ".github/Planward.yml",
        ".github/planwards.yml",
        ".github/plan-ward.yml",
        ".github/planwrad.yml",
        ".planward.yml",
        "planward.yaml",
    ],
)
def test_a_config_where_it_is_not_read_is_an_error(path: str) -> None:
    assert str(misplaced_config(["a.tf", ".github/planward.yml", path])) == (
        f"{path}:1:1: this file is not read: move what it says to .github/planward.yml, or rename it if it is "
        "something else"
    )


def test_a_config_at_its_place_and_files_of_other_names_are_no_error() -> None:
    others = ["docs/planward.yml", ".github/planward.md", ".github/workflows/planward.yml", ".github/planned.yml"]
    assert misplaced_config([".github/planward.yml", *others]) is None


def test_a_wrong_key_is_an_error_also_where_the_config_is_in_force() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read_config_in_force(b"drift: {}\ntem: x\n", branches=[], repository_name="infra")
    assert [problem.key for problem in caught.value.problems] == ["drift", "tem"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{on: [failed]}", "1:10: notify[0]: url is missing"),
        (
            "{url: hooks.example.com/secret}",
            "1:16: notify[0].url: must be an address such as https://…, vault:PATH#KEY or one of apprise's",
        ),
        (
            '{url: "https:///x"}',
            "1:16: notify[0].url: must be an address such as https://…, vault:PATH#KEY or one of apprise's: "
            "it names no host",
        ),
        (
            '{url: "vault:kv/x"}',
            "1:16: notify[0].url: must be an address such as https://…, vault:PATH#KEY or one of apprise's: "
            "vault: needs the path of one secret and #KEY",
        ),
        ('{url: "vault:kv/{tem}#a"}', '1:16: notify[0].url: unknown placeholder {tem}; did you mean "team"?'),
        (
            "{url: https://h/x, on: [fail]}",
            "1:34: notify[0].on[0]: must be one of failed, waiting, applied, promotion, "
            'not "fail"; did you mean "failed"?',
        ),
        (
            "{url: https://h/x, on: failed}",
            "1:33: notify[0].on: must be a list of failed, waiting, applied, promotion, found a text",
        ),
    ],
)
def test_a_notification_that_does_not_fit_is_refused_without_showing_its_address(text: str, complaint: str) -> None:
    assert complaints(f"notify: [{text}]") == [complaint]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a: [", "1:5: is not YAML: expected the node content, but found '<stream end>'"),
        (b"team: a: b", "1:8: is not YAML: mapping values are not allowed here"),
        (b"team: *x", "1:7: is not YAML: found undefined alias 'x'"),
        (b"a: b\n---\nc: d\n",
         "2:1: is not YAML: expected a single document in the stream, but found another document"),
        (b"team: a\ndrafts: \x07", "2:9: is not YAML: a character that YAML does not allow"),
        (b"team: a\nb: \xff", "2:4: is not UTF-8; save the file in that encoding"),
        (b"team: x\n" + b"#" * 262_144, "1:1: is larger than 256 KiB; make it smaller"),
        (b"%YAML 1.9\n---\nteam: a\n", "1:1: is not YAML 1.2; remove lines with %YAML"),
        (b"team: a\n%YAML 9.9\n", "1:1: is not YAML 1.2; remove lines with %YAML"),
        (b"[" * 5000, "1:1: is nested too deeply"),
        (b"team: &a [*a]", "1:7: team: must be a text, found a list"),
        (b"environments: &a {staging: *a}", "1:19: environments.staging.staging: unknown key; known here: branch, "
         "promote_from, preview, apply, parity, approvals, approvers, team"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_config_are_refused_with_their_line(content: bytes, complaint: str) -> None:
    assert complaints(content) == [complaint]


def test_all_problems_of_a_file_are_reported_in_its_order() -> None:
    text = """\
drafts: never
environments:
  production: {promote_from: stagin}
  staging: {brnach: x}
four_eyes: 1
team: a/b
"""
    assert [complaint.split(": ")[:2] for complaint in complaints(text)] == [
        ["1:9", "drafts"],
        ["3:30", "environments.production.promote_from"],
        ["4:13", "environments.staging.brnach"],
        ["5:12", "four_eyes"],
        ["6:7", "team"],
    ]


PIECES = st.sampled_from(
    [b"%YAML 1.1\n---\n", b"%TAG ! x\n", b"!!binary ", b"!!int x", b"&a ", b"*a", b"<<: ", b"? ", b": ", b"- ", b"|\n",
     b"{", b"}", b"[", b"]", b'"', b"'", b"\\", b"#", b"\n", b"  ", b"\t", b"---\n", b"...\n", b"\xff", b"\x00",
     b"!<x>", b"%YAML 9.9\n", b"null",
     b"~", b"1e999", b"2026-99-99", b'"\\uD800"', b"@", b"%", b"team", b"environments", b"{x}", b".."]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(EXAMPLE)), st.integers(0, 20), PIECES), min_size=1, max_size=8))
def test_a_mangled_file_is_read_or_refused_with_lines(changes: list[tuple[int, int, bytes]]) -> None:
    content = EXAMPLE.encode()
    for start, length, piece in changes:
        content = content[:start] + piece + content[start + length :]
    problems: tuple[Problem, ...] = ()
    try:
        read_config(content, branches=[], repository_name="infra")
    except ConfigInvalid as invalid:
        problems = invalid.problems
    lines = content.count(b"\n") + 2
    assert all(1 <= problem.line <= lines and problem.column >= 1 for problem in problems)
    assert all(str(problem).isprintable() for problem in problems)


def test_the_keys_that_a_change_of_the_config_is_about_are_named() -> None:
    before = read("environments: {staging: {approvals: 2, parity: hold}, old: {}}\nteam: net\n")
    after = read("environments: {staging: {}, testing: {apply: on_merge}}\nconfirm: [destroy]\n")
    assert changed_keys(before, after) == (
        "environments.testing.apply",
        "environments.testing.plan",
        "environments.staging.parity",
        "environments.staging.approvals",
        "environments.old",
        "team",
        "confirm",
    )
    assert changed_keys(after, after) == ()
