"""The gate decides what may be planned with credentials, what may be merged, and which plans may be applied.

The gate's consent is a value. A `Vouched` allows planning with credentials. A `Proceed` allows applying a plan file.
Only this module creates these values.

`decide_merge` and `decide_apply` are two functions on purpose. Only `decide_apply` sees pushes that came without a pull
request, and so without an earlier plan. A single function could mistake "no earlier plan" for "no difference from the
earlier plan", and let such a push pass.

A plan's digest is a hash of its changes. Plans that do the same have the same digest.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from checks.confirmations import ToConfirm, unconfirmed_addresses
from checks.plan.parity import ChangeSummary, Loss

_MADE_HERE = object()
"""The constructors of `Vouched` and `Proceed` raise TypeError unless this object is passed to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """The gate has no objection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A person has to decide.

    `cause` is the first line of the check run. It gives the reason, and says what to do. `button` is the check run's
    button for the decision; None if there is no button for it.
    """

    cause: str
    button: Literal["approve_plan", "preview", "confirm_destroy", "apply"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The gate refuses.

    `cause` is the first line of the check run. It gives the reason, and says what to do.
    """

    cause: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """Permission to plan code with credentials. Only `vouch`, `vouch_preview` and `vouch_group` create it.

    `by` vouches for the code. It is a person with write access or a bot in `trusted_bots`. For a merge queue's commit,
    it is `#NUMBER`: the number of the pull request that passed the gate.
    """

    by: str
    _made: object

    def __post_init__(self) -> None:
        if self._made is not _MADE_HERE:
            raise TypeError("only checks.gate creates Vouched")


@dataclass(frozen=True, slots=True)
class Proceed:
    """Permission for one run to apply one plan of one root module. Only `decide_apply` creates it."""

    run: str
    environment: str
    root_module: str
    plan_digest: str
    _made: object

    def __post_init__(self) -> None:
        if self._made is not _MADE_HERE:
            raise TypeError("only checks.gate.decide_apply creates Proceed")


# --- planning with credentials ---------------------------------------------------------------------------------------


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

    `approved_by` is the person with write access who approved exactly this head SHA; None if nobody did.
    `untrusted_pusher` is an untrusted account that pushed this head: a bot outside `trusted_bots`, or a person without
    write access. It is None if there is no such account.
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
    four_eyes: bool = True,
) -> Vouched | Hold:
    """Decide whether a pull request's code may be planned with the credentials of its target.

    An approval for testing (see `vouch`) does not count here. No bot is trusted here. `previewed_by` is the person with
    write access who requested the preview of exactly this head SHA; None if nobody did. With `on_approval`, only
    `previewed_by` can vouch. `untrusted_pusher` is an untrusted account that pushed this head: a bot, or a person
    without write access. It is None if there is no such account. As in `decide_merge`, `four_eyes` only changes the
    text.
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
        who = _WITHOUT_PART if four_eyes else ""
        return Hold(
            cause=f"{not_yet}: someone with write access{who} has to press Preview, or approve the "
            "newest commit in a review.",
            button="preview",
        )
    return Vouched(author, _MADE_HERE)


_WITHOUT_PART = " who neither wrote nor pushed any commit of this pull request"
_UNTRUSTED_BOT = "a bot that is not listed in trusted_bots (.github/planward.yml)"


def _is_bot(login: str) -> bool:
    """Whether a login belongs to a bot. The login of a person cannot contain brackets."""
    return login.endswith("[bot]")


def _why_not_trusted(login: str) -> str:
    """Return the reason why an account cannot vouch for code, as a phrase that follows the account's login."""
    return _UNTRUSTED_BOT if _is_bot(login) else "who has no write access to this repository"


def vouch_group(*, number: int, passed: bool) -> Vouched | Refuse:
    """Decide whether a merge queue's commit may be planned with credentials.

    The pull request in the queue (`number`) must have passed the gate. Somebody vouched for its head before that. The
    queue's commit only merges this head, so nobody has to vouch again.
    """
    if passed:
        return Vouched(f"#{number}", _MADE_HERE)
    return Refuse(
        cause=f"#{number} is in the merge queue although planward/plan is not green for it: get planward/plan green "
        "on the pull request, then queue the pull request again."
    )


# --- merge -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFacts:
    """The facts about one root module in one environment. `decide_merge` needs them."""

    root_module: str
    environment: str
    outcome: Literal["planned", "planned_at_apply", "applied", "failed", "timed_out", "skipped"]
    """`planned_at_apply`: the root module can only be planned after others were applied. The merge is allowed."""
    cause: str | None = None
    plan_digest: str | None = None
    to_confirm: tuple[ToConfirm, ...] = ()
    """The objects whose destruction or replacement needs confirmation."""
    second_copy: str | None = None
    """The cause of a hold if the apply would duplicate another workspace's resources; otherwise None."""


def decide_merge(
    *,
    roots: Sequence[RootFacts],
    confirmed: Collection[str],
    four_eyes: bool = True,
) -> Clear | Hold | Refuse:
    """Decide whether a pull request may be merged.

    The function returns its first objection. A failed or skipped root module comes first, then a second copy of
    resources, then a missing confirmation. `confirmed` contains the confirmations that people gave for this head. With
    `four_eyes`, people who contributed to the pull request may not confirm. Planward enforces this rule when somebody
    confirms. Here the rule only changes the text.
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
        who = _WITHOUT_PART if four_eyes else ""
        return Hold(
            cause=f"Confirm what is destroyed in {where}: {_first_few([address for _, address in missing])}. Someone "
            f"with write access{who} has to look at the plan and press Confirm destroy.",
            button="confirm_destroy",
        )
    return Clear()


# --- apply -----------------------------------------------------------------------------------------------------------


class ExplainedMerge(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The commit came from merged pull requests that had passed the gate.

    `decide_apply` may still hold the plan, for example because the environment requires an approval.
    """


class ApprovedPlan(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person looked at some plans and approved them. `plan_digests` are the digests of these plans."""

    by: str
    overrides: bool = False
    """Whether an administrator ended the hold with `--override` instead of the required approvals."""
    plan_digests: frozenset[str]


class ApprovedCommit(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A person approved this commit while its hold showed no plan. The approval is for the commit, not for a plan."""

    by: str
    overrides: bool = False
    """Whether an administrator ended the hold with `--override` instead of the required approvals."""


class NotReviewed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nobody has reviewed this root module's plan. `why` is the reason. The hold shows it."""

    why: str


Review = ExplainedMerge | ApprovedPlan | ApprovedCommit | NotReviewed
"""The review before the apply. A missing review is a `NotReviewed`, which leads to a hold."""


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
    """Decide whether a plan may be applied. It is a new plan, or it was read from a plan file that somebody approved.

    `by_hand`: whether this environment applies only approved plans. `second_copy` is the cause of a hold if the apply
    would duplicate another workspace's resources; otherwise None. Only an administrator can override this hold.
    `unconfirmed` are the addresses of the objects that still need confirmation. `unseen` lists changes of the plan that
    no preview showed: all of them, or only the dangerous ones (`ChangeSummary.is_grave`), as the config key `parity`
    says. It is empty if the plan is not compared with previews.
    """
    where = f"{root_module} in {environment}"
    if errored:
        return Refuse(
            cause=f"{where}: Terraform could not finish this plan, so it is not applied. Merge a "
            "correction, or press Re-run if the cause is not in the code"
        )
    if not complete:
        return Refuse(
            cause=f"{where}: Terraform deferred a part of this plan, so the plan is not applied. Revert the "
            "commit. Then merge only what the deferred resources depend on. After that is applied, merge the rest in "
            "a second pull request"
        )
    proceed = Proceed(run, environment, root_module, plan_digest, _MADE_HERE)
    if not changes_anything:
        return proceed
    overridden = isinstance(review, ApprovedPlan | ApprovedCommit) and review.overrides
    if second_copy is not None and not overridden:
        return Hold(cause=second_copy)
    match review:
        case ApprovedPlan(plan_digests=approved):
            # If the approved plan file is not available, this is a new plan. If each new plan differs from the one
            # before, for example by a timestamp, its digest never matches an approval. Then only an override helps.
            if plan_digest in approved or overridden:
                return proceed
            return Hold(
                cause=f"{where}: the plan changed since it was approved. Look at the new one, then press Apply.",
                button="apply",
            )
        case ApprovedCommit():
            if not overridden and unconfirmed:
                return _hold_unconfirmed(where, unconfirmed)
            if not by_hand:  # with `by_hand`, an approval of the plan is needed as well
                return proceed
        case NotReviewed(why=why):
            return Hold(cause=f"{where}: {why}. Look at the plan, then press Apply.", button="apply")
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
            cause=f"{where}: every apply in {environment} needs an approval. Look at the plan, then press Apply.",
            button="apply",
        )
    return proceed


def _hold_unconfirmed(where: str, addresses: Sequence[str]) -> Hold:
    return Hold(
        cause=f"{where}: nobody confirmed what is destroyed: {_first_few(addresses)}. Look at the plan, then press "
        "Apply.",
        button="apply",
    )


_LOSS_VERBS: dict[Loss, str] = {"destroy": "destroys", "replace": "replaces", "forget": "forgets", "invoke": "runs"}


def _describe_unseen(unseen: Sequence[ChangeSummary]) -> str:
    """Describe the changes that no preview showed. If some are dangerous, describe only the dangerous ones."""
    lost = {loss: [each.address for each in unseen if each.loss == loss] for loss in _LOSS_VERBS}
    grave = [f"{_LOSS_VERBS[loss]} {_first_few(addresses)}" for loss, addresses in lost.items() if addresses]
    grave += [f"changes `{each.address}` ({', '.join(each.dangers)})" for each in unseen if each.dangers][:3]
    if grave:
        return f"the plan {', '.join(grave)}, which no preview showed"
    return f"the plan differs from what the preview showed for {_first_few([each.address for each in unseen])}"


def _first_few(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
