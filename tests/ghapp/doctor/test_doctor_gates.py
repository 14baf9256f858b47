"""Each gate of a branch: met, missing, advice or unseen."""

import pytest

from ghapp.doctor.branch_checks import check_branch
from ghapp.doctor.protection_check import ProtectionCheck, State
from ghapp.github import Bypass, RequiredCheck, RuleSource
from tests.ghapp.doctor.protection import STRICT, asking, guarded, not_met, strict

OWNERS = Bypass(who="the organization's owners", always=True)
OWNERS_MERGING = Bypass(who="the organization's owners", always=False)


def test_if_one_ruleset_has_every_gate_and_nobody_bypasses_it_all_are_met() -> None:
    assert not_met(check_branch(guarded(STRICT))) == {}
    assert [gate.name for gate in check_branch(guarded(STRICT))] == [
        "pull_request",
        "check",
        "check_source",
        "reviews",
        "stale_reviews",
        "code_owners",
        "conversations",
        "direct_pushes",
        "force_pushes",
        "deletion",
        "administrators",
        "up_to_date",
        "merge_commits",
        "required_deployments",
    ]


def test_several_rulesets_and_classic_protection_add_up() -> None:
    checks = strict(name="classic protection", ruleset_id=None, pull_request=None, denies_deletion=False)
    reviews = strict(checks=(), denies_force_pushes=False, up_to_date=False)
    assert not_met(check_branch(guarded(checks, reviews))) == {}


CHECK_SETTING = (
    'rule required_status_checks ("Require status checks to pass"): context planward/plan, integration_id 4711 '
    "(app_id in classic protection)"
)


@pytest.mark.parametrize(
    ("source", "name", "said", "setting"),
    [
        (
            strict(checks=(RequiredCheck(context="planward/plan"),)),
            "check_source",
            "planward/plan may come from any source: anybody with write access can post a green one",
            CHECK_SETTING,
        ),
        (
            strict(checks=(RequiredCheck(context="planward/plan", app_id=15368),)),
            "check_source",
            "planward/plan has to come from the App 15368, not from this one (4711)",
            CHECK_SETTING,
        ),
        (
            asking(approvals=0),
            "reviews",
            "no approving review is required",
            "pull_request.required_approving_review_count: 1",
        ),
        (
            asking(dismisses_stale_reviews=False),
            "stale_reviews",
            "an approval stays valid when more commits are pushed",
            "pull_request.dismiss_stale_reviews_on_push: true",
        ),
        (
            asking(code_owners=False),
            "code_owners",
            "code owners do not have to review",
            "pull_request.require_code_owner_review: true",
        ),
        (
            asking(resolves_conversations=False),
            "conversations",
            "unresolved conversations do not block a merge",
            "pull_request.required_review_thread_resolution: true",
        ),
        (
            asking(exempt=("hubot", "deployers")),
            "direct_pushes",
            "hubot and deployers may push without a pull request",
            'remove them from the bypass list of the ruleset "main", or let them bypass for pull requests only',
        ),
        (
            strict(denies_force_pushes=False),
            "force_pushes",
            "force pushes are not denied",
            'rule non_fast_forward ("Block force pushes")',
        ),
        (
            strict(denies_deletion=False),
            "deletion",
            "the branch can be deleted",
            'rule deletion ("Restrict deletions")',
        ),
        (
            strict(bypass=(OWNERS_MERGING,)),
            "administrators",
            "the organization's owners may merge without a pull request",
            'empty the bypass list of the ruleset "main"; in classic protection, enforce_admins: true',
        ),
        (
            strict(up_to_date=False),
            "up_to_date",
            "a branch that is behind its base may be merged: the merge may differ from what was planned",
            "required_status_checks.strict_required_status_checks_policy: true, or the rule merge_queue",
        ),
        (
            strict(linear_history=True),
            "merge_commits",
            "a linear history is required: after a promotion is squashed or rebased, the next one has conflicts",
            'remove required_linear_history from the ruleset "main"',
        ),
        (
            asking(merge_methods=("squash",)),
            "merge_commits",
            "the rules do not allow merge commits: after a promotion is squashed or rebased, the next one has "
            "conflicts",
            'allowed_merge_methods of the ruleset "main": add merge',
        ),
    ],
)
def test_a_missing_gate_says_what_is_wrong_and_what_to_set(
    source: RuleSource, name: str, said: str, setting: str
) -> None:
    [gate] = [gate for gate in check_branch(guarded(source)) if gate.state != State.MET]
    assert gate == ProtectionCheck(name=name, state=State.MISSING, said=said, setting=setting)


def test_a_branch_that_nothing_protects_lacks_every_gate() -> None:
    missing = not_met(check_branch(guarded()))
    assert missing.pop("required_deployments")[0] == "advice"
    assert missing == {
        "pull_request": ("missing", "no pull request is required"),
        "check": ("missing", "planward/plan is not a required check"),
        "reviews": ("missing", "no approving review is required"),
        "stale_reviews": ("missing", "an approval stays valid when more commits are pushed"),
        "code_owners": ("missing", "code owners do not have to review"),
        "conversations": ("missing", "unresolved conversations do not block a merge"),
        "direct_pushes": ("missing", "direct pushes are not denied"),
        "force_pushes": ("missing", "force pushes are not denied"),
        "deletion": ("missing", "the branch can be deleted"),
        "administrators": (
            "missing",
            "a pull request and planward/plan are not required of anybody, administrators included",
        ),
        "up_to_date": (
            "missing",
            "a branch that is behind its base may be merged: the merge may differ from what was planned",
        ),
    }


def test_somebody_who_can_always_bypass_can_push_directly_and_merge_without_the_check() -> None:
    assert not_met(check_branch(guarded(strict(bypass=(OWNERS,))))) == {
        "direct_pushes": ("missing", "the organization's owners may push without a pull request"),
        "administrators": ("missing", "the organization's owners may merge without a pull request"),
    }


def test_a_bypass_of_one_source_does_not_count_if_nobody_bypasses_another_with_the_same_gate() -> None:
    assert not_met(check_branch(guarded(strict(bypass=(OWNERS,)), STRICT))) == {}


def test_a_bypass_list_that_an_app_cannot_see_is_neither_met_nor_missing() -> None:
    assert not_met(check_branch(guarded(strict(bypass=None)))) == {
        "direct_pushes": (
            "unseen",
            'an App cannot see who may push past the pull request rule: the bypass list of the ruleset "main"',
        ),
        "administrators": (
            "unseen",
            'an App cannot see who may bypass the rules: the bypass list of the ruleset "main"',
        ),
    }


def test_if_classic_protection_cannot_be_seen_a_missing_gate_says_so() -> None:
    gates = check_branch(guarded(strict(denies_deletion=False), sees_classic=False))
    said = "the branch can be deleted, as far as rulesets go; classic protection cannot be seen"
    assert not_met(gates) == {"deletion": ("missing", said)}


def test_a_merge_queue_is_as_good_as_being_up_to_date() -> None:
    assert not_met(check_branch(guarded(strict(up_to_date=False, merge_queue=True)))) == {}


def test_without_four_eyes_missing_reviews_are_only_advice() -> None:
    alone = asking(approvals=0, dismisses_stale_reviews=False, code_owners=False)
    states = {name: state for name, (state, _) in not_met(check_branch(guarded(alone, four_eyes=False))).items()}
    assert states == {"reviews": "advice", "stale_reviews": "advice", "code_owners": "advice"}


def test_code_owners_are_advice_where_there_is_no_file_that_names_them() -> None:
    gates = check_branch(guarded(asking(code_owners=False), has_code_owners=False))
    said = "code owners do not have to review (there is no CODEOWNERS file yet)"
    assert not_met(gates) == {"code_owners": ("advice", said)}


def test_a_required_deployment_to_the_environment_before_is_advice() -> None:
    said = "GitHub itself does not require a successful deployment to staging, which would be a second safeguard"
    gates = check_branch(guarded(strict(required_deployments=())))
    assert not_met(gates) == {"required_deployments": ("advice", said)}


def test_promotions_need_merge_commits_of_the_repository_and_other_branches_do_not() -> None:
    said = (
        "the repository does not allow merge commits: after a promotion is squashed or rebased, the next one has "
        "conflicts"
    )
    assert not_met(check_branch(guarded(STRICT, allows_merge_commits=False))) == {"merge_commits": ("missing", said)}
    assert not_met(check_branch(guarded(STRICT, allows_merge_commits=False, promotes_from=None))) == {}
