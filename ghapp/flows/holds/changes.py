"""Find the commits that a hold is about, and the contributors to each."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from checks.authority.release import Change
from ghapp.events import GHOST
from ghapp.flows.repository import FetchedRepo
from ghapp.flows.survey import survey_tree
from ghapp.git import CommitContents
from ghapp.repository_config import CONFIG_PATH, BranchEnvironment, ConfigInvalid, RepositoryConfig
from ghapp.root_modules import Survey
from ghapp.store import KnownPullRequest, Last
from ghapp.store.commit_people import RecordedPush, head_of
from ghapp.values import CommitSha, is_no_commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The commits that a hold is about, and the logins of their contributors."""

    changes: tuple[Change, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)


_MOST = 1000
"""If there are more commits, they count as one change by everybody who pushed any of them or opened a pull request."""
_MOST_PAGES = 10
_MOST_LASTS = 20


async def changes_since(
    repo: FetchedRepo,
    environment: BranchEnvironment,
    config: RepositoryConfig,
    last: Last | None,
    tip: CommitSha,
    *,
    explained: bool,
) -> Changes:
    """The commits that a hold of the tip is about, oldest first.

    If pull requests explain the push, these are the commits of their heads, since the merge button's commits do not
    show all contributors. Commits that touch no root module are left out. So are commits that were already applied in
    the environment from which this one is promoted, if pull requests explained them there.
    """
    since = [] if last is None else [last.sha]
    lasts = [each.sha for each in await repo.store.branches.all_last(repo.id)] if last is None else []
    before = await _applied_before(repo, environment, config)
    pushed = await repo.mirror.commits_of(tip, without=[*since, *lasts], most=_MOST + 1)
    merged = await repo.store.pull_requests.merged_as(repo.id, pushed[:_MOST])
    merged = tuple(each for each in merged if each.base_branch == environment.branch)
    commits = list(pushed)
    if explained:
        commits = []
        for pull_request in merged:
            commits += await repo.mirror.commits_of(
                pull_request.head_sha, without=[*since, *lasts, *before], most=_MOST + 1
            )
    else:
        commits = list(await repo.mirror.commits_of(tip, without=[*since, *lasts, *before], most=_MOST + 1))
    commits = list(dict.fromkeys(commits))
    pushes = await repo.store.commit_people.pushes(
        repo.id, commits[:_MOST], [environment.branch, *(head_of(each.number) for each in merged)]
    )
    merge_shas = {each.merge_sha for each in await _merges_of(repo, pushes)}
    if explained:
        # The merge button only pushes commits that others wrote and pushed: pressing it is no contribution.
        pushes = tuple(push for push in pushes if push.after not in merge_shas)
    else:
        pushes = tuple(push for push in pushes if push.branch == environment.branch or push.after not in merge_shas)
    if len(commits) > _MOST:
        return Changes(changes=(_as_one_change(tip, pushes, merged),), names=_names(pushes, merged, {}, {}))
    contents = await repo.mirror.read_contents_of(commits)
    touching = await _commits_touching_root_modules(repo, environment, config, tip, commits, contents)
    writers = await _writers(repo, since or commits[-1:], [tip, *(each.head_sha for each in merged)], touching)
    pushers = await _Pushers.of(repo, touching, pushes, since)
    proposers = {commit: each for each in merged for commit in await _brought_by(repo, each, since)}
    mergers = {} if explained else {each.merge_sha: each.merged_by for each in merged if each.merged_by}
    changes = tuple(
        Change(
            sha=commit,
            writers=frozenset(writers.get(commit, ())) | frozenset(contents[commit].co_authors),
            pushers=pushers.ids(commit),
            proposer=proposers[commit].author_id if commit in proposers else None,
            logins=pushers.logins(commit) | frozenset({mergers[commit]} if commit in mergers else ()),
        )
        for commit in reversed(touching)
    )
    return Changes(changes=changes, names=_names(pushes, merged, writers, contents))


def _names(
    pushes: Sequence[RecordedPush],
    merged: Sequence[KnownPullRequest],
    writers: Mapping[CommitSha, Mapping[int, str]],
    contents: Mapping[CommitSha, CommitContents],
) -> dict[int, str]:
    """The logins of accounts. Those that GitHub names take precedence over those in commit messages."""
    names: dict[int, str] = {}
    for commit in contents.values():
        names |= commit.co_authors
    names |= {each.author_id: each.author for each in merged}
    names |= {push.pusher_id: push.pusher for push in pushes if push.pusher_id is not None}
    for people in writers.values():
        names |= {id: login for id, login in people.items() if login}
    return names


async def _merges_of(repo: FetchedRepo, pushes: Sequence[RecordedPush]) -> tuple[KnownPullRequest, ...]:
    return await repo.store.pull_requests.merged_as(repo.id, tuple(push.after for push in pushes))


async def _applied_before(
    repo: FetchedRepo, environment: BranchEnvironment, config: RepositoryConfig
) -> list[CommitSha]:
    """The recent LASTs of the environment from which this one is promoted, if pull requests explained them."""
    if environment.promote_from is None or environment.promote_from not in config.environments:
        return []
    applied = []
    for last in await repo.store.branches.recently_applied(repo.id, environment.promote_from, limit=_MOST_LASTS):
        found = await repo.store.runs.applies_of_commit(repo.id, last.sha)
        runs = [run for run in found if run.environment == environment.promote_from and run.status == "completed"]
        explained = all(run.apply.held_for != "unexplained" for run in runs)
        if explained and any(run.apply.explains for run in runs):
            applied.append(last.sha)
    return applied


async def _commits_touching_root_modules(
    repo: FetchedRepo,
    environment: BranchEnvironment,
    config: RepositoryConfig,
    tip: CommitSha,
    commits: Sequence[CommitSha],
    contents: dict[CommitSha, CommitContents],
) -> list[CommitSha]:
    """The commits that touch a root module. If that is unknown, the commits that change any file."""
    try:
        survey: Survey | None = await survey_tree(repo, config, tip)
    except ConfigInvalid:
        survey = None

    def concerns(paths: Sequence[str]) -> bool:
        if survey is None or CONFIG_PATH in paths or environment.name not in survey.layout:
            return bool(paths)
        found = survey.touched(environment.name, paths)
        return bool(found.dirs or found.deleted)

    return await asyncio.to_thread(lambda: [commit for commit in commits if concerns(contents[commit].paths)])


async def _writers(
    repo: FetchedRepo, bases: Sequence[CommitSha], heads: Sequence[CommitSha], commits: Sequence[CommitSha]
) -> dict[CommitSha, dict[int, str]]:
    """The authors and committers of commits according to GitHub. It is asked only if some are not recorded yet."""
    known = await repo.store.commit_people.writers(repo.id, commits)
    github = await repo.github()
    for head in heads:
        missing = [commit for commit in commits if commit not in known]
        if not missing or not bases:
            break
        found = await github.writers_between(bases[0], head, most_pages=_MOST_PAGES)
        await repo.store.commit_people.record_writers(repo.id, {sha: found[sha] for sha in missing if sha in found})
        known |= found
    return known


async def _brought_by(repo: FetchedRepo, pull_request: KnownPullRequest, since: Sequence[CommitSha]) -> set[CommitSha]:
    """The commits of a pull request's head, and the commit that the merge button made."""
    brought = set(await repo.mirror.commits_of(pull_request.head_sha, without=since, most=_MOST))
    return brought | ({pull_request.merge_sha} if pull_request.merge_sha is not None else set())


def _as_one_change(tip: CommitSha, pushes: Sequence[RecordedPush], merged: Sequence[KnownPullRequest]) -> Change:
    ids = {push.pusher_id for push in pushes if push.pusher_id} | {each.author_id for each in merged}
    return Change(sha=tip, pushers=frozenset(ids), logins=frozenset(push.pusher for push in pushes))


class _Pushers:
    """The pushers of each commit. If the mirror lacks the commits of a push, its pusher counts for every commit."""

    def __init__(self, brought: Sequence[tuple[RecordedPush, frozenset[CommitSha] | None]]) -> None:
        self._brought = brought

    @classmethod
    async def of(
        cls,
        repo: FetchedRepo,
        commits: Sequence[CommitSha],
        pushes: Sequence[RecordedPush],
        since: Sequence[CommitSha],
    ) -> "_Pushers":
        """Find out which of the commits came with each push."""
        wanted = frozenset(commits)
        brought: list[tuple[RecordedPush, frozenset[CommitSha] | None]] = []
        for push in pushes:
            if is_no_commit(push.after) or not await repo.mirror.has(push.after):
                brought.append((push, None))
                continue
            without = [*since, *(() if is_no_commit(push.before) else (push.before,))]
            found = await repo.mirror.commits_of(push.after, without=without, most=_MOST + 1)
            brought.append((push, wanted.intersection(found)))
        return cls(brought)

    def ids(self, commit: CommitSha) -> frozenset[int]:
        """The accounts that pushed a commit."""
        return frozenset(push.pusher_id for push in self._of(commit) if push.pusher_id not in (None, GHOST.id))

    def logins(self, commit: CommitSha) -> frozenset[str]:
        """The logins of a commit's pushers, for those without a recorded user id."""
        return frozenset(push.pusher for push in self._of(commit) if push.pusher_id is None)

    def _of(self, commit: CommitSha) -> Iterator[RecordedPush]:
        return (push for push, commits in self._brought if commits is None or commit in commits)
