"""The gate, as tables: vouching, merging, applying and promoting."""

import pytest

from checks import gate
from checks.confirmations import ToConfirm
from checks.plan.parity import ChangeSummary
from checks.promotion import PromotionFacts, decide_promotion

# --- before credentials ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("differs", "by"),
    [
        ({}, "ada"),
        ({"author": "renovate[bot]", "author_is_bot": True, "author_can_write": False}, "renovate[bot]"),
        ({"same_repository": False, "approved_by": "grace"}, "grace"),
        ({"author_can_write": False, "approved_by": "grace"}, "grace"),
    ],
)
def test_code_is_vouched_for(differs: dict[str, object], by: str) -> None:
    vouched = gate.vouch(**{**ADA, **differs})  # type: ignore[arg-type]
    assert isinstance(vouched, gate.Vouched)
    assert vouched.by == by


@pytest.mark.parametrize(
    ("differs", "cause"),
    [
        ({"same_repository": False}, "this pull request comes from a fork"),
        ({"author_can_write": False}, "ada has no write access"),
        ({"author": "evil[bot]", "author_is_bot": True}, "evil[bot] is a bot that is not listed in trusted_bots"),
        # a trusted bot's name does not help a fork
        ({"author": "renovate[bot]", "author_is_bot": True, "same_repository": False}, "comes from a fork"),
        # a person with a bot's name is a person
        ({"author": "renovate[bot]", "author_can_write": False}, "no write access"),
    ],
)
def test_code_that_nobody_with_write_vouches_for_is_held(differs: dict[str, object], cause: str) -> None:
    held = gate.vouch(**{**ADA, **differs})  # type: ignore[arg-type]
    assert isinstance(held, gate.Hold)
    assert cause in held.cause
    assert held.button == "approve_plan"


ADA: dict[str, object] = {
    "author": "ada",
    "same_repository": True,
    "author_is_bot": False,
    "author_can_write": True,
    "trusted_bots": ("renovate[bot]",),
    "approved_by": None,
}


ASKED: dict[str, object] = {
    "environment": "staging",
    "on_approval": False,
    "author": "ada",
    "same_repository": True,
    "author_is_bot": False,
    "author_can_write": True,
    "previewed_by": None,
}


@pytest.mark.parametrize(
    ("differs", "by"),
    [
        ({}, "ada"),
        ({"on_approval": True, "previewed_by": "grace"}, "grace"),
        ({"same_repository": False, "previewed_by": "grace"}, "grace"),
        ({"author_is_bot": True, "untrusted_pusher": "renovate[bot]", "previewed_by": "grace"}, "grace"),
    ],
)
def test_code_is_vouched_for_in_the_target(differs: dict[str, object], by: str) -> None:
    vouched = gate.vouch_preview(**{**ASKED, **differs})  # type: ignore[arg-type]
    assert isinstance(vouched, gate.Vouched)
    assert vouched.by == by


@pytest.mark.parametrize(
    ("differs", "cause"),
    [
        ({"same_repository": False}, "this pull request comes from a fork"),
        ({"author": "renovate[bot]", "author_is_bot": True}, "renovate[bot] is a bot"),
        ({"untrusted_pusher": "renovate[bot]"}, "the newest commit was pushed by renovate[bot], a bot"),
        ({"author_can_write": False}, "ada has no write access"),
        (
            {"on_approval": True},
            "someone with write access who neither wrote nor pushed any commit of this pull request",
        ),
        ({"on_approval": True, "four_eyes": False}, "someone with write access has to press Preview"),
    ],
)
def test_code_that_nobody_vouches_for_in_the_target_waits_for_preview(differs: dict[str, object], cause: str) -> None:
    held = gate.vouch_preview(**{**ASKED, **differs})  # type: ignore[arg-type]
    assert isinstance(held, gate.Hold)
    assert held.cause.startswith("Not previewed in staging yet: ")
    assert cause in held.cause
    assert held.button == "preview"


def test_only_the_gate_creates_its_proofs() -> None:
    with pytest.raises(TypeError, match=r"only checks\.gate creates"):
        gate.Vouched("grace", object())
    with pytest.raises(TypeError, match=r"only checks\.gate\.decide_apply creates"):
        gate.Proceed("r", "staging", "network", "d", object())


# --- may it be merged ------------------------------------------------------------------------------------------------


def root(name: str = "network", **differs: object) -> gate.RootFacts:
    """A root module that was planned in testing and destroys nothing."""
    values: dict[str, object] = {
        "root_module": name,
        "environment": "testing",
        "outcome": "planned",
        "plan_digest": f"digest of {name}",
    }
    return gate.RootFacts(**{**values, **differs})  # type: ignore[arg-type]


def merge(*roots: gate.RootFacts, confirmed: tuple[str, ...] = ()) -> object:
    return gate.decide_merge(roots=roots, confirmed=confirmed)


def test_plans_within_policy_may_be_merged() -> None:
    assert merge(root(), root("app")) == gate.Clear()


def test_a_pull_request_without_root_modules_may_be_merged() -> None:
    assert merge() == gate.Clear()


@pytest.mark.parametrize("outcome", ["failed", "timed_out", "skipped"])
def test_a_root_module_that_was_not_planned_blocks_the_merge(outcome: str) -> None:
    assert merge(root(), root("app", outcome=outcome, cause="app: no")) == gate.Refuse(cause="app: no")


def test_a_plan_without_a_digest_is_no_plan() -> None:
    assert merge(root(plan_digest=None)) == gate.Refuse(cause="network was not planned in testing")


def test_a_destruction_is_held_until_it_is_confirmed_for_this_object() -> None:
    destroys = root(to_confirm=(ToConfirm(address="aws_db_instance.main", confirmation="of main"),))
    held = gate.Hold(
        cause="Confirm what is destroyed in testing: `aws_db_instance.main`. Someone with write access who neither "
        "wrote nor pushed any commit of this pull request has to look at the plan and press Confirm destroy.",
        button="confirm_destroy",
    )
    assert merge(destroys) == held
    assert merge(destroys, confirmed=("of another object",)) == held
    assert merge(destroys, confirmed=("of main",)) == gate.Clear()


def test_a_second_copy_is_held_without_a_button() -> None:
    assert merge(root(second_copy="network: twice")) == gate.Hold(cause="network: twice")


def test_a_failure_comes_before_what_has_to_be_confirmed() -> None:
    assert isinstance(
        merge(
            root(to_confirm=(ToConfirm(address="a.b", confirmation="c"),)),
            root("app", outcome="failed", cause="x"),
        ),
        gate.Refuse,
    )


# --- may it be applied -----------------------------------------------------------------------------------------------


def apply(review: gate.Review, **differs: object) -> object:
    values: dict[str, object] = {
        "run": "r",
        "environment": "staging",
        "root_module": "network",
        "plan_digest": "d",
        "errored": False,
        "complete": True,
        "changes_anything": True,
        "by_hand": False,
    }
    return gate.decide_apply(review=review, **{**values, **differs})  # type: ignore[arg-type]


DESTROYS = ChangeSummary(address="a.b", action="delete")
OPENS = ChangeSummary(address="sg.x", action="update", dangers=("opens to the world",))
UPDATES = ChangeSummary(address="a.c", action="update")


@pytest.mark.parametrize(
    "review",
    [
        gate.ExplainedMerge(),
        gate.ApprovedPlan(by="grace", plan_digests=frozenset({"d"})),
        gate.ApprovedCommit(by="grace"),
    ],
)
def test_a_reviewed_plan_proceeds(review: gate.Review) -> None:
    proceed = apply(review)
    assert isinstance(proceed, gate.Proceed)
    assert (proceed.run, proceed.environment, proceed.root_module, proceed.plan_digest) == (
        "r",
        "staging",
        "network",
        "d",
    )


@pytest.mark.parametrize(
    ("review", "cause"),
    [
        (
            gate.NotReviewed(why="a root module below it waits"),
            "network in staging: a root module below it waits. Look at the plan, then press Apply.",
        ),
        (
            gate.ApprovedPlan(by="grace", plan_digests=frozenset({"other"})),
            "network in staging: the plan changed since it was approved. Look at the new one, then press Apply.",
        ),
        (
            gate.ApprovedPlan(by="grace", plan_digests=frozenset()),
            "network in staging: the plan changed since it was approved. Look at the new one, then press Apply.",
        ),
    ],
)
def test_an_unreviewed_plan_is_held(review: gate.Review, cause: str) -> None:
    assert apply(review) == gate.Hold(cause=cause, button="apply")


@pytest.mark.parametrize(
    ("unseen", "said"),
    [
        ([DESTROYS, UPDATES], "the plan destroys `a.b`, which no preview showed"),
        ([OPENS, DESTROYS], "the plan destroys `a.b`, changes `sg.x` (opens to the world), which no preview showed"),
        ([UPDATES], "the plan differs from what the preview showed for `a.c`"),
    ],
)
def test_unseen_changes_hold_until_this_plan_is_approved(unseen: list[ChangeSummary], said: str) -> None:
    cause = f"network in staging: {said}. Look at the difference, then press Apply."
    assert apply(gate.ExplainedMerge(), unseen=unseen) == gate.Hold(cause=cause, button="apply")
    approved = gate.ApprovedPlan(by="grace", plan_digests=frozenset({"d"}))
    assert isinstance(apply(approved, unseen=unseen), gate.Proceed)


@pytest.mark.parametrize("review", [gate.ExplainedMerge(), gate.ApprovedCommit(by="grace")])
def test_unconfirmed_changes_hold_even_if_the_commit_was_approved(review: gate.Review) -> None:
    cause = "network in staging: nobody confirmed what is destroyed: `a.b`. Look at the plan, then press Apply."
    assert apply(review, unconfirmed=["a.b"]) == gate.Hold(cause=cause, button="apply")
    assert isinstance(apply(gate.ApprovedCommit(by="root", overrides=True), unconfirmed=["a.b"]), gate.Proceed)


@pytest.mark.parametrize("review", [gate.ExplainedMerge(), gate.ApprovedCommit(by="grace")])
def test_only_an_administrator_can_let_a_second_copy_in(review: gate.Review) -> None:
    assert apply(review, second_copy="twice") == gate.Hold(cause="twice")
    approved = gate.ApprovedPlan(by="grace", plan_digests=frozenset({"d"}))
    assert apply(approved, second_copy="twice") == gate.Hold(cause="twice")
    assert isinstance(apply(gate.ApprovedCommit(by="root", overrides=True), second_copy="twice"), gate.Proceed)


def test_a_manual_environment_waits_for_a_person() -> None:
    assert isinstance(apply(gate.ExplainedMerge(), by_hand=True), gate.Hold)


def test_a_manual_environment_proceeds_with_the_plan_that_a_person_approved() -> None:
    approved = gate.ApprovedPlan(by="grace", plan_digests=frozenset({"d"}))
    assert isinstance(apply(approved, by_hand=True), gate.Proceed)


def test_an_administrator_ends_a_hold_whose_plan_differs_each_time() -> None:
    overridden = gate.ApprovedPlan(by="root (--override)", plan_digests=frozenset({"other"}), overrides=True)
    assert isinstance(apply(overridden, by_hand=True), gate.Proceed)


@pytest.mark.parametrize("differs", [{"errored": True}, {"complete": False}])
@pytest.mark.parametrize("review", [gate.ExplainedMerge(), gate.ApprovedCommit(by="grace")])
def test_an_incomplete_plan_is_never_applied(review: gate.Review, differs: dict[str, object]) -> None:
    assert isinstance(apply(review, **differs), gate.Refuse)


def test_a_plan_that_changes_nothing_needs_nobody() -> None:
    assert isinstance(apply(gate.NotReviewed(why="new"), changes_anything=False), gate.Proceed)


# --- promotion -------------------------------------------------------------------------------------------------------


def promote(**differs: object) -> object:
    values: dict[str, object] = {
        "previous": "staging",
        "tree": "t2",
        "applied_trees": frozenset({"t1"}),
        "adopted_trees": frozenset({"t0"}),
        "last_applied": "abc1234",
        "tip": "f00f00f",
        "tip_differs_from_last": False,
    }
    return decide_promotion(PromotionFacts(**{**values, **differs}))  # type: ignore[arg-type]


def test_a_tree_that_was_applied_before_may_be_promoted() -> None:
    assert promote(tree="t1") == gate.Clear()


@pytest.mark.parametrize(
    ("differs", "way_out"),
    [
        ({"tree": "t0"}, "Comment `planward plan f00f00f -e staging`"),
        ({"tip_differs_from_last": True}, "wait until planward/apply (staging) has finished"),
        ({"last_applied": None}, "first merge these commits into the branch of staging"),
        ({}, "or promote a branch whose newest commit is abc1234, the last one applied there"),
    ],
)
def test_any_other_tree_is_refused_with_a_remedy(differs: dict[str, object], way_out: str) -> None:
    refused = promote(**differs)
    assert isinstance(refused, gate.Refuse)
    assert way_out in refused.cause
