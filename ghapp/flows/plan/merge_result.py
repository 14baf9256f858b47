"""The result of merging a pull request into its base, and the config that the pull request proposes."""

from collections.abc import Collection

from checks.diagnostic import Diagnostic
from ghapp.flows.plan.part import Part
from ghapp.flows.repository import FetchedRepo, short
from ghapp.flows.survey import survey_tree
from ghapp.git import Conflict, Mirror
from ghapp.repository_config import CONFIG_PATH, ConfigInvalid
from ghapp.root_modules import Survey
from ghapp.store import KnownPullRequest, Run
from ghapp.values import CommitSha, TreeId


async def merged_tree(mirror: Mirror, run: Run, base_sha: CommitSha) -> TreeId | Conflict:
    """The tree of the merge result. A merge queue's commit is itself a merge result."""
    if run.group is not None:
        return await mirror.tree_of(run.head_sha)
    return await mirror.merge_tree(base_sha, run.head_sha)


def describe_conflict(conflict: Conflict, pull_request: KnownPullRequest, part: Part) -> str:
    """Why a pull request with a conflict cannot be planned, and what to do."""
    files = ", ".join(f"`{path}`" for path in conflict.paths[:5]) + (" …" if len(conflict.paths) > 5 else "")
    base = pull_request.base_branch
    return (
        f"Conflict with {base} at {short(part.base_sha)} in {files}: merge {base} into the pull request's branch, "
        "resolve the conflict and push."
    )


async def survey_proposed(repo: FetchedRepo, changed: Collection[str], tree: TreeId) -> Survey | ConfigInvalid | None:
    """Survey the tree under the config that a pull request proposes, or return that config's error.

    None if the pull request does not change the config.
    """
    if CONFIG_PATH not in changed:
        return None
    try:
        return await survey_tree(repo, await repo.proposed_config(tree), tree)
    except ConfigInvalid as invalid:
        return invalid


def diagnostics_of(invalid: ConfigInvalid) -> tuple[Diagnostic, ...]:
    """The problems of a config, as diagnostics at its lines."""
    return tuple(
        Diagnostic(
            severity="error",
            summary=f"{problem.key}: {problem.message}" if problem.key else problem.message,
            path=problem.path,
            start_line=problem.line,
            end_line=problem.line,
            start_column=problem.column,
            end_column=problem.column,
        )
        for problem in invalid.problems
    )
