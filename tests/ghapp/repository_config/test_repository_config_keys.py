"""The config: its defaults, and the meaning of every key."""

import pytest

from ghapp.repository_config import (
    Notify,
    RepositoryConfig,
    RootModuleConfig,
    changed_keys,
    model,
    placeholder_branch,
    read_config,
)
from ghapp.values import EnvironmentName
from ghapp.vault import SecretSource
from tests.ghapp.repository_config.reading import EXAMPLE, PRODUCTION, STAGING, environment, read


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


def test_omitted_keys_of_a_listed_environment_have_their_defaults() -> None:
    found = read("environments: {production: , staging: {team: sre}, eu/x: }".replace("eu/x", "eu"))
    assert found.testing == model.Testing(team="infra")
    assert found.branch_environments == {
        PRODUCTION: environment(PRODUCTION, "production", promote_from=STAGING),
        STAGING: environment(STAGING, "staging", team="sre"),
        EnvironmentName("eu"): environment(EnvironmentName("eu"), "eu"),
    }


def test_plan_and_preview_are_read_with_their_defaults() -> None:
    found = read("environments: {testing: {plan: never}, staging: {preview: on_approval}, eu: }")
    assert found.testing == model.Testing(plan="never", team="infra")
    previews = {str(name): each.preview for name, each in found.branch_environments.items()}
    assert previews == {"staging": "on_approval", "eu": "always"}
    assert read("environments: {testing: , staging: }").testing.plan == "always"


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


def test_anchors_are_followed() -> None:
    found = read("environments:\n  staging: &usual {apply: manual}\n  eu: *usual\nteam: &usual x\n")
    assert [each.apply for each in found.environments.values()] == ["never", "manual", "manual"]


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
