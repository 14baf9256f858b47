"""What every story stands on: the repository's mirror, its config at a commit, its root modules in a tree."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from checks.configuration import Configuration
from checks.configuration.impact import Touched, touched
from checks.configuration.layers import layers
from ghapp.events import Repository, RepositoryRef
from ghapp.git import Mirror, Remote
from ghapp.github import GitHubRepository, Priority, PullRequestSeen
from ghapp.repository_config import CONFIG_PATH, RepositoryConfig, read_config
from ghapp.root_modules import RootModuleSettings, backend_files, lay_out_all
from ghapp.services import Services
from ghapp.store import KnownPullRequest, KnownRepository
from ghapp.terraform import Terraform, find_terraforms
from ghapp.values import CommitSha, EnvironmentName, InstallationId, RunId, TreeId

_MOST_KEPT = 4


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


def as_known(repository: KnownRepository, seen: PullRequestSeen) -> KnownPullRequest:
    """An open pull request as GitHub shows it now."""
    return KnownPullRequest(
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
        draft=seen.draft,
        title=seen.title,
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
    """Read the repository's config as it is at a commit that is not a pull request's own. Raises ConfigInvalid."""
    return await _config_in(mirror, repository, commit)


async def proposed_config(mirror: Mirror, repository: KnownRepository, tree: TreeId) -> RepositoryConfig:
    """Read the config that a pull request would bring: to be checked, never in force. Raises ConfigInvalid."""
    return await _config_in(mirror, repository, tree)


async def _config_in(mirror: Mirror, repository: KnownRepository, treeish: str) -> RepositoryConfig:
    content = await mirror.read_file(treeish, CONFIG_PATH)
    return read_config(content, branches=await mirror.branches(), repository_name=repository.first_name)


async def terraforms(services: Services) -> Sequence[Terraform]:
    """The engines that are installed, looked for again where there was none. Raises TerraformMissing."""
    return services.terraforms or await asyncio.to_thread(find_terraforms, services.settings.terraform)


def adopted_key(repository: KnownRepository) -> str:
    """The mark that what was there when the repository was first seen is adopted: what comes later is judged."""
    return f"adopted:{repository.id}"


async def adopt(services: Services, repository: KnownRepository, mirror: Mirror, config: RepositoryConfig) -> None:
    """Take the tips of branches as adopted when a repository is first seen: what was there before is not judged."""
    if not await is_adopted(services, repository):
        await adopt_under(services, repository, mirror, config)
        await services.store.markers.keep(adopted_key(repository), "all")


async def is_adopted(services: Services, repository: KnownRepository) -> bool:
    """Whether what was there when the repository was first seen is adopted already."""
    return await services.store.markers.find(adopted_key(repository)) is not None


async def adopt_under(
    services: Services, repository: KnownRepository, mirror: Mirror, config: RepositoryConfig
) -> None:
    """Adopt the tips of branches that this config calls environments' and that have no LAST."""
    for environment in config.environments.values():
        if environment.branch is None:
            continue
        tip = await mirror.tip(environment.branch)
        if tip is None or await services.store.branches.last(repository.id, environment.name) is not None:
            continue
        await services.store.branches.move_last(
            repository.id, environment.name, environment.branch, tip, await mirror.tree_of(tip), applied=False
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A tree of the repository, understood: its root modules and how each environment lays them out."""

    config: RepositoryConfig
    configuration: Configuration
    laid: Mapping[EnvironmentName, tuple[RootModuleSettings, ...]]

    def of(self, environment: EnvironmentName) -> dict[str, RootModuleSettings]:
        """The root modules of an environment by directory."""
        return {settings.dir: settings for settings in self.laid[environment]}

    def touched(self, environment: EnvironmentName, changed: Collection[str], base: "Ground | None" = None) -> Touched:
        """Root modules that a change of paths touches in an environment, and those that are gone since `base`."""
        return touched(
            self.configuration,
            changed,
            extra={settings.dir: settings.files for settings in self.laid[environment]},
            base=None if base is None else base.configuration,
        )

    def layers(self, environment: EnvironmentName, dirs: Collection[str]) -> tuple[tuple[str, ...], ...]:
        """The order in which root modules run: layers, each after those that it builds on."""
        depends_on = {settings.dir: settings.depends_on for settings in self.laid[environment]}
        backends = {settings.dir: settings.backend_values for settings in self.laid[environment]}
        return layers(self.configuration, dirs, depends_on, backends)


async def survey(services: Services, mirror: Mirror, config: RepositoryConfig, treeish: str) -> Ground:
    """Understand a tree under a config. Raises JobError where states would be shared or the config names nothing."""
    entries = await mirror.list_tree(treeish)
    configuration = await services.facts.configuration(mirror, entries, config)
    paths = frozenset(entry.path for entry in entries)
    blobs = {entry.path: entry.blob_id for entry in entries}
    wanted = {path: blobs[path] for path in backend_files(config, configuration, paths=paths)}
    read = await mirror.read_blobs(wanted.values())
    contents = {path: read[blob_id] for path, blob_id in wanted.items()}
    laid = lay_out_all(config, configuration, paths=paths, contents=contents)
    return Ground(config=config, configuration=configuration, laid=laid)


_kept: OrderedDict[tuple[RunId, CommitSha, str], Ground] = OrderedDict()


def keep_ground(run_id: RunId, config_sha: CommitSha, tree: str, ground: Ground) -> None:
    """Keep what a run has understood of a tree, for its root modules."""
    _kept[run_id, config_sha, tree] = ground
    _kept.move_to_end((run_id, config_sha, tree))
    while len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)


async def ground_of_run(
    services: Services, repository: KnownRepository, mirror: Mirror, run_id: RunId, config_sha: CommitSha, tree: str
) -> Ground:
    """Understand a tree under the config at a commit, once for all root modules of a run in this process."""
    ground = _kept.get((run_id, config_sha, tree))
    if ground is None:
        ground = await survey(services, mirror, await config_at(mirror, repository, config_sha), tree)
        keep_ground(run_id, config_sha, tree, ground)
    return ground


def blob_url(repository: KnownRepository, sha: CommitSha) -> str:
    """Where GitHub shows the files of a commit: `https://HOST/OWNER/REPO/blob/SHA`."""
    return f"{repository.clone_url.removesuffix('.git')}/blob/{sha}"


def short(sha: str) -> str:
    """A SHA as people read it."""
    return sha[:7]
