"""Branches and their protection, as values."""

import dataclasses
from typing import Any

from ghapp.doctor.protection_check import Guarded, ProtectionCheck, State
from ghapp.github import PullRequestRule, RequiredCheck, RuleSource

APP_ID = 4711
STRICT = RuleSource(
    name='the ruleset "main"',
    ruleset_id=1,
    pull_request=PullRequestRule(
        approvals=1, code_owners=True, dismisses_stale_reviews=True, resolves_conversations=True
    ),
    checks=(RequiredCheck(context="planward/plan", app_id=APP_ID),),
    up_to_date=True,
    denies_force_pushes=True,
    denies_deletion=True,
    required_deployments=("staging",),
)


def guarded(*sources: RuleSource, **differs: Any) -> Guarded:
    """The branch of production, into which staging is promoted, protected by these sources."""
    told: dict[str, Any] = {
        "environment": "production",
        "branch": "production",
        "sees_classic": True,
        "app_id": APP_ID,
        "four_eyes": True,
        "has_code_owners": True,
        "promotes_from": "staging",
        "allows_merge_commits": True,
    }
    return Guarded(**{**told, **differs}, sources=sources)


def strict(**differs: Any) -> RuleSource:
    """A ruleset with every gate, except for the given differences."""
    return dataclasses.replace(STRICT, **differs)


def asking(**differs: Any) -> RuleSource:
    """A ruleset with every gate, except for the given differences in its rule about pull requests."""
    assert STRICT.pull_request is not None
    return strict(pull_request=dataclasses.replace(STRICT.pull_request, **differs))


def not_met(gates: tuple[ProtectionCheck, ...]) -> dict[str, tuple[str, str]]:
    return {gate.name: (gate.state.value, gate.said) for gate in gates if gate.state != State.MET}
