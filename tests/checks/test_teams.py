"""The repositories that may use a team's secrets."""

import pytest

from checks.authority.teams import (
    ClosedTeam,
    OpenTeam,
    OperatorsRules,
    RepositoryIdentity,
    open_by_operator,
    open_by_own_login,
    open_by_team,
)

NOBODY = OperatorsRules(teams={})


def repository(id: int = 7, full_name: str = "acme/shop", bound_name: str | None = "acme/shop") -> RepositoryIdentity:
    return RepositoryIdentity(id=id, full_name=full_name, bound_name=bound_name)


def operator(*patterns: str, team: str = "payments") -> OperatorsRules:
    return OperatorsRules(teams={team: patterns})


@pytest.mark.parametrize("pattern", ["acme/shop", "ACME/Shop", "acme/*", "acme/sh*", "*/shop", "7"])
def test_the_operator_opens_a_team_by_pattern(pattern: str) -> None:
    assert isinstance(open_by_operator("payments", repository(), operator(pattern)), OpenTeam)


@pytest.mark.parametrize(
    "pattern", ["acme/shops", "other/shop", "acme", "*", "shop", "acme/shop/x", "8", "acme/[s]hop"]
)
def test_a_pattern_that_does_not_fit_opens_nothing(pattern: str) -> None:
    assert open_by_operator("payments", repository(), operator(pattern)) is None


def test_the_operator_opens_no_other_team() -> None:
    assert open_by_operator("victim", repository(), operator("acme/*")) is None


def test_teams_compare_without_case() -> None:
    opened = open_by_operator("Payments", repository(), operator("acme/shop", team="PAYMENTS"))
    assert opened is not None
    assert opened.name == "Payments"


@pytest.mark.parametrize(
    ("case", "found"),
    [
        ("renamed: its bound name still means it", repository(full_name="acme/store")),
        ("renamed in another case", repository(full_name="Acme/store")),
    ],
)
def test_a_rename_keeps_what_the_bound_name_opens(case: str, found: RepositoryIdentity) -> None:
    assert isinstance(open_by_team("payments", found, "acme/shop"), OpenTeam), case


@pytest.mark.parametrize(
    ("case", "found"),
    [
        ("made again under an old name", repository(id=8, bound_name=None)),
        ("renamed to a name that is listed", repository(id=8, bound_name="acme/mallory")),
        ("transferred here under a name that is listed", repository(id=8, bound_name="mallory/shop")),
        ("transferred away", repository(full_name="mallory/shop")),
        ("of the same name, of another owner", repository(id=8, full_name="other/shop", bound_name="other/shop")),
    ],
)
@pytest.mark.parametrize("entry", ["acme/shop", "acme/*"])
def test_a_name_opens_a_team_only_to_the_first_repository_seen_under_it(
    case: str, found: RepositoryIdentity, entry: str
) -> None:
    if entry == "acme/*" and found.bound_name == "acme/mallory":
        return  # a repository of that owner, and the pattern means all of the owner's
    assert open_by_operator("payments", found, operator(entry)) is None, case
    assert isinstance(open_by_team("payments", found, entry), ClosedTeam), case


def test_a_number_holds_through_renames_and_transfers() -> None:
    moved = repository(full_name="other/store", bound_name="acme/shop")
    assert isinstance(open_by_team("payments", moved, "6, 7"), OpenTeam)


def test_the_team_itself_opens_no_patterns() -> None:
    assert isinstance(open_by_team("payments", repository(), "acme/*, *"), ClosedTeam)


def test_by_name_opens_the_team_with_the_repositorys_name_only_for_the_apps_owner() -> None:
    by_name = OperatorsRules(teams={}, app_owner="Acme")
    assert isinstance(open_by_operator("shop", repository(), by_name), OpenTeam)
    assert isinstance(open_by_operator("SHOP", repository(), by_name), OpenTeam)
    assert open_by_operator("victim", repository(), by_name) is None
    assert open_by_operator("shop", repository(full_name="other/shop", bound_name="other/shop"), by_name) is None
    assert open_by_operator("shop", repository(id=8, bound_name=None), by_name) is None
    assert open_by_operator("shop", repository(), NOBODY) is None
    assert open_by_operator("*", repository(), by_name) is None


def test_a_refusal_gives_the_command_that_the_team_would_type() -> None:
    refused = open_by_team("victim", repository(), None)
    assert refused == ClosedTeam(
        cause="acme/shop may not use the secrets of the team victim: whoever may write the team's secrets can allow it "
        "with `vault kv put kv/victim/planward repositories=7`. Then press Re-run."
    )


def test_a_refusal_does_not_show_whom_the_team_is_open_to() -> None:
    refused = open_by_team("victim", repository(), "acme/secret-project, 12345")
    assert isinstance(refused, ClosedTeam)
    assert "secret-project" not in refused.cause
    assert "12345" not in refused.cause
    assert (
        'vault kv put kv/victim/planward repositories="$(vault kv get -field=repositories kv/victim/planward),7"'
        in refused.cause
    )


def test_only_the_rules_of_access_create_an_open_team() -> None:
    with pytest.raises(TypeError):
        OpenTeam("victim", "I say so", object())
    assert open_by_own_login("victim").name == "victim"
