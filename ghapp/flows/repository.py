"""A repository: its record in the store, its mirror, its config at a commit."""

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from checks.authority.chat import ChatHosts
from checks.authority.teams import OperatorsRules
from ghapp.events import PullRequestChanged, PullRequestClosed, Repository, RepositoryRef
from ghapp.git import LargeFiles, Mirror, Remote
from ghapp.github import GitHubRepository, Priority, PullRequestSeen
from ghapp.repository_config import (
    CONFIG_PATH,
    ConfigInvalid,
    Problem,
    RepositoryConfig,
    with_root_modules_of,
)
from ghapp.services import Services
from ghapp.store import KnownPullRequest, KnownRepository, Store
from ghapp.values import CommitSha, InstallationId, RepositoryId, TreeId
from ghapp.vault import RepositoryAuthority


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo:
    """A repository and the services, as flows use them."""

    services: Services
    known: KnownRepository

    @property
    def id(self) -> RepositoryId:
        """GitHub's id; it survives renames and transfers."""
        return self.known.id

    @property
    def full_name(self) -> str:
        """`OWNER/NAME` according to the newest event."""
        return self.known.full_name

    @property
    def store(self) -> Store:
        """Planward's store."""
        return self.services.store

    @property
    def ref(self) -> RepositoryRef:
        """The repository's reference for calls to GitHub's API."""
        return RepositoryRef(id=self.known.id, full_name=self.known.full_name)

    async def github(self, *, priority: Priority = "gate") -> GitHubRepository:
        """GitHub's API, limited to this repository."""
        return await self.services.github.repository(self.known.installation_id, self.ref, priority=priority)

    async def fetch(self, *, pull_requests: Collection[int] = (), commits: Collection[CommitSha] = ()) -> "FetchedRepo":
        """Update the mirror, and fetch these pull requests and commits too. Raises GitError and GitHubError."""

        remote = await self._remote()
        mirror = await self.services.mirrors.fetch(remote, pull_requests=tuple(pull_requests), commits=tuple(commits))
        return FetchedRepo(services=self.services, known=self.known, mirror=mirror)

    async def _remote(self) -> Remote:
        async def renew(refused: str) -> str:
            return await self.services.github.git_token(self.known.installation_id, self.ref, refused=refused)

        token = await self.services.github.git_token(self.known.installation_id, self.ref)
        return Remote(repository_id=self.id, clone_url=self.known.clone_url, token=token, renew=renew)

    async def with_commits(self, *commits: CommitSha, pull_requests: Collection[int] = ()) -> "FetchedRepo":
        """Return the repository with its mirror, fetched first if the mirror lacks one of these commits.

        The previous step may have run on another machine. Raises GitError and GitHubError.
        """
        mirror = self.services.mirrors.open(self.id)
        if mirror is not None and await mirror.has_all(commits):
            return FetchedRepo(services=self.services, known=self.known, mirror=mirror)
        return await self.fetch(commits=() if pull_requests else commits, pull_requests=pull_requests)

    async def with_merge(self, base: CommitSha, head: CommitSha, tree: TreeId) -> "FetchedRepo":
        """Return the repository with a mirror that has the tree that results from merging `head` into `base`.

        The tree exists only in the mirror in which it was made, so it may have to be made again. Raises GitError and
        GitHubError.
        """
        repo = await self.with_commits(base, head)
        if not await repo.mirror.has(tree):
            await repo.mirror.merge_tree(base, head)
        return repo

    async def authority(self) -> RepositoryAuthority:
        """The rules for which secrets this repository's runs may read.

        Raises GitHubError if these rules depend on the App's owner and GitHub cannot be asked for it.
        """
        settings = self.services.settings.authority
        app_owner = (await self.services.github.owner()) or None if settings.team_by_name else None
        return RepositoryAuthority(
            repository=await self.store.repositories.identity(self.known),
            rules=OperatorsRules(teams=settings.teams, app_owner=app_owner),
            secret_paths=settings.secret_paths,
        )

    def blob_url(self, sha: CommitSha) -> str:
        """The address of a commit's files on GitHub: `https://HOST/OWNER/REPO/blob/SHA`."""
        return f"{self.known.clone_url.removesuffix('.git')}/blob/{sha}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedRepo(Repo):
    """A repository whose mirror is on this machine."""

    mirror: Mirror

    @asynccontextmanager
    async def checkout(
        self, tree: TreeId, *, use: Literal["plan", "apply"], pointers: Collection[str], read: Collection[str]
    ) -> AsyncIterator[Path]:
        """Check out a tree for one root run.

        `pointers` are the paths of all Git LFS pointers in the tree. Those in `read` get their contents, and the
        others are removed from the checkout.
        """
        environ = self.services.mirrors.large_files_environment(await self._remote()) if read else {}
        unread = tuple(path for path in pointers if path not in set(read))
        large_files = LargeFiles(read=tuple(read), unread=unread, environ=environ)
        async with self.mirror.checkout(tree, large_files, use=use) as directory:
            yield directory

    async def config_at(self, commit: CommitSha) -> RepositoryConfig:
        """Read the config at a commit of a branch. Raises ConfigInvalid. See `proposed_config` for pull requests.

        Keys that this version does not implement are accepted here, because even a config with such keys has to say
        who decides. Code that plans or applies under the config refuses such keys.
        """
        content = await self.mirror.read_file(commit, CONFIG_PATH)
        branches = await self.mirror.branches()
        return await self._read_config(content, branches)

    async def config_for(self, commit: CommitSha, tree: TreeId) -> RepositoryConfig:
        """Read the config for a tree: the one at a commit, with the root modules that the tree's own config lists.

        If the tree's own config is invalid or has keys that this version does not implement, its root modules are
        ignored. Raises ConfigInvalid.
        """
        config = await self.config_at(commit)
        content = await self.mirror.read_file(tree, CONFIG_PATH)
        if content == await self.mirror.read_file(commit, CONFIG_PATH):
            return config
        try:
            proposed = await self._read_config(content, await self.mirror.branches())
        except ConfigInvalid:
            return config
        return config if proposed.unimplemented else with_root_modules_of(config, proposed)

    async def proposed_config(self, tree: TreeId) -> RepositoryConfig:
        """Read the config that a pull request proposes, to check it: it is not in force. Raises ConfigInvalid."""
        content = await self.mirror.read_file(tree, CONFIG_PATH)
        branches = await self.mirror.branches()
        config = await self._read_config(content, branches)
        config.require_implemented()
        if problems := tuple(refused_chats(config, self.services.settings.authority.chat)):
            raise ConfigInvalid(problems)
        return config

    async def _read_config(self, content: bytes | None, branches: Collection[str]) -> RepositoryConfig:
        configs = self.services.configs
        return await configs.read(content, branches=branches, repository_name=self.known.first_name)


def refused_chats(config: RepositoryConfig, hosts: ChatHosts) -> Iterator[Problem]:
    """A problem for each address in `notify` to which the operator does not allow messages."""
    for number, target in enumerate(config.notify):
        reason = None if target.url.startswith("vault:") else hosts.refusal(target.url)
        if reason is not None:
            key = f"notify[{number}].url"
            position = config.positions[key]
            yield Problem(path=CONFIG_PATH, line=position.line, column=position.column, key=key, message=reason)


async def load_repo(services: Services, id: RepositoryId) -> Repo:
    """The repository of this id. Raises KeyError."""
    return Repo(services=services, known=await services.store.repositories.load(id))


async def record_repo(services: Services, repository: Repository, installation_id: InstallationId) -> Repo:
    """Record the repository of an event."""
    known = await services.store.repositories.record(
        id=repository.id,
        installation_id=installation_id,
        full_name=repository.full_name,
        clone_url=repository.clone_url,
        default_branch=repository.default_branch,
    )
    return Repo(services=services, known=known)


def known_pull_request(
    repository: RepositoryId, seen: PullRequestSeen | PullRequestChanged | PullRequestClosed
) -> KnownPullRequest:
    """A pull request as an event or GitHub's API describes it. One from the API counts as open."""
    known = KnownPullRequest(
        repository_id=repository,
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


def short(sha: str) -> str:
    """A SHA shortened for people."""
    return sha[:7]
