"""Check the gates of a branch. These functions only compare values; they do no I/O."""

from ghapp.doctor.bypasses import administrators, direct_pushes
from ghapp.doctor.protection_check import (
    CHECK,
    Guarded,
    ProtectionCheck,
    State,
    make_check,
    named,
    sources_requiring_pull_requests,
)


def check_branch(guarded: Guarded) -> tuple[ProtectionCheck, ...]:
    """Every gate of a branch, the most important first."""
    gates = [
        _pull_request(guarded),
        *_check(guarded),
        _reviews(guarded),
        _stale_reviews(guarded),
        _code_owners(guarded),
        _conversations(guarded),
        direct_pushes(guarded),
        _force_pushes(guarded),
        _deletion(guarded),
        administrators(guarded),
        _up_to_date(guarded),
    ]
    if guarded.promotes_from is not None:
        gates += [_merge_commits(guarded), _required_deployments(guarded, guarded.promotes_from)]
    return tuple(gates)


def _pull_request(guarded: Guarded) -> ProtectionCheck:
    return make_check(
        guarded,
        "pull_request",
        bool(sources_requiring_pull_requests(guarded)),
        "a pull request is required",
        "no pull request is required",
        'rule pull_request ("Require a pull request before merging")',
    )


def _check(guarded: Guarded) -> list[ProtectionCheck]:
    sources = {check.app_id for source in guarded.sources for check in source.checks if check.context == CHECK}
    setting = (
        'rule required_status_checks ("Require status checks to pass"): '
        f"context {CHECK}, integration_id {guarded.app_id} (app_id in classic protection)"
    )
    required = make_check(
        guarded, "check", bool(sources), f"{CHECK} is required", f"{CHECK} is not a required check", setting
    )
    if not sources:
        return [required]
    other = next((each for each in sources if each is not None), None)
    said = (
        f"{CHECK} may come from any source: anybody with write access can post a green one"
        if other is None
        else f"{CHECK} has to come from the App {other}, not from this one ({guarded.app_id})"
    )
    bound = ProtectionCheck(name="check_source", state=State.MISSING, said=said, setting=setting)
    if guarded.app_id in sources:
        bound = ProtectionCheck(name="check_source", state=State.MET, said=f"{CHECK} has to come from this App")
    return [required, bound]


def _reviews(guarded: Guarded) -> ProtectionCheck:
    approvals = max((source.pull_request.approvals for source in guarded.sources if source.pull_request), default=0)
    return make_check(
        guarded,
        "reviews",
        approvals > 0,
        f"{approvals} approving review{'s are' if approvals > 1 else ' is'} required",
        "no approving review is required",
        "pull_request.required_approving_review_count: 1",
        otherwise=_for_teams(guarded),
    )


def _stale_reviews(guarded: Guarded) -> ProtectionCheck:
    return make_check(
        guarded,
        "stale_reviews",
        any(source.pull_request and source.pull_request.dismisses_stale_reviews for source in guarded.sources),
        "reviews of older commits are dismissed",
        "an approval stays valid when more commits are pushed",
        "pull_request.dismiss_stale_reviews_on_push: true",
        otherwise=_for_teams(guarded),
    )


def _for_teams(guarded: Guarded) -> State:
    # `four_eyes: false` means a team of one, in which nobody can review.
    return State.MISSING if guarded.four_eyes else State.ADVICE


def _code_owners(guarded: Guarded) -> ProtectionCheck:
    without_file = "" if guarded.has_code_owners else " (there is no CODEOWNERS file yet)"
    return make_check(
        guarded,
        "code_owners",
        any(source.pull_request and source.pull_request.code_owners for source in guarded.sources),
        "code owners have to review",
        f"code owners do not have to review{without_file}",
        "pull_request.require_code_owner_review: true",
        otherwise=_for_teams(guarded) if guarded.has_code_owners else State.ADVICE,
    )


def _conversations(guarded: Guarded) -> ProtectionCheck:
    return make_check(
        guarded,
        "conversations",
        any(source.pull_request and source.pull_request.resolves_conversations for source in guarded.sources),
        "conversations have to be resolved",
        "unresolved conversations do not block a merge",
        "pull_request.required_review_thread_resolution: true",
    )


def _force_pushes(guarded: Guarded) -> ProtectionCheck:
    return make_check(
        guarded,
        "force_pushes",
        any(source.denies_force_pushes for source in guarded.sources),
        "force pushes are denied",
        "force pushes are not denied",
        'rule non_fast_forward ("Block force pushes")',
    )


def _deletion(guarded: Guarded) -> ProtectionCheck:
    return make_check(
        guarded,
        "deletion",
        any(source.denies_deletion for source in guarded.sources),
        "the branch cannot be deleted",
        "the branch can be deleted",
        'rule deletion ("Restrict deletions")',
    )


def _up_to_date(guarded: Guarded) -> ProtectionCheck:
    return make_check(
        guarded,
        "up_to_date",
        any(source.merge_queue or (source.up_to_date and source.checks) for source in guarded.sources),
        "branches have to be up to date, or go through a merge queue",
        "a branch that is behind its base may be merged: the merge may differ from what was planned",
        "required_status_checks.strict_required_status_checks_policy: true, or the rule merge_queue",
    )


def _merge_commits(guarded: Guarded) -> ProtectionCheck:
    straight = [source for source in guarded.sources if source.linear_history]
    narrow = [
        source for source in guarded.sources if source.pull_request and "merge" not in source.pull_request.merge_methods
    ]
    if straight:
        said, setting = "a linear history is required", f"remove required_linear_history from {named(straight)}"
    elif narrow:
        said, setting = "the rules do not allow merge commits", f"allowed_merge_methods of {named(narrow)}: add merge"
    elif not guarded.allows_merge_commits:
        said, setting = "the repository does not allow merge commits", "allow_merge_commit: true (Settings → General)"
    else:
        return ProtectionCheck(name="merge_commits", state=State.MET, said="promotions may be merge commits")
    why = "after a promotion is squashed or rebased, the next one has conflicts"
    return ProtectionCheck(name="merge_commits", state=State.MISSING, said=f"{said}: {why}", setting=setting)


def _required_deployments(guarded: Guarded, before: str) -> ProtectionCheck:
    required = {name for source in guarded.sources for name in source.required_deployments}
    if before in required:
        return ProtectionCheck(
            name="required_deployments", state=State.MET, said=f"a successful deployment to {before} is required"
        )
    return ProtectionCheck(
        name="required_deployments",
        state=State.ADVICE,
        said=f"GitHub itself does not require a successful deployment to {before}, which would be a second safeguard",
        setting=f"rule required_deployments: required_deployment_environments [{before}]; "
        "it also blocks the promotion of a tip that touched no root module, since such a tip has no deployment",
    )
