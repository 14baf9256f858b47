"""Which gates a branch has: rules in, a table of gates out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ghapp.github import RuleSource

CHECK = "planward/plan"


class State(StrEnum):
    """How a gate stands. Only `missing` makes `doctor` fail."""

    MET = "met"
    MISSING = "missing"
    ADVICE = "advice"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate: what is so, and where it is not as it should be, what to set."""

    name: str
    state: State
    said: str
    setting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """One environment's branch, and everything that its gates depend on.

    `sees_classic` is False where the App may not read classic protection: then a gate that no ruleset has cannot be
    vouched for. `promotes_from` is the environment before, None where nothing is promoted into this one.
    """

    environment: str
    branch: str
    sources: tuple[RuleSource, ...]
    sees_classic: bool
    app_id: int
    four_eyes: bool
    has_code_owners: bool
    promotes_from: str | None
    allows_merge_commits: bool


def judge_branch(guarded: Guarded) -> tuple[Gate, ...]:
    """Every gate of a branch, in the order in which they matter."""
    gates = [
        _pull_request(guarded),
        *_check(guarded),
        _reviews(guarded),
        _stale_reviews(guarded),
        _code_owners(guarded),
        _conversations(guarded),
        _direct_pushes(guarded),
        _force_pushes(guarded),
        _deletion(guarded),
        _administrators(guarded),
        _up_to_date(guarded),
    ]
    if guarded.promotes_from is not None:
        gates += [_merge_commits(guarded), _required_deployments(guarded, guarded.promotes_from)]
    return tuple(gates)


def _gate(
    guarded: Guarded,
    name: str,
    met: bool,
    so: str,
    not_so: str,
    setting: str,
    *,
    otherwise: State = State.MISSING,
) -> Gate:
    if met:
        return Gate(name=name, state=State.MET, said=so)
    unseen = "" if guarded.sees_classic else " as far as rulesets go; classic protection cannot be seen"
    return Gate(name=name, state=otherwise, said=f"{not_so}{unseen}", setting=setting)


def _pull_requests(guarded: Guarded) -> list[RuleSource]:
    return [source for source in guarded.sources if source.pull_request is not None]


def _pull_request(guarded: Guarded) -> Gate:
    return _gate(
        guarded,
        "pull_request",
        bool(_pull_requests(guarded)),
        "a pull request is required",
        "no pull request is required",
        'rule pull_request ("Require a pull request before merging")',
    )


def _check(guarded: Guarded) -> list[Gate]:
    sources = {check.app_id for source in guarded.sources for check in source.checks if check.context == CHECK}
    setting = (
        'rule required_status_checks ("Require status checks to pass"): '
        f"context {CHECK}, integration_id {guarded.app_id} (app_id in classic protection)"
    )
    required = _gate(
        guarded, "check", bool(sources), f"{CHECK} is required", f"{CHECK} is not a required check", setting
    )
    if not sources:
        return [required]
    other = next((each for each in sources if each is not None), None)
    said = (
        f"{CHECK} may come from anyone: whoever may write can post a green one"
        if other is None
        else f"{CHECK} has to come from the App {other}, not from this one ({guarded.app_id})"
    )
    bound = Gate(name="check_source", state=State.MISSING, said=said, setting=setting)
    if guarded.app_id in sources:
        bound = Gate(name="check_source", state=State.MET, said=f"{CHECK} has to come from this App")
    return [required, bound]


def _reviews(guarded: Guarded) -> Gate:
    approvals = max((source.pull_request.approvals for source in guarded.sources if source.pull_request), default=0)
    return _gate(
        guarded,
        "reviews",
        approvals > 0,
        f"{approvals} approving review{'s are' if approvals > 1 else ' is'} required",
        "no approving review is required",
        "pull_request.required_approving_review_count: 1",
        otherwise=_for_teams(guarded),
    )


def _stale_reviews(guarded: Guarded) -> Gate:
    return _gate(
        guarded,
        "stale_reviews",
        any(source.pull_request and source.pull_request.dismisses_stale_reviews for source in guarded.sources),
        "reviews of older commits are dismissed",
        "an approval outlives the commits that are pushed after it",
        "pull_request.dismiss_stale_reviews_on_push: true",
        otherwise=_for_teams(guarded),
    )


def _for_teams(guarded: Guarded) -> State:
    # Who works alone has said so in the config, and has nobody to review.
    return State.MISSING if guarded.four_eyes else State.ADVICE


def _code_owners(guarded: Guarded) -> Gate:
    without_file = "" if guarded.has_code_owners else " (there is no CODEOWNERS file yet)"
    return _gate(
        guarded,
        "code_owners",
        any(source.pull_request and source.pull_request.code_owners for source in guarded.sources),
        "code owners have to review",
        f"code owners do not have to review{without_file}",
        "pull_request.require_code_owner_review: true",
        otherwise=_for_teams(guarded) if guarded.has_code_owners else State.ADVICE,
    )


def _conversations(guarded: Guarded) -> Gate:
    return _gate(
        guarded,
        "conversations",
        any(source.pull_request and source.pull_request.resolves_conversations for source in guarded.sources),
        "conversations have to be resolved",
        "unresolved conversations do not hold a merge",
        "pull_request.required_review_thread_resolution: true",
    )


def _direct_pushes(guarded: Guarded) -> Gate:
    asking = _pull_requests(guarded)
    if not asking:
        setting = "rule pull_request; who pushes without one changes the environment's branch, and the apply is held"
        return _gate(guarded, "direct_pushes", False, "", "direct pushes are not denied", setting)
    pushers = [_pushers(source) for source in asking]
    if any(each == () for each in pushers):
        return Gate(name="direct_pushes", state=State.MET, said="direct pushes are denied")
    known = [each for each in pushers if each is not None]
    if not known:
        return _unseen("direct_pushes", "who may push past the pull request rule", asking)
    return Gate(
        name="direct_pushes",
        state=State.MISSING,
        said=f"{_listed(sorted(known, key=len)[0])} may push without a pull request",
        setting=f"take them out of the bypass list of {_named(asking)}, or let them bypass for pull requests only",
    )


def _pushers(source: RuleSource) -> tuple[str, ...] | None:
    exempt = source.pull_request.exempt if source.pull_request else ()
    if source.bypass is None:
        return None
    return (*exempt, *(bypass.who for bypass in source.bypass if bypass.always))


def _force_pushes(guarded: Guarded) -> Gate:
    return _gate(
        guarded,
        "force_pushes",
        any(source.denies_force_pushes for source in guarded.sources),
        "force pushes are denied",
        "force pushes are not denied",
        'rule non_fast_forward ("Block force pushes")',
    )


def _deletion(guarded: Guarded) -> Gate:
    return _gate(
        guarded,
        "deletion",
        any(source.denies_deletion for source in guarded.sources),
        "the branch cannot be deleted",
        "the branch can be deleted",
        'rule deletion ("Restrict deletions")',
    )


def _administrators(guarded: Guarded) -> Gate:
    """Whether some source that nobody bypasses asks for the pull request, and some for the check."""
    asking = {
        "a pull request": _pull_requests(guarded),
        CHECK: [source for source in guarded.sources if any(check.context == CHECK for check in source.checks)],
    }
    missing = [what for what, sources in asking.items() if not sources]
    if missing:
        setting = 'a ruleset with an empty bypass list, or enforce_admins ("Do not allow bypassing the above settings")'
        are = "are" if len(missing) > 1 else "is"
        said = f"administrators are not held, as nobody is: {' and '.join(missing)} {are} not required"
        return _gate(guarded, "administrators", False, "", said, setting)
    loose = {what: sources for what, sources in asking.items() if not any(each.bypass == () for each in sources)}
    if not loose:
        return Gate(name="administrators", state=State.MET, said="administrators are held like everyone else")
    for what, sources in loose.items():
        if all(source.bypass for source in sources):
            who = _listed(bypass.who for source in sources for bypass in source.bypass or ())
            return Gate(
                name="administrators",
                state=State.MISSING,
                said=f"{who} may merge past {what}",
                setting=f"empty the bypass list of {_named(sources)}; in classic protection, enforce_admins: true",
            )
    return _unseen("administrators", "who may bypass it", [each for sources in loose.values() for each in sources])


def _unseen(name: str, what: str, sources: Sequence[RuleSource]) -> Gate:
    return Gate(
        name=name,
        state=State.UNSEEN,
        said=f"an App cannot see {what}: the bypass list of {_named(sources)}",
        setting="look whether it is empty, or give doctor an administrator's token (--token-file)",
    )


def _up_to_date(guarded: Guarded) -> Gate:
    return _gate(
        guarded,
        "up_to_date",
        any(source.merge_queue or (source.up_to_date and source.checks) for source in guarded.sources),
        "branches have to be up to date, or go through a merge queue",
        "a branch that is behind may be merged: what was planned is not what is merged",
        "required_status_checks.strict_required_status_checks_policy: true, or the rule merge_queue",
    )


def _merge_commits(guarded: Guarded) -> Gate:
    straight = [source for source in guarded.sources if source.linear_history]
    narrow = [
        source for source in guarded.sources if source.pull_request and "merge" not in source.pull_request.merge_methods
    ]
    if straight:
        said, setting = "a linear history is required", f"take required_linear_history out of {_named(straight)}"
    elif narrow:
        said, setting = "the rules do not allow merge commits", f"allowed_merge_methods of {_named(narrow)}: add merge"
    elif not guarded.allows_merge_commits:
        said, setting = "the repository does not allow merge commits", "allow_merge_commit: true (Settings → General)"
    else:
        return Gate(name="merge_commits", state=State.MET, said="promotions may be merge commits")
    why = "a promotion that is squashed or rebased conflicts the second time"
    return Gate(name="merge_commits", state=State.MISSING, said=f"{said}: {why}", setting=setting)


def _required_deployments(guarded: Guarded, before: str) -> Gate:
    required = {name for source in guarded.sources for name in source.required_deployments}
    if before in required:
        return Gate(
            name="required_deployments", state=State.MET, said=f"a successful deployment to {before} is required"
        )
    return Gate(
        name="required_deployments",
        state=State.ADVICE,
        said=f"GitHub itself does not ask for a successful deployment to {before}: a second, independent lock",
        setting=f"rule required_deployments: required_deployment_environments [{before}]",
    )


def _named(sources: Sequence[RuleSource]) -> str:
    return _listed(dict.fromkeys(source.name for source in sources))


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
