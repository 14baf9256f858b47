"""The paths in Vault that a config may name. Different values never fill a template to the same path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghapp.vault import SecretPathInvalid, SecretPathNotAllowed, SecretSource, VaultRun
from ghapp.vault.sources import fill, require_allowed

RUN = VaultRun(team="acme", environment="staging", branch="release/1", operation="plan")


def require(path: str, *patterns: str, run: VaultRun = RUN) -> None:
    require_allowed([SecretSource(path=path)], run, patterns)


@pytest.mark.parametrize(
    "path",
    ["kv/{team}/{branch}/*", "kv/{team}/{environment}", "kv/{team}/{branch}/{operation}/x"],
)
def test_a_path_below_the_teams_own_paths_is_allowed(path: str) -> None:
    require(path)


@pytest.mark.parametrize(
    "path",
    [
        "kv/acme/staging/*",
        "kv/{team}/*",
        "kv/{team}/staging/*",
        "kv/{team}x/{branch}/*",
        "kv/{team}/{branch}-x/*",
        "kv/{team}/planward",
        "secret/{team}/{branch}/*",
        "aws/creds/{team}",
    ],
)
def test_any_other_path_needs_the_operator(path: str) -> None:
    with pytest.raises(SecretPathNotAllowed, match="PLANWARD_SECRET_PATHS"):
        require(path)


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("aws/creds/{team}-{environment}", "aws/creds/{team}-{environment}"),
        ("aws/creds/acme-staging", "aws/creds/{team}-{environment}"),
        ("aws/creds/{team}-reader", "aws/creds/{team}-*"),
        ("kv/shared/datadog", "kv/shared/*"),
        ("kv/shared/a/b/*", "kv/shared/**"),
    ],
)
def test_the_operator_allows_by_pattern(path: str, pattern: str) -> None:
    require(path, "other/*", pattern)


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("aws/creds/victim-staging", "aws/creds/{team}-{environment}"),
        ("kv/shared/a/b", "kv/shared/*"),
        ("kv/sharedx", "kv/shared"),
        ("kv/a+b", "kv/a.b"),
    ],
)
def test_a_pattern_allows_only_the_paths_that_match_it(path: str, pattern: str) -> None:
    with pytest.raises(SecretPathNotAllowed):
        require(path, pattern)


def test_a_branch_does_not_lead_to_another_teams_part() -> None:
    pattern = "kv/shared/{team}-{branch}"
    acme = VaultRun(team="acme", environment="x", branch="pay-production", operation="plan")
    acme_pay = VaultRun(team="acme-pay", environment="production", branch="production", operation="plan")
    require(pattern, pattern, run=acme_pay)
    with pytest.raises(SecretPathInvalid) as refused:
        require(pattern, pattern, run=acme)
    assert str(refused.value) == (
        'the secrets\' path "kv/shared/{team}-{branch}" cannot be used with the branch "pay-production": the value '
        'contains the "-" that stands before {branch}, so another team could have the same path. In the template, '
        "write "
        '"/" there, or a text that no branch contains'
    )


def test_placeholders_with_nothing_between_them_are_refused() -> None:
    with pytest.raises(SecretPathInvalid, match="right after another placeholder"):
        require("kv/x/{team}{branch}", "**")


WORDS = st.text("ab-", min_size=1, max_size=5)


@given(WORDS, WORDS, WORDS, WORDS, st.sampled_from(["{team}-{branch}", "x/{team}-{branch}-y", "{branch}a{team}"]))
def test_two_fillings_that_come_to_the_same_text_are_the_same(
    team: str, branch: str, other_team: str, other_branch: str, template: str
) -> None:
    try:
        one = fill(template, {"team": team, "branch": branch}, what="a path")
        other = fill(template, {"team": other_team, "branch": other_branch}, what="a path")
    except SecretPathInvalid:
        return
    assert (one == other) == ((team, branch) == (other_team, other_branch))
