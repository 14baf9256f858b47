"""Every text that a hold or a failure can show is in one file, `golden/texts.md`, which people read aloud.

Some texts come from the functions that make them in production. The others are read from the code, with names in braces
for the values: all texts of the packages that make such texts, and every text that another package raises or refuses
with. So the test fails until a new text is in the file. PLANWARD_REWRITE_GOLDEN=1 rewrites the file.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from checks import explain, gate
from checks.authority.deciders import Deciders, lines_of_deciders, who_decides
from checks.authority.release import Approver, Change
from checks.confirmations import ToConfirm
from checks.diagnostic import Diagnostic
from checks.plan.parity import ChangeSummary
from checks.promotion import PromotionFacts, decide_promotion
from checks.report import RemovedRoot, notes_on_removed
from ghapp.flows.apply import texts
from ghapp.flows.check_run import BUTTONS
from ghapp.flows.holds import shown
from ghapp.flows.people.answers import MayDecide, answer_to_near_miss, words_of_help
from ghapp.flows.plan import conclude, prepare
from ghapp.flows.root_module.failures import cause_of, cause_of_limit
from ghapp.flows.root_module.second_copy import ExistingResources
from ghapp.github import Role
from ghapp.processes import Exceeded
from ghapp.repository_config import BranchEnvironment
from ghapp.terraform import Failure, Finished
from ghapp.terraform.failures import StateLock
from ghapp.values import BranchName, EnvironmentName
from ghapp.webhook.commands import read_comment
from tests.ghapp.texts_of_code import of_code

GOLDEN = Path(__file__).parent / "golden" / "texts.md"
SHA = "4f2a91c0d3b58e7764a1209fbc5ed83371a6e0b2"
STAGING = EnvironmentName("staging")
PRODUCTION = EnvironmentName("production")


def cause(decided: object) -> str:
    """The line of a hold or a refusal."""
    assert isinstance(decided, gate.Hold | gate.Refuse), decided
    button = decided.button if isinstance(decided, gate.Hold) else None
    return decided.cause + (f" [button: {button}]" if button else "")


# --- planward/plan ---------------------------------------------------------------------------------------------------


def of_pull_requests() -> Iterator[str]:
    def vouch(**differs: object) -> str:
        facts = {
            "author": "eve",
            "same_repository": True,
            "author_is_bot": False,
            "author_can_write": True,
            "trusted_bots": (),
            "approved_by": None,
        }
        return cause(gate.vouch(**{**facts, **differs}))  # type: ignore[arg-type]

    yield vouch(same_repository=False)
    yield vouch(untrusted_pusher="helpful[bot]")
    yield vouch(untrusted_pusher="mallory")
    yield vouch(author="dependabot[bot]", author_is_bot=True)
    yield vouch(author_can_write=False)
    preview = {
        "environment": "production",
        "on_approval": True,
        "author": "eve",
        "same_repository": True,
        "author_is_bot": False,
        "author_can_write": True,
        "previewed_by": None,
    }
    for more in (
        {},
        {"four_eyes": False},
        {"same_repository": False},
        {"author_is_bot": True},
        {"author_can_write": False},
    ):
        yield cause(gate.vouch_preview(**{**preview, **more}))  # type: ignore[arg-type]
    for pusher in ("helpful[bot]", "mallory"):
        yield cause(gate.vouch_preview(**preview, untrusted_pusher=pusher))  # type: ignore[arg-type]
    yield cause(gate.vouch_group(number=12, passed=False))
    new = BranchEnvironment(name=EnvironmentName("qa"), branch=BranchName("qa"), team="acme")
    yield prepare._describe_new_environment(new)
    yield prepare.DRAFT
    destroyed = gate.RootFacts(
        root_module="network",
        environment="staging",
        outcome="planned",
        plan_digest="d",
        to_confirm=tuple(
            ToConfirm(address=each, confirmation=each) for each in ("aws_db_instance.main", "aws_vpc.main")
        ),
    )
    for four_eyes in (True, False):
        yield cause(gate.decide_merge(roots=[destroyed], confirmed=(), four_eyes=four_eyes))
    for resources in (12, None):
        yield ExistingResources(workspace="default", resources=resources).cause("network", "staging", "staging")
    facts = {
        "previous": "staging",
        "tree": "t",
        "applied_trees": frozenset(),
        "adopted_trees": frozenset(),
        "last_applied": "4f2a91c",
        "tip": SHA,
        "tip_differs_from_last": False,
    }
    cases: tuple[Mapping[str, object], ...] = (
        {"adopted_trees": frozenset({"t"})},
        {"tip_differs_from_last": True},
        {"last_applied": None},
        {},
    )
    for differs in cases:
        yield cause(decide_promotion(PromotionFacts(**{**facts, **differs})))  # type: ignore[arg-type]


# --- planward/apply --------------------------------------------------------------------------------------------------


def of_tips() -> Iterator[str]:
    for reason in reasons():
        people = ["merged by grace"] if "was merged" in reason or "merging" in reason else ["pushed by ada"]
        yield texts.not_applied(texts.brought(reason, people))
    for in_force in (False, True):
        new = texts.brought(texts.new_branch("qa", "qa", in_force=in_force), ["pushed by ada"])
        yield texts.not_applied(new, or_else=texts.delete_branch("qa"))
    forced = texts.forced("staging", tip="4f2a91c", last="0a1b2c3", environment="staging")
    yield texts.not_applied(texts.brought(forced, ["pushed by ada"]), or_else=texts.push_last("staging", "0a1b2c3"))
    unexplained = next(reasons())
    for why in (texts.vouched("mae", unexplained), texts.asked_for("mae"), texts.adopted("mae")):
        yield decided(review=gate.NotReviewed(why=why))
    yield decided(review=gate.NotReviewed(why=texts.comes_after(["network"])), root_module="app")
    yield decided(review=gate.ApprovedPlan(by="mae", plan_digests=frozenset({"other"})))
    yield decided(unconfirmed=["aws_db_instance.main"])
    destroys = ChangeSummary(address="aws_db_instance.main", action="delete")
    yield decided(unseen=[destroys])
    yield decided(unseen=[ChangeSummary(address="aws_lb.web", action="update")])
    yield decided(by_hand=True)
    yield decided(errored=True)
    yield decided(complete=False)
    for why in (texts.new_environment("qa"), texts.new_config(".github/planward.yml"), texts.TESTING_FIRST):
        for touched in (True, False):
            yield texts.waits_unchanged(why, touched=touched)
    yield texts.not_touched("staging", before="testing", tip="4f2a91c")
    yield f"{texts.contained('4f2a91c')}\n  {texts.note_on_contained('staging', '4f2a91c')}"
    yield f"{texts.left_branch('staging')}\n  {texts.note_on_left_branch('staging')}"
    yield texts.nothing_to_apply("staging", "4f2a91c")
    yield shown.replaced_text("4f2a91c")


def of_notes() -> Iterator[str]:
    """The text under the first line."""
    for applied in (False, True):
        yield texts.after_failure(applied=applied, who=who_decides(("bob", "acme/platform")))
    for root_modules in (["network"], ["network", "app"]):
        for kept_h in (24.0, None):
            yield texts.what_apply_does(root_modules, kept_h=kept_h)
    yield texts.not_compared("staging")
    yield conclude.AFTER_FAILURE
    for resources in (12, 0, None):
        yield from notes_on_removed([RemovedRoot(root_module="network", environment="staging", resources=resources)])
    for button in BUTTONS.values():
        yield f"the button {button.label}: {button.description}"


def reasons() -> Iterator[str]:
    """The reason why a push is not explained."""
    merged = explain.MergedPullRequest(
        number=12,
        base_repository_id=1,
        base_branch="staging",
        head_sha="a" * 40,
        merge_sha=SHA,
        merged_by="grace",
        author="ada",
        passed=True,
        verdict="success",
    )
    trees = explain.SegmentTrees(merged={12: "other"}, actual="tree")
    for candidates, compared in (
        ((), None),
        ((_with(merged, head_sha=SHA),), trees),
        ((_with(merged, passed=False, verdict="failure"),), trees),
        ((_with(merged, passed=False, verdict="none"),), trees),
        ((_with(merged, group_passed=False),), trees),
        ((merged,), None),
        ((merged,), trees),
    ):
        segment = explain.Segment(before="0a1b2c3" + "0" * 33, commits=(SHA,), candidates=candidates)
        found = explain.explain_push([segment], {} if compared is None else {SHA: compared})
        assert isinstance(found, explain.Unexplained)
        yield found.reasons[0]


def _with(merged: explain.MergedPullRequest, **differs: object) -> explain.MergedPullRequest:
    facts = {name: getattr(merged, name) for name in explain.MergedPullRequest.__slots__}
    return explain.MergedPullRequest(**{**facts, **differs})


def decided(**differs: object) -> str:
    facts = {
        "run": "r",
        "environment": "production",
        "root_module": "network",
        "plan_digest": "d",
        "errored": False,
        "complete": True,
        "changes_anything": True,
        "review": gate.ExplainedMerge(),
        "by_hand": False,
    }
    return cause(gate.decide_apply(**{**facts, **differs}))  # type: ignore[arg-type]


def of_deciders() -> Iterator[str]:
    ada, bob = Change(sha=SHA, writers=frozenset({1})), Change(sha="b" * 40, writers=frozenset({2}))
    names = {1: "ada", 2: "bob"}
    approved = (Approver(id=2, login="bob"),)
    for deciders in (
        Deciders(approvers=(), four_eyes=True, needed=1, changes=(ada,), names=names),
        Deciders(approvers=("bob", "acme/platform"), four_eyes=True, needed=2, changes=(ada, bob), names=names),
        Deciders(approvers=(), four_eyes=True, needed=1, changes=(ada, bob), names=names, approved=approved),
        Deciders(approvers=(), four_eyes=True, needed=1, changes=(Change(sha=SHA),), names=names),
    ):
        yield "\n  ".join(lines_of_deciders(deciders))


# --- Terraform -------------------------------------------------------------------------------------------------------


SUMMARIES: Mapping[Failure, str] = {
    Failure.PROVIDER_UNAVAILABLE: "Failed to query available provider packages",
    Failure.MODULE_UNAVAILABLE: "Failed to download module",
    Failure.STATE_UNREADABLE: "Error loading state",
    Failure.WORKSPACE_MISSING: 'Currently selected workspace "staging" does not exist',
    Failure.VERSION_UNSUPPORTED: "Unsupported Terraform Core version",
}
"""The summary of a diagnostic, as Terraform writes it for this failure."""


def of_terraform() -> Iterator[str]:
    said = Diagnostic(severity="error", summary="", detail="", path="network/main.tf", start_line=12)
    lock = StateLock(id="8c1f", who="ada@laptop", operation="OperationTypeApply", created="2026-11-29 09:00")
    for failure in Failure:
        finished = Finished(
            exit_code=1,
            failure=failure,
            diagnostics=(msgspec.structs.replace(said, summary=SUMMARIES.get(failure, "Invalid reference")),),
            state_lock=lock if failure is Failure.STATE_LOCKED else None,
        )
        yield cause_of(finished, "plan", "network", "staging")
    for signal in (9, 15, 11):
        yield cause_of(Finished(exit_code=-signal), "apply", "network", "staging", how_far=" after 12 of 40 changes")
    for limit in ("memory", "processes", "processor", "disk", "output", "file", "read whole"):
        sizes = (3_605, 3_600) if limit in ("processes", "processor") else (900_000_000, 500_000_000)
        exceeded = Exceeded(limit=limit, size_bytes=sizes[0], allowed_bytes=sizes[1])
        finished = Finished(exit_code=-9, exceeded=exceeded)
        yield str(cause_of_limit(finished, "plan", "network", "staging", held_lock=True))
    for exit_code in (1, -9):
        finished = Finished(exit_code=exit_code, timed_out=True)
        how_far = " after 12 of 40 changes"
        yield str(cause_of_limit(finished, "apply", "network", "staging", held_lock=True, how_far=how_far))


# --- comments --------------------------------------------------------------------------------------------------------


def of_comments() -> Iterator[str]:
    for body in ("Planward Plan", "planward aprove 4f2a91c", "planward plan -d app", f"planward apply {SHA}"):
        for near_miss in read_comment(body).near_misses:
            yield answer_to_near_miss(near_miss)
    environments = [
        MayDecide(name=STAGING, allowed=True, approvers=()),
        MayDecide(name=PRODUCTION, allowed=False, approvers=("acme/platform", "bob")),
    ]
    for role in (Role.MAINTAIN, Role.READ):
        yield words_of_help("ada", role, environments if role is Role.MAINTAIN else environments[1:])


def test_every_text_of_a_hold_or_a_failure_is_in_the_file_that_was_read_aloud() -> None:
    sections = {
        "planward/plan waits or fails": of_pull_requests(),
        "planward/apply waits or fails": of_tips(),
        "Who can end a hold": of_deciders(),
        "Terraform failed": of_terraform(),
        "Under the first line": of_notes(),
        "Answers in comments": of_comments(),
    }
    found = "\n".join(_section(title, texts_of) for title, texts_of in sections.items())
    found += "\n" + _section("As the code has them", of_code(found))
    if os.environ.get("PLANWARD_REWRITE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(found, encoding="utf-8")
    assert found == GOLDEN.read_text(encoding="utf-8")


def _section(title: str, texts_of: Iterable[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {text}" for text in texts_of) + "\n"
