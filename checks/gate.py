"""The gate: may this be planned with credentials, may it be merged, may it be applied.

`decide_merge` and `decide_apply` are deliberately two functions. A push that nobody reviewed has no earlier plan whose
digest could be compared. A single function could mistake "nothing to compare" for "no difference", and let such a push
pass. Only this module creates the two values that stand for its consent: a `Vouched` before code is planned with
credentials, and a `Proceed`, which applying a plan file requires.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from checks.plan import Plan, ResourceChange
from checks.plan.parity import ChangeSummary, Loss

_MADE_HERE = object()
"""This module passes it when it creates a `Vouched` or a `Proceed`, which raise TypeError without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """The gate has no objection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A person has to decide. `cause` is the first line of the check run: the reason, and what to do.

    `button` is the check run's button for the decision; None if the decision is made in another way.
    """

    cause: str
    button: Literal["approve_plan", "preview", "confirm_destroy", "apply"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The gate refuses. `cause` is the first line of the check run: the reason, and what to do."""

    cause: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """`by` vouches for this code, so it may be planned with credentials. Only `vouch` and its variants create one.

    `by` is a person with write access, a bot in `trusted_bots`, or `#NUMBER`, a pull request that passed the gate.
    """

    by: str
    _made: object

    def __post_init__(self) -> None:
        if self._made is not _MADE_HERE:
            raise TypeError("Vouched is made by checks.gate.vouch alone")


@dataclass(frozen=True, slots=True)
class Proceed:
    """This plan of this root module may be applied, in this run. Only `decide_apply` creates one."""

    run: str
    environment: str
    root_module: str
    plan_digest: str
    _made: object

    def __post_init__(self) -> None:
        if self._made is not _MADE_HERE:
            raise TypeError("Proceed is made by checks.gate.decide_apply alone")


# --- before credentials are read -------------------------------------------------------------------------------------


def vouch(
    *,
    author: str,
    same_repository: bool,
    author_is_bot: bool,
    author_can_write: bool,
    trusted_bots: Collection[str],
    approved_by: str | None,
    untrusted_pusher: str | None = None,
) -> Vouched | Hold:
    """Decide whether a pull request's code may be planned with testing's credentials.

    `untrusted_pusher` pushed this head and cannot vouch for it; None if there is no such person or bot.
    `approved_by` is a person with write access who approved exactly this head SHA, or None.
    """
    if approved_by is not None:
        return Vouched(approved_by, _MADE_HERE)
    if not same_repository:
        return Hold(
            cause=f"Not planned yet: this pull request comes from a fork. Someone with write access has to look at "
            f"{author}'s code and press Approve plan.",
            button="approve_plan",
        )
    if untrusted_pusher is not None:
        return Hold(
            cause=f"Not planned yet: the newest commit was pushed by {untrusted_pusher}, "
            f"{_why_not_trusted(untrusted_pusher)}. Someone with write access has to look at the code and press "
            "Approve plan.",
            button="approve_plan",
        )
    if author_is_bot:
        if author in trusted_bots:
            return Vouched(author, _MADE_HERE)
        return Hold(
            cause=f"Not planned yet: {author} is {_UNTRUSTED_BOT}. Someone with write access has to look at its code "
            "and press Approve plan.",
            button="approve_plan",
        )
    if not author_can_write:
        return Hold(
            cause=f"Not planned yet: {author} has no write access to this repository. Someone with write access has to "
            "look at the code and press Approve plan.",
            button="approve_plan",
        )
    return Vouched(author, _MADE_HERE)


def vouch_preview(
    *,
    environment: str,
    on_approval: bool,
    author: str,
    same_repository: bool,
    author_is_bot: bool,
    author_can_write: bool,
    previewed_by: str | None,
    untrusted_pusher: str | None = None,
) -> Vouched | Hold:
    """Decide whether a pull request's code may be planned with the credentials of its target.

    Vouching for testing (`vouch`) does not count here, and no bot is trusted. `untrusted_pusher` is a bot, or a person
    without write access, who pushed this head; None if there is none. `previewed_by` is a person with write access who
    requested the preview of exactly this head, or None. With `on_approval`, only `previewed_by` vouches.
    """
    if previewed_by is not None:
        return Vouched(previewed_by, _MADE_HERE)
    not_yet = f"Not previewed in {environment} yet"
    someone = "Someone with write access has to look at the code and press Preview."
    if not same_repository:
        return Hold(cause=f"{not_yet}: this pull request comes from a fork. {someone}", button="preview")
    if author_is_bot:
        return Hold(cause=f"{not_yet}: {author} is a bot. {someone}", button="preview")
    if untrusted_pusher is not None:
        who = "a bot" if _is_bot(untrusted_pusher) else "who has no write access to this repository"
        cause = f"{not_yet}: the newest commit was pushed by {untrusted_pusher}, {who}. {someone}"
        return Hold(cause=cause, button="preview")
    if not author_can_write:
        return Hold(cause=f"{not_yet}: {author} has no write access to this repository. {someone}", button="preview")
    if on_approval:
        return Hold(
            cause=f"{not_yet}: someone with write access who neither wrote nor pushed any commit of this pull request "
            "has to press Preview, or approve the newest commit in a review.",
            button="preview",
        )
    return Vouched(author, _MADE_HERE)


_UNTRUSTED_BOT = "a bot that is not listed in trusted_bots (.github/planward.yml)"


def _is_bot(login: str) -> bool:
    """Whether a login is a bot's: no person's login can contain brackets."""
    return login.endswith("[bot]")


def _why_not_trusted(login: str) -> str:
    """Why this account cannot vouch for code: a phrase to follow its login."""
    return _UNTRUSTED_BOT if _is_bot(login) else "who has no write access to this repository"


def vouch_group(*, number: int, passed: bool) -> Vouched | Refuse:
    """Decide whether a merge queue's commit may be planned with credentials: only if its pull request has passed the
    gate.

    Nobody has to vouch for that commit itself: vouching for the pull request's head covers the merge made by the queue.
    """
    if passed:
        return Vouched(f"#{number}", _MADE_HERE)
    return Refuse(
        cause=f"#{number} is in the merge queue although planward/plan is not green for it: get it green on the "
        "pull request, then queue it again."
    )


# --- may it be merged ------------------------------------------------------------------------------------------------


class ToConfirm(msgspec.Struct, frozen=True, kw_only=True):
    """An object whose destruction or replacement needs confirmation.

    `confirmation` is a keyed digest of (environment, address, deposed key, action, id of the object): confirming one
    plan covers every plan that does the same to the same object.
    """

    address: str
    confirmation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFacts:
    """The facts about one root module in one environment that decide about a merge."""

    root_module: str
    environment: str
    outcome: Literal["planned", "planned_at_apply", "applied", "failed", "timed_out", "skipped"]
    """`planned_at_apply`: it can be planned only after other root modules were applied. That is no objection."""
    cause: str | None = None
    plan_digest: str | None = None
    to_confirm: tuple[ToConfirm, ...] = ()
    """The destroyed and replaced objects that need confirmation."""
    second_copy: str | None = None
    """Why the apply would duplicate resources of another workspace; None if it would not."""


def decide_merge(
    *,
    roots: Sequence[RootFacts],
    confirmed: Collection[str],
    four_eyes: bool = True,
) -> Clear | Hold | Refuse:
    """Decide whether a pull request may be merged: failures come first, then second copies, then missing
    confirmations.

    `confirmed` are the confirmations given for this head. `four_eyes`: whether only people who did not contribute to
    the pull request may give them. That was checked when they were given; here it only changes the text.
    """
    for root in roots:
        if root.outcome in ("failed", "timed_out", "skipped") or (root.outcome == "planned" and not root.plan_digest):
            return Refuse(cause=root.cause or f"{root.root_module} was not planned in {root.environment}")
    second_copy = next((root.second_copy for root in roots if root.second_copy is not None), None)
    if second_copy is not None:
        return Hold(cause=second_copy)
    missing = [
        (root.environment, address) for root in roots for address in unconfirmed_addresses(root.to_confirm, confirmed)
    ]
    if missing:
        where = " and ".join(dict.fromkeys(environment for environment, _ in missing))
        who = " who neither wrote nor pushed any commit of this pull request" if four_eyes else ""
        return Hold(
            cause=f"Confirm what is destroyed in {where}: {_first_few([address for _, address in missing])}. Someone "
            f"with write access{who} has to look at the plan and press Confirm destroy.",
            button="confirm_destroy",
        )
    return Clear()


def unconfirmed_addresses(to_confirm: Sequence[ToConfirm], confirmed: Collection[str]) -> tuple[str, ...]:
    """The addresses of objects whose confirmation is missing."""
    return tuple(each.address for each in to_confirm if each.confirmation not in confirmed)


def changes_to_confirm(plan: Plan, confirm: Collection[str]) -> tuple[ResourceChange, ...]:
    """The changes of a plan that destroy or replace an object and need confirmation.

    `confirm` lists what needs confirmation: `destroy`, `replace`, or resource types.
    """
    if not confirm:
        return ()
    return tuple(
        change
        for change in plan.resource_changes
        if change.action.destroys
        and (change.type in confirm or ("replace" if change.action.replaces else "destroy") in confirm)
    )


# --- may it be applied -----------------------------------------------------------------------------------------------


class ExplainedMerge(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The commit came from merged pull requests that had passed the gate.

    The environment may require more, such as approvals.
    """


class ApprovedPlan(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person looked at the plans of some root modules and approved exactly these."""

    by: str
    overrides: bool = False
    """Whether an administrator ended the hold with `--override`, without the approvals that it needs."""
    plan_digests: frozenset[str]


class ApprovedCommit(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person approved this commit on a hold that showed no plans, so the approval is for no particular plan."""

    by: str
    overrides: bool = False
    """Whether an administrator ended the hold with `--override`, without the approvals that it needs."""


class NotReviewed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nobody has reviewed this root module's plan. `why` is the reason, as text for people."""

    why: str


Review = ExplainedMerge | ApprovedPlan | ApprovedCommit | NotReviewed
"""The review that preceded the apply. A missing review is never None but `NotReviewed`, which leads to a hold."""


def decide_apply(
    *,
    run: str,
    environment: str,
    root_module: str,
    plan_digest: str,
    errored: bool,
    complete: bool,
    changes_anything: bool,
    review: Review,
    by_hand: bool,
    second_copy: str | None = None,
    unconfirmed: Sequence[str] = (),
    unseen: Sequence[ChangeSummary] = (),
) -> Proceed | Hold | Refuse:
    """Decide whether a plan may be applied: the one just made for the apply, or the file that somebody approved.

    `by_hand`: whether this environment applies only approved plans. `unconfirmed` are the addresses of objects whose
    confirmation is missing. `unseen` are the plan's actions that no preview showed: the dangerous ones or all, as the
    environment's `parity` says. It is empty if the plan is not compared with previews. `second_copy` says why the apply
    would duplicate resources of another workspace, which only an administrator can approve.
    """
    where = f"{root_module} in {environment}"
    if errored:
        return Refuse(
            cause=f"{where}: Terraform could not finish this plan, so it is not applied. Merge a "
            "correction, or press Re-run if the cause is not in the code"
        )
    if not complete:
        return Refuse(
            cause=f"{where}: Terraform left a part of this plan for later, so it is not applied. Revert the "
            "commit. Then merge what the deferred resources depend on and, after it is applied, the rest in a second "
            "pull request"
        )
    proceed = Proceed(run, environment, root_module, plan_digest, _MADE_HERE)
    if not changes_anything:
        return proceed
    overridden = isinstance(review, ApprovedPlan | ApprovedCommit) and review.overrides
    if second_copy is not None and not overridden:
        return Hold(cause=second_copy)
    match review:
        case ApprovedPlan(plan_digests=approved):
            # If plan files are not kept, each attempt plans again. Plans that always differ, by a timestamp for
            # example, never match an approval, so only an administrator's override can apply them.
            if plan_digest in approved or overridden:
                return proceed
            return Hold(
                cause=f"{where}: the plan changed since it was approved. Look at the new one, then press Apply.",
                button="apply",
            )
        case ApprovedCommit():
            if not overridden and unconfirmed:
                return _hold_unconfirmed(where, unconfirmed)
            if not by_hand:  # with `by_hand`, the plan itself needs an approval, too
                return proceed
        case NotReviewed(why=why):
            return Hold(cause=f"{where}: {why}. Look at its plan, then press Apply.", button="apply")
        case ExplainedMerge():
            if unconfirmed:
                return _hold_unconfirmed(where, unconfirmed)
            if unseen:
                return Hold(
                    cause=f"{where}: {_describe_unseen(unseen)}. Look at the difference, then press Apply.",
                    button="apply",
                )
    if by_hand:
        return Hold(
            cause=f"{where}: every apply in {environment} needs an approval. Look at its plan, then press Apply.",
            button="apply",
        )
    return proceed


def _hold_unconfirmed(where: str, addresses: Sequence[str]) -> Hold:
    return Hold(
        cause=f"{where}: nobody confirmed what is destroyed: {_first_few(addresses)}. Look at its plan, then press "
        "Apply.",
        button="apply",
    )


_LOSS_VERBS: dict[Loss, str] = {"destroy": "destroys", "replace": "replaces", "forget": "forgets", "invoke": "runs"}


def _describe_unseen(unseen: Sequence[ChangeSummary]) -> str:
    """Say which of the plan's actions no preview showed, naming the dangerous ones."""
    lost = {loss: [each.address for each in unseen if each.loss == loss] for loss in _LOSS_VERBS}
    grave = [f"{_LOSS_VERBS[loss]} {_first_few(addresses)}" for loss, addresses in lost.items() if addresses]
    grave += [f"changes `{each.address}` ({', '.join(each.dangers)})" for each in unseen if each.dangers][:3]
    if grave:
        return f"the plan {', '.join(grave)}, which no preview showed"
    return f"the plan differs from what the preview showed for {_first_few([each.address for each in unseen])}"


# --- promotion -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionFacts:
    """The facts that decide about a pull request into a branch with `promote_from`."""

    previous: str
    """The environment that must have applied the tree first."""
    tree: str
    """The tree of the merge result."""
    applied_trees: frozenset[str]
    """Trees of the commits that were LAST in that environment and count as applied: all but `adopted_trees`."""
    adopted_trees: frozenset[str]
    """Trees of the commits that were LAST there although nothing was applied for them: each adopted commit, and the
    commits after it, up to but not including the first that touched a root module."""
    last_applied: str | None
    """The short SHA of the commit last applied there; None if there is none yet."""
    tip: str
    """The tip of that environment's branch; empty if there is none."""
    tip_differs_from_last: bool
    """Whether there is a LAST and it is not that tip: the tip's apply waits, runs, is held or has failed."""


def decide_promotion(facts: PromotionFacts) -> Clear | Refuse:
    """Decide about a promotion: it passes only if exactly its tree was applied in the environment it comes from."""
    previous = facts.previous
    if facts.tree in facts.applied_trees:
        return Clear()
    if facts.tree in facts.adopted_trees:
        return Refuse(
            cause=f"the branch of {previous} contains this, but Planward never applied it there: comment `planward "
            f"plan {facts.tip} -e {previous}` here, then press Apply on that commit's planward/apply "
            f"({previous}). Then this turns green by itself."
        )
    if facts.tip_differs_from_last:
        return Refuse(
            cause=f"{previous} has not applied this yet: wait until planward/apply ({previous}) has finished. "
            "If it is held, the people that it names have to decide; if it failed, do what it says. After that, this "
            "check turns green by itself."
        )
    if facts.last_applied is None:
        return Refuse(
            cause=f"{previous} has not applied anything yet: first merge these commits into the branch of "
            f"{previous}, and have them applied there."
        )
    return Refuse(
        cause=f"this brings commits that {previous} has not applied (it last applied {facts.last_applied}). Merge "
        f"them into the branch of {previous} and have them applied; if that branch lacks a hotfix, merge this pull "
        f"request's base branch into it. Or promote a branch at {facts.last_applied}."
    )


def _first_few(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
