"""Each gate that a ruleset or classic protection on the local GitHub lacks is reported with its setting."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ghapp.doctor.branch_checks import check_branch
from ghapp.doctor.protection_check import State
from ghapp.doctor.wanted import wanted_ruleset
from ghapp.local_github import LocalGitHub
from tests.ghapp.doctor.protection import STRICT, guarded
from tests.ghapp.doctor.shop import Shop


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A gate, the change of a ruleset that makes it missing, and other gates that this change makes missing, too."""

    gate: str
    setting: str
    drop: tuple[str, ...] = ()
    change: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    add: tuple[dict[str, Any], ...] = ()
    bypass: tuple[dict[str, Any], ...] = ()
    classic: Mapping[str, Any] | None = None
    """The same change in classic protection, or None if classic protection has no such setting."""
    also: tuple[str, ...] = ()


FROM_THIS_APP = (
    'rule required_status_checks ("Require status checks to pass"): context planward/plan, integration_id {app} '
    "(app_id in classic protection)"
)
REVIEWS = {
    "required_approving_review_count": 1,
    "dismiss_stale_reviews": True,
    "require_code_owner_reviews": True,
}
OWNERS_ALWAYS = {"actor_type": "OrganizationAdmin", "actor_id": 1, "bypass_mode": "always"}
ROWS = [
    Row(
        gate="pull_request",
        setting='rule pull_request ("Require a pull request before merging")',
        drop=("pull_request",),
        classic={"required_pull_request_reviews": None},
        also=("reviews", "stale_reviews", "code_owners", "conversations", "direct_pushes", "administrators"),
    ),
    Row(
        gate="check",
        setting=FROM_THIS_APP,
        drop=("required_status_checks",),
        classic={"required_status_checks": None},
        also=("administrators", "up_to_date"),
    ),
    Row(
        gate="check_source",
        setting=FROM_THIS_APP,
        change={"required_status_checks": {"required_status_checks": [{"context": "planward/plan"}]}},
        classic={"required_status_checks": {"strict": True, "contexts": ["planward/plan"]}},
    ),
    Row(
        gate="reviews",
        setting="pull_request.required_approving_review_count: 1",
        change={"pull_request": {"required_approving_review_count": 0}},
        classic={"required_pull_request_reviews": {**REVIEWS, "required_approving_review_count": 0}},
    ),
    Row(
        gate="stale_reviews",
        setting="pull_request.dismiss_stale_reviews_on_push: true",
        change={"pull_request": {"dismiss_stale_reviews_on_push": False}},
        classic={"required_pull_request_reviews": {**REVIEWS, "dismiss_stale_reviews": False}},
    ),
    Row(
        gate="code_owners",
        setting="pull_request.require_code_owner_review: true",
        change={"pull_request": {"require_code_owner_review": False}},
        classic={"required_pull_request_reviews": {**REVIEWS, "require_code_owner_reviews": False}},
    ),
    Row(
        gate="conversations",
        setting="pull_request.required_review_thread_resolution: true",
        change={"pull_request": {"required_review_thread_resolution": False}},
        classic={"required_conversation_resolution": False},
    ),
    Row(
        gate="direct_pushes",
        setting="remove them from the bypass list of {source}, or let them bypass for pull requests only",
        bypass=(OWNERS_ALWAYS,),
        also=("administrators",),
    ),
    Row(
        gate="force_pushes",
        setting='rule non_fast_forward ("Block force pushes")',
        drop=("non_fast_forward",),
        classic={"allow_force_pushes": True},
    ),
    Row(
        gate="deletion",
        setting='rule deletion ("Restrict deletions")',
        drop=("deletion",),
        classic={"allow_deletions": True},
    ),
    Row(
        gate="administrators",
        setting="empty the bypass list of {source}; in classic protection, enforce_admins: true",
        bypass=({**OWNERS_ALWAYS, "bypass_mode": "pull_request"},),
    ),
    Row(
        gate="administrators",
        setting="empty the bypass list of {source}; in classic protection, enforce_admins: true",
        bypass=(OWNERS_ALWAYS,),
        classic={"enforce_admins": False},
        also=("direct_pushes",),
    ),
    Row(
        gate="up_to_date",
        setting="required_status_checks.strict_required_status_checks_policy: true, or the rule merge_queue",
        change={"required_status_checks": {"strict_required_status_checks_policy": False}},
        classic={
            "required_status_checks": {"strict": False, "checks": [{"context": "planward/plan", "app_id": "OURS"}]}
        },
    ),
    Row(
        gate="merge_commits",
        setting="remove required_linear_history from {source}",
        add=({"type": "required_linear_history"},),
        classic={"required_linear_history": True},
    ),
    Row(
        gate="merge_commits",
        setting="allowed_merge_methods of {source}: add merge",
        change={"pull_request": {"allowed_merge_methods": ["squash"]}},
    ),
]


def ruleset_without(row: Row, app_id: int) -> dict[str, Any]:
    """A ruleset that applies to every branch, with the change of the row."""
    whole = wanted_ruleset(guarded(app_id=app_id))
    rules = [
        {**rule, "parameters": {**rule.get("parameters", {}), **row.change.get(rule["type"], {})}}
        for rule in whole["rules"]
        if rule["type"] not in row.drop
    ]
    conditions = {"ref_name": {"include": ["~ALL"], "exclude": []}}
    return {**whole, "name": "main", "conditions": conditions, "rules": [*rules, *row.add], "bypass_actors": row.bypass}


def protection_without(row: Row, app_id: int) -> dict[str, Any]:
    """Classic protection with the change of the row, and otherwise with every gate."""
    assert row.classic is not None
    whole = {
        "required_status_checks": {"strict": True, "checks": [{"context": "planward/plan", "app_id": app_id}]},
        "required_pull_request_reviews": REVIEWS,
        "required_conversation_resolution": True,
        "enforce_admins": True,
        "restrictions": None,
    }
    asked: dict[str, Any] = json.loads(json.dumps({**whole, **row.classic}).replace('"OURS"', str(app_id)))
    return asked


@pytest.fixture(scope="module")
def unprotected(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Shop"]:
    """A shop for many tests, each of which protects it in its own way."""
    with LocalGitHub(tmp_path_factory.mktemp("shop") / "github") as github:
        yield Shop(github)
        assert github.unexpected == []


TOLD = [
    *(("repository", row) for row in ROWS),
    # GitHub lists an organisation's rulesets like a repository's.
    *(("organization", row) for row in ROWS[:3]),
    *(("classic", row) for row in ROWS if row.classic is not None),
]


@pytest.mark.parametrize(("kind", "row"), TOLD, ids=[f"{kind}-{row.gate}" for kind, row in TOLD])
def test_a_gate_that_is_missing_on_github_is_named_with_its_setting(unprotected: "Shop", kind: str, row: Row) -> None:
    shop = unprotected
    source = "classic protection" if kind == "classic" else 'the ruleset "main"'
    if kind != "classic":
        body = ruleset_without(row, shop.app.id)
        path = "/orgs/acme/rulesets" if kind == "organization" else "/repos/acme/shop/rulesets"
        shop.ask("POST", path, json=body)
    else:
        shop.rest("PUT", "/branches/production/protection", json=protection_without(row, shop.app.id))
    try:
        gates = {gate.name: gate for gate in shop.gates("production") if gate.state == State.MISSING}
    finally:
        shop.repository.rulesets.clear()
        shop.repository.protections.clear()
    assert gates[row.gate].setting == row.setting.format(app=shop.app.id, source=source)
    assert set(gates) == {row.gate, *row.also}


def test_every_gate_has_a_row() -> None:
    assert {row.gate for row in ROWS} == {gate.name for gate in check_branch(guarded(STRICT))} - {
        "required_deployments"  # this gate is advice, never missing
    }
