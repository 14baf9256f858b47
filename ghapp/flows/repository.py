"""A repository: what is known of it, its mirror, its config at a commit."""

from collections.abc import Collection
from dataclasses import replace

from ghapp.events import PullRequestChanged, PullRequestClosed, Repository, RepositoryRef
from ghapp.git import Mirror, Remote
from ghapp.github import GitHubRepository, Priority, PullRequestSeen
from ghapp.repository_config import CONFIG_PATH, RepositoryConfig, read_config, read_config_in_force
from ghapp.services import Services
from ghapp.store import KnownPullRequest, KnownRepository
from ghapp.values import CommitSha, InstallationId, TreeId


async def see_repository(
    services: Services, repository: Repository, installation_id: InstallationId
) -> KnownRepository:
    """Note the repository of an event."""
    return await services.store.repositories.record(
        id=repository.id,
        installation_id=installation_id,
        full_name=repository.full_name,
        clone_url=repository.clone_url,
        default_branch=repository.default_branch,
    )


def known_pull_request(
    repository: KnownRepository, seen: PullRequestSeen | PullRequestChanged | PullRequestClosed
) -> KnownPullRequest:
    """A pull request as an event or an answer of GitHub describes it; what the API describes counts as open."""
    known = KnownPullRequest(
        repository_id=repository.id,
        number=seen.number,
        state="open",
        head_sha=seen.head.sha,
        head_repository_id=seen.head.repository_id,
        base_branch=seen.base.ref,
        url=seen.url,
        author=seen.author.login,
        author_id=seen.author.id,
        author_is_bot=seen.author.is_bot,
        draft=False if isinstance(seen, PullRequestClosed) else seen.draft,
        title=seen.title,
    )
    if not isinstance(seen, PullRequestClosed):
        return known
    return replace(
        known,
        state="merged" if seen.merged else "closed",
        merge_sha=seen.merge_sha,
        merged_by=None if seen.merged_by is None else seen.merged_by.login,
        merged_at=None if seen.merged_at is None else float(seen.merged_at),
    )


async def github_of(
    services: Services, repository: KnownRepository, *, priority: Priority = "gate"
) -> GitHubRepository:
    """GitHub, narrowed to this repository."""
    ref = RepositoryRef(id=repository.id, full_name=repository.full_name)
    return await services.github.installation(repository.installation_id, ref, priority=priority)


async def fetch(
    services: Services,
    repository: KnownRepository,
    *,
    pull_requests: Collection[int] = (),
    commits: Collection[CommitSha] = (),
) -> Mirror:
    """Bring the repository's mirror up to date, with these commits. Raises GitError and GitHubError."""
    ref = RepositoryRef(id=repository.id, full_name=repository.full_name)
    token = await services.github.git_token(repository.installation_id, ref)
    remote = Remote(repository_id=repository.id, clone_url=repository.clone_url, token=token)
    return await services.mirrors.fetch(remote, pull_requests=tuple(pull_requests), commits=tuple(commits))


async def mirror_with(services: Services, repository: KnownRepository, *commits: CommitSha) -> Mirror:
    """Give the repository's mirror, fetched where it lacks one of these commits: the step before may have been another
    machine's. Raises GitError and GitHubError."""
    mirror = services.mirrors.open(repository.id)
    if mirror is not None and await mirror.has_all(commits):
        return mirror
    return await fetch(services, repository, commits=commits)


async def mirror_with_merge(
    services: Services, repository: KnownRepository, base: CommitSha, head: CommitSha, tree: TreeId
) -> Mirror:
    """Give the mirror with the tree that `head` and `base` merge to, which is in no repository but where it was made.

    Raises GitError and GitHubError.
    """
    mirror = await mirror_with(services, repository, base, head)
    if not await mirror.has(tree):
        await mirror.merge_tree(base, head)
    return mirror


async def config_at(mirror: Mirror, repository: KnownRepository, commit: CommitSha) -> RepositoryConfig:
    """Read the repository's config as it is at a commit that is not a pull request's own. Raises ConfigInvalid.

    What this version does not implement is no reason not to know who decides: whoever plans or applies under it checks.
    """
    content = await mirror.read_file(commit, CONFIG_PATH)
    return read_config_in_force(content, branches=await mirror.branches(), repository_name=repository.first_name)


async def proposed_config(mirror: Mirror, repository: KnownRepository, tree: TreeId) -> RepositoryConfig:
    """Read the config that a pull request would bring: to be checked, never in force. Raises ConfigInvalid."""
    content = await mirror.read_file(tree, CONFIG_PATH)
    return read_config(content, branches=await mirror.branches(), repository_name=repository.first_name)


def blob_url(repository: KnownRepository, sha: CommitSha) -> str:
    """Where GitHub shows the files of a commit: `https://HOST/OWNER/REPO/blob/SHA`."""
    return f"{repository.clone_url.removesuffix('.git')}/blob/{sha}"


def short(sha: str) -> str:
    """A SHA as people read it."""
    return sha[:7]
