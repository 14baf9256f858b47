"""The rules for merging a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from ghapp.local_github.access import Actor, Person, has_role
from ghapp.local_github.protection.required_checks import check_messages, is_behind
from ghapp.local_github.protection.sources import Violation, bypasses, has_merge_queue, sources
from ghapp.local_github.state import JSON, PullRequest, Repository
from ghapp.local_github.world import World


def merge_violations(world: World, pull: PullRequest, actor: Actor, *, method: str) -> list[Violation]:
    """Return the rules that the person or App would break by merging this pull request."""
    found: list[Violation] = []
    for source in sources(pull.repository, pull.base_ref):
        for rule in source.rules:
            if not bypasses(world, pull.repository, source, rule, actor, merging=True):
                messages = _merge_messages(world, pull, rule, actor, method)
                found += [
                    Violation(type=rule["type"], message=text, by_ruleset=source.ruleset is not None)
                    for text in messages
                ]
    if has_merge_queue(pull.repository, pull.base_ref):
        found.append(
            Violation(type="merge_queue", message="Changes must be made through the merge queue", by_ruleset=True)
        )
    return found


def _merge_messages(world: World, pull: PullRequest, rule: JSON, actor: Actor, method: str) -> Iterator[str]:
    parameters = rule.get("parameters", {})
    match rule["type"]:
        case "required_status_checks":
            yield from check_messages(
                pull.repository,
                _sha_to_check(pull),
                parameters,
                stale=bool(parameters.get("strict_required_status_checks_policy")) and is_behind(pull),
            )
        case "pull_request":
            yield from _review_messages(world, pull, parameters)
            allowed = parameters.get("allowed_merge_methods")
            if allowed and method not in allowed:
                yield f"Merge method {method} is not allowed by the repository's rules."
        case "required_linear_history" if method == "merge":
            yield "This branch must not contain merge commits."
        case "restrict" if not (isinstance(actor, Person) and actor.account.login in parameters["logins"]):
            yield "You're not authorized to push to this branch."
        case "required_deployments":
            yield from _deployment_messages(pull, parameters)


def _sha_to_check(pull: PullRequest) -> str:
    """Return the test merge commit if it has a check, since GitHub then ignores the head's; otherwise the head."""
    repository = pull.repository
    test_merge = repository.git.ref(f"refs/pull/{pull.number}/merge")
    checked = any(run.head_sha == test_merge for run in repository.check_runs) or any(
        item.sha == test_merge for item in repository.statuses
    )
    return test_merge if test_merge is not None and checked else pull.head_sha


def approvals(world: World, pull: PullRequest, *, stale_count: bool = True) -> tuple[int, bool]:
    """Return (number of approvals, whether changes are requested).

    Of each person with write access, only the last review that approves or requests changes counts.
    """
    last: dict[int, str] = {}
    for review in pull.reviews:
        counts = has_role(world, review.author, pull.repository, "write")
        fresh = stale_count or review.commit_id == pull.head_sha
        if counts and fresh and review.state in ("APPROVED", "CHANGES_REQUESTED"):
            last[review.author.id] = review.state
    return sum(state == "APPROVED" for state in last.values()), "CHANGES_REQUESTED" in last.values()


def dismisses_stale_reviews(repository: Repository, branch: str) -> bool:
    """Whether a push to a pull request dismisses its approvals."""
    return any(
        rule["type"] == "pull_request" and bool(rule.get("parameters", {}).get("dismiss_stale_reviews_on_push"))
        for source in sources(repository, branch)
        for rule in source.rules
    )


def _review_messages(world: World, pull: PullRequest, parameters: JSON) -> Iterator[str]:
    needed = parameters.get("required_approving_review_count", 0)
    given, changes_requested = approvals(world, pull, stale_count=not parameters.get("dismiss_stale_reviews_on_push"))
    if needed and changes_requested:
        yield "Changes have been requested."
    if given < needed:
        noun = "review is" if needed == 1 else "reviews are"
        yield f"At least {needed} approving {noun} required by reviewers with write access."
    if parameters.get("required_review_thread_resolution") and any(not thread.resolved for thread in pull.threads):
        yield "A conversation must be resolved before this pull request can be merged."


def _deployment_messages(pull: PullRequest, parameters: JSON) -> Iterator[str]:
    for environment in parameters.get("required_deployment_environments", []):
        found = [
            item
            for item in pull.repository.deployments
            if item.sha == pull.head_sha and item.environment == environment
        ]
        if not found or found[-1].state != "success":
            yield f"Required deployment to {environment} has not succeeded."
