"""The checks that a branch requires, and their state for a commit."""

from __future__ import annotations

from collections import Counter

from ghapp.local_github.protection.sources import sources
from ghapp.local_github.serializers.checks import latest_statuses
from ghapp.local_github.state import JSON, PullRequest, Repository

_GREEN = frozenset({"success", "neutral", "skipped"})


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
    """Return the names of the checks that a branch requires, each with the App from which it has to come."""
    return {
        entry["context"]: entry.get("integration_id")
        for parameters in _required_checks(repository, branch)
        for entry in parameters.get("required_status_checks", [])
    }


def check_states(repository: Repository, branch: str, sha: str) -> list[str]:
    """Return the state of each check that the branch requires, as it is on the commit."""
    return [
        check_state(repository, sha, entry["context"], entry.get("integration_id"))
        for parameters in _required_checks(repository, branch)
        for entry in parameters.get("required_status_checks", [])
    ]


def check_messages(repository: Repository, sha: str, parameters: JSON, *, stale: bool = False) -> list[str]:
    """Return GitHub's messages about required checks. If the pull request has to be up to date with its base and is not
    (`stale`), all checks are "expected"."""
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
    """Return the state of a check: `failing`, `in progress`, `queued`, `pending`, `successful`, or `expected` if there
    is no such check. Of several checks with that name, each App's newest one counts, and the first state in this list
    wins."""
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
