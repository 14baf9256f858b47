"""Environments without a LAST, and which of them a merged and reviewed pull request put in force.

A config entry is in force only once a second person has seen exactly that entry. Otherwise a maintainer of the
repository allows the environment by approving its first apply.
"""

from ghapp.events import Person
from ghapp.flows.environments import InForce, in_force
from ghapp.flows.holds.head_people import contributed
from ghapp.flows.repository import FetchedRepo
from ghapp.git import Conflict, GitError
from ghapp.github import Role
from ghapp.repository_config import CONFIG_PATH, BranchEnvironment, ConfigInvalid, RepositoryConfig
from ghapp.store import KnownPullRequest
from ghapp.store.marker_kinds import EntryReviewed
from ghapp.values import CommitSha

_MOST_CONFIGS = 50
"""Entries older than this many changes of the config are not searched for: their environment has to be allowed."""


async def reviewed_entry(repo: FetchedRepo, environment: BranchEnvironment) -> RepositoryConfig | None:
    """A config in force whose entry for this environment came from a reviewed pull request; None if there is none."""
    for each in await in_force(repo):
        if _has_entry(each.config, environment) and await _was_reviewed(repo, each, environment):
            return each.config
    return None


async def is_in_force(repo: FetchedRepo, environment: BranchEnvironment) -> bool:
    """Whether an environment may be planned and its secrets read: it has a LAST, or its entry was reviewed."""
    if await repo.store.branches.last_of_branch(repo.id, environment.branch) is not None:
        return True
    return await reviewed_entry(repo, environment) is not None


def _has_entry(config: RepositoryConfig, environment: BranchEnvironment) -> bool:
    """Whether the file itself names this environment and its branch: a branch cannot make itself one."""
    named = config.branch_environments.get(environment.name)
    return (
        named is not None
        and named.branch == environment.branch
        and f"environments.{environment.name}" in config.positions
    )


async def _was_reviewed(repo: FetchedRepo, at: InForce, environment: BranchEnvironment) -> bool:
    brought_in = await _brought_in(repo, at.commit, environment)
    if brought_in is None:
        return False
    marker = EntryReviewed(repo.id, environment.name, brought_in)
    if await repo.store.markers.find(marker) is not None:
        return True
    merged = await repo.store.pull_requests.merged_as(repo.id, (brought_in,))
    for pull_request in merged:
        if pull_request.base_branch == at.branch and await _is_reviewed_merge(repo, pull_request, brought_in):
            await repo.store.markers.keep(marker, pull_request.number)
            return True
    return False


async def _brought_in(repo: FetchedRepo, tip: CommitSha, environment: BranchEnvironment) -> CommitSha | None:
    """The commit that added the entry to the branch's config."""
    found: CommitSha | None = None
    changed = await repo.mirror.first_parent_changes(tip, CONFIG_PATH, most=_MOST_CONFIGS)
    for commit in changed:
        try:
            if not _has_entry(await repo.config_at(commit), environment):
                return found
        except (ConfigInvalid, GitError):
            return found
        found = commit
    return found if len(changed) < _MOST_CONFIGS else None


async def _is_reviewed_merge(repo: FetchedRepo, pull_request: KnownPullRequest, commit: CommitSha) -> bool:
    """Whether this commit is the pull request's merge, and another person with write access approved that head."""
    parents = await repo.mirror.parents(commit)
    if commit == pull_request.head_sha or not parents:
        return False  # pushed without a pull request, or the very first commit
    if not await repo.mirror.has(pull_request.head_sha):
        repo = await repo.fetch(pull_requests=[pull_request.number])
    try:
        tree = await repo.mirror.merge_tree(parents[0], pull_request.head_sha)
    except GitError:
        return False
    if isinstance(tree, Conflict) or tree != await repo.mirror.tree_of(commit):
        return False
    github = await repo.github()
    for person in await _approvers(repo, pull_request):
        mine = await contributed(repo, pull_request, parents[0], person)
        if not mine and await github.role_of(person) >= Role.WRITE:
            return True
    return False


async def _approvers(repo: FetchedRepo, pull_request: KnownPullRequest) -> tuple[Person, ...]:
    """The people who approved the merged head before its merge, and did not change their mind."""
    if pull_request.merged_at is None:
        return ()
    github = await repo.github()
    last_word: dict[int, Person | None] = {}
    for review in await github.reviews_of(pull_request.number):
        if review.state == "COMMENTED" or review.submitted_at is None or review.author.is_bot:
            continue
        counts = (
            review.state == "APPROVED"
            and review.commit == pull_request.head_sha
            and review.submitted_at < pull_request.merged_at + 1  # GitHub's times are whole seconds
        )
        last_word[review.author.id] = review.author if counts else None
    return tuple(person for person in last_word.values() if person is not None)
