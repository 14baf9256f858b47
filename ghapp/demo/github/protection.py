"""What protects a branch: classic protection and rulesets, read as one list of rules, asked at merge and at push."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ghapp.demo.github.access import Actor, Installed, Person, base_role, has_role, role_name
from ghapp.demo.github.shapes.checks import latest_statuses
from ghapp.demo.github.state import JSON, BranchProtection, PullRequest, Repository, Ruleset
from ghapp.demo.github.world import World

_ROLE_IDS = {2: "maintain", 4: "write", 5: "admin"}
_GREEN = frozenset({"success", "neutral", "skipped"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One ruleset or the classic protection of a branch, its rules in the rulesets' form."""

    ruleset: Ruleset | None
    rules: tuple[JSON, ...]
    enforce_admins: bool = True


def sources(repository: Repository, branch: str) -> list[Source]:
    found = [
        Source(ruleset=ruleset, rules=tuple(ruleset.rules))
        for ruleset in repository.rulesets
        if ruleset.enforcement == "active" and _applies(ruleset, repository, branch)
    ]
    protection = repository.protections.get(branch)
    if protection is not None:
        found.append(Source(ruleset=None, rules=_classic_rules(protection), enforce_admins=protection.enforce_admins))
    return found


def _applies(ruleset: Ruleset, repository: Repository, branch: str) -> bool:
    names = ruleset.conditions.get("ref_name", {})
    included = any(_matches(pattern, repository, branch) for pattern in names.get("include", ["~ALL"]))
    return included and not any(_matches(pattern, repository, branch) for pattern in names.get("exclude", []))


def _matches(pattern: str, repository: Repository, branch: str) -> bool:
    if pattern == "~ALL":
        return True
    if pattern == "~DEFAULT_BRANCH":
        return branch == repository.default_branch
    return fnmatch.fnmatchcase(f"refs/heads/{branch}", pattern)


def _classic_rules(protection: BranchProtection) -> tuple[JSON, ...]:
    rules: list[JSON] = []
    if not protection.allow_force_pushes:
        rules.append({"type": "non_fast_forward"})
    if not protection.allow_deletions:
        rules.append({"type": "deletion"})
    if protection.linear_history:
        rules.append({"type": "required_linear_history"})
    if protection.restrict_pushes_to is not None:
        rules.append({"type": "restrict", "parameters": {"logins": protection.restrict_pushes_to}})
    if protection.pull_request_required or protection.conversation_resolution:
        parameters: JSON = {
            "required_approving_review_count": protection.required_approvals if protection.pull_request_required else 0,
            "dismiss_stale_reviews_on_push": protection.dismiss_stale_reviews,
            "required_review_thread_resolution": protection.conversation_resolution,
            "direct_pushes": not protection.pull_request_required,
        }
        rules.append({"type": "pull_request", "parameters": parameters})
    if protection.required_checks is not None:
        checks = [{"context": check.context, "integration_id": check.app_id} for check in protection.required_checks]
        parameters = {"required_status_checks": checks, "strict_required_status_checks_policy": protection.strict}
        rules.append({"type": "required_status_checks", "parameters": parameters})
    return tuple(rules)


def has_merge_queue(repository: Repository, branch: str) -> bool:
    ruled = any(rule["type"] == "merge_queue" for source in sources(repository, branch) for rule in source.rules)
    return ruled or branch in repository.merge_queues


# -- who may bypass ------------------------------------------------------------------------------------------------


def _bypasses(world: World, repository: Repository, source: Source, rule: JSON, actor: Actor, *, merging: bool) -> bool:
    if source.ruleset is None:
        fixed = rule["type"] in ("non_fast_forward", "deletion")
        return (
            not fixed
            and not source.enforce_admins
            and isinstance(actor, Person)
            and has_role(world, actor.account, repository, "admin")
        )
    return any(_named(world, repository, entry, actor, merging=merging) for entry in source.ruleset.bypass_actors)


def _named(world: World, repository: Repository, entry: JSON, actor: Actor, *, merging: bool) -> bool:
    if entry.get("bypass_mode", "always") == "pull_request" and not merging:
        return False
    kind, number = entry.get("actor_type"), entry.get("actor_id")
    if isinstance(actor, Installed):
        return kind == "Integration" and number == actor.token.installation.app.id
    if not isinstance(actor, Person):
        return False
    account = actor.account
    if kind == "OrganizationAdmin":
        return world.organization_members.get(repository.owner.id, {}).get(account.id) == "admin"
    if kind == "RepositoryRole":
        return base_role(world, repository, role_name(world, account, repository)) == _ROLE_IDS.get(number or 0)
    return kind == "Team" and any(team.id == number and account.id in team.members for team in world.teams)


# -- the questions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule that says no. `type` is the rule's, `message` what GitHub answers."""

    type: str
    message: str
    by_ruleset: bool


def merge_violations(world: World, pull: PullRequest, actor: Actor, *, method: str) -> list[Violation]:
    """What stands between this pull request and its base branch, for the one who presses the button."""
    found: list[Violation] = []
    for source in sources(pull.repository, pull.base_ref):
        for rule in source.rules:
            if not _bypasses(world, pull.repository, source, rule, actor, merging=True):
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
                _judged_sha(pull),
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


def _judged_sha(pull: PullRequest) -> str:
    """The head; or the test merge commit, where somebody put a check on it: it hides the head's."""
    repository = pull.repository
    test_merge = repository.git.ref(f"refs/pull/{pull.number}/merge")
    checked = any(run.head_sha == test_merge for run in repository.check_runs) or any(
        item.sha == test_merge for item in repository.statuses
    )
    return test_merge if test_merge is not None and checked else pull.head_sha


def approvals(world: World, pull: PullRequest, *, stale_count: bool = True) -> tuple[int, bool]:
    """(approvals that count, whether changes are requested), by each writer's last word."""
    last: dict[int, str] = {}
    for review in pull.reviews:
        counts = not review.dismissed and has_role(world, review.author, pull.repository, "write")
        fresh = stale_count or review.commit_id == pull.head_sha
        if counts and fresh and review.state in ("APPROVED", "CHANGES_REQUESTED"):
            last[review.author.id] = review.state
    return sum(state == "APPROVED" for state in last.values()), "CHANGES_REQUESTED" in last.values()


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


def is_behind(pull: PullRequest) -> bool:
    tip = pull.repository.git.tip(pull.base_ref)
    return tip is not None and not pull.repository.git.is_ancestor(tip, pull.head_sha)


def must_be_up_to_date(repository: Repository, branch: str) -> bool:
    return any(
        parameters.get("strict_required_status_checks_policy") for parameters in _required_checks(repository, branch)
    )


def _required_checks(repository: Repository, branch: str) -> list[JSON]:
    rules = [rule for source in sources(repository, branch) for rule in source.rules]
    return [rule.get("parameters", {}) for rule in rules if rule["type"] == "required_status_checks"]


def required_contexts(repository: Repository, branch: str) -> dict[str, int | None]:
    """The names of the checks that a branch requires, each with the App that it has to come from."""
    return {
        entry["context"]: entry.get("integration_id")
        for parameters in _required_checks(repository, branch)
        for entry in parameters.get("required_status_checks", [])
    }


def check_states(repository: Repository, branch: str, sha: str) -> list[str]:
    """The state of each check that the branch requires, for a commit."""
    return [
        check_state(repository, sha, entry["context"], entry.get("integration_id"))
        for parameters in _required_checks(repository, branch)
        for entry in parameters.get("required_status_checks", [])
    ]


def check_messages(repository: Repository, sha: str, parameters: JSON, *, stale: bool = False) -> list[str]:
    """What GitHub says of required checks; where the branch has to be up to date and is not, all are "expected"."""
    wanted = parameters.get("required_status_checks", [])
    states = [
        (
            entry["context"],
            "expected" if stale else check_state(repository, sha, entry["context"], entry.get("integration_id")),
        )
        for entry in wanted
    ]
    missing = [(context, state) for context, state in states if state != "successful"]
    if not missing:
        return []
    if len(missing) == 1:
        return [f'Required status check "{missing[0][0]}" is {missing[0][1]}.']
    counts = Counter(state for _, state in missing)
    if set(counts) == {"expected"} and len(missing) == len(wanted):
        return [f"{len(missing)} of {len(wanted)} required status checks are expected."]
    counted = ", ".join(f"{number} {state}" for state, number in counts.items())
    return [f"{len(missing)} of {len(wanted)} required status checks have not succeeded: {counted}."]


def check_state(repository: Repository, sha: str, context: str, app_id: int | None) -> str:
    """`successful`, `failing`, `in progress`, `queued`, `pending` or `expected`: the newest of that name and source."""
    runs = [
        run
        for run in repository.check_runs
        if run.head_sha == sha and run.name == context and app_id in (None, -1, run.app.id)
    ]
    newest = {run.app.id: run for run in sorted(runs, key=lambda run: run.id)}.values()
    states = [_run_state(run.status, run.conclusion) for run in newest]
    for item in latest_statuses(repository, sha):
        if item.context == context and app_id in (None, -1, item.app_id):
            states.append({"success": "successful", "pending": "pending"}.get(item.state, "failing"))
    return next(
        (state for state in ("failing", "in progress", "queued", "pending", "successful") if state in states),
        "expected",
    )


def _run_state(status: str, conclusion: str | None) -> str:
    if status != "completed":
        return "in progress" if status == "in_progress" else "queued" if status == "queued" else "pending"
    return "successful" if conclusion in _GREEN else "failing"


def push_violations(
    world: World, repository: Repository, branch: str, actor: Actor, *, after: str | None
) -> list[Violation]:
    """What says no to a direct push of `after` (None: a deletion). Force pushes are told apart by `denies_force`."""
    found: list[Violation] = []
    for source in sources(repository, branch):
        for rule in source.rules:
            if _bypasses(world, repository, source, rule, actor, merging=False):
                continue
            messages = _push_messages(repository, branch, rule, actor, after)
            found += [
                Violation(type=rule["type"], message=text, by_ruleset=source.ruleset is not None) for text in messages
            ]
    if has_merge_queue(repository, branch) and after is not None:
        found.append(
            Violation(type="merge_queue", message="Changes must be made through the merge queue", by_ruleset=True)
        )
    return found


def _push_messages(repository: Repository, branch: str, rule: JSON, actor: Actor, after: str | None) -> Iterator[str]:
    parameters = rule.get("parameters", {})
    exists = repository.git.tip(branch) is not None
    match rule["type"]:
        case "deletion" if after is None:
            yield "Cannot delete this protected branch"
        case "creation" if not exists and after is not None:
            yield "Cannot create ref due to creations being restricted."
        case "update" if exists and after is not None:
            yield "Cannot update this protected ref."
        case "pull_request" if after is not None and exists and not parameters.get("direct_pushes"):
            yield "Changes must be made through a pull request."
        case "required_status_checks" if after is not None and exists:
            yield from check_messages(repository, after, parameters)
        case "restrict" if not (isinstance(actor, Person) and actor.account.login in parameters["logins"]):
            yield "You're not authorized to push to this branch."


def denies_force(world: World, repository: Repository, branch: str, actor: Actor) -> bool:
    return any(
        rule["type"] == "non_fast_forward" and not _bypasses(world, repository, source, rule, actor, merging=False)
        for source in sources(repository, branch)
        for rule in source.rules
    )
