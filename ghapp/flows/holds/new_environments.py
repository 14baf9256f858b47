"""Decide which environments without a LAST are in force.

The entry of a new environment in the config is in force once a second person has approved the pull request that added
exactly this entry. Otherwise a maintainer of the repository allows the environment by approving its first apply.
"""

from ghapp.events import Person
from ghapp.flows.environments import ConfigInForce, configs_in_force
from ghapp.flows.holds.head_people import has_contributed
from ghapp.flows.repository import FetchedRepo
from ghapp.git import Conflict, GitError
from ghapp.github import Role
from ghapp.repository_config import CONFIG_PATH, BranchEnvironment, ConfigInvalid, RepositoryConfig
from ghapp.store import KnownPullRequest
from ghapp.store.marker_kinds import EntryReviewed
from ghapp.values import CommitSha

_MOST_CONFIGS = 50
"""The most changes of the config that are searched. If an entry is older, a maintainer has to allow its environment."""


async def reviewed_entry(repo: FetchedRepo, environment: BranchEnvironment) -> RepositoryConfig | None:
    """A config in force whose entry for this environment came with a reviewed pull request; None if there is none."""
    for each in await configs_in_force(repo):
        if _has_entry(each.config, environment) and await _was_reviewed(repo, each, environment):
            return each.config
    return None


async def is_in_force(repo: FetchedRepo, environment: BranchEnvironment) -> bool:
    """Whether an environment may be planned and its secrets read: it has a LAST, or its entry was reviewed."""
    if await repo.store.branches.last_of_branch(repo.id, environment.branch) is not None:
        return True
    return await reviewed_entry(repo, environment) is not None


def _has_entry(config: RepositoryConfig, environment: BranchEnvironment) -> bool:
    """Whether the config file has an entry with this environment and branch. A default environment has no entry."""
    named = config.branch_environments.get(environment.name)
    return (
        named is not None
        and named.branch == environment.branch
        and f"environments.{environment.name}" in config.positions
    )


async def _was_reviewed(repo: FetchedRepo, at: ConfigInForce, environment: BranchEnvironment) -> bool:
    added_by = await _find_adding_commit(repo, at.commit, environment)
    if added_by is None:
        return False
    marker = EntryReviewed(repo.id, environment.name, added_by)
    if await repo.store.markers.find(marker) is not None:
        return True
    merged = await repo.store.pull_requests.merged_as(repo.id, (added_by,))
    for pull_request in merged:
        if pull_request.base_branch == at.branch and await _is_reviewed_merge(repo, pull_request, added_by):
            await repo.store.markers.keep(marker, pull_request.number)
            return True
    return False


async def _find_adding_commit(repo: FetchedRepo, tip: CommitSha, environment: BranchEnvironment) -> CommitSha | None:
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
    """Whether this commit is the pull request's merge, and its head was approved by a second person.

    The second person has write access and did not contribute to the pull request.
    """
    parents = await repo.mirror.parents(commit)
    if commit == pull_request.head_sha or not parents:
        return False  # pushed without a pull request, or the repository's first commit
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
        is_contributor = await has_contributed(repo, pull_request, parents[0], person)
        if not is_contributor and await github.role_of(person) >= Role.WRITE:
            return True
    return False


async def _approvers(repo: FetchedRepo, pull_request: KnownPullRequest) -> tuple[Person, ...]:
    """The people who approved the merged head before the merge, in their last review. Mere comments do not count."""
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
