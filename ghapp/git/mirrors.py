"""Fetch repositories into bare mirrors. No two tasks, even of different processes, fetch into one mirror at once."""

import asyncio
import fcntl
import gc
import os
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from weakref import WeakValueDictionary

import stamina

from ghapp.git.errors import AccessDenied, FetchFailed, MissingObject, NoRoomToFetch, RemoteUnavailable
from ghapp.git.kept_answers import KeptAnswers
from ghapp.git.kept_checkouts import KeptCheckouts
from ghapp.git.mirror import Mirror, moving_refs
from ghapp.git.program import git
from ghapp.git.remote import Remote
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER, Programs
from ghapp.processes.private_directories import InUse, locked, make_private, remove_whole, sweep
from ghapp.processes.sandbox import UNCONFINED, Sandbox
from ghapp.values import CommitSha, TreeId

_FETCH_TIMEOUT_S = 900.0
_ATTEMPTS = 4
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0
_LOCK_POLL_S = 0.02
_MOST_FOUND_IN = 16
"""The number of mirrors for which this process remembers the objects that it found."""


class Mirrors:
    """The mirrors of one data directory: `ID.git` for each repository, checkouts beside them.

    `ID.lock` is locked during a fetch, and `ID.used` as long as anybody uses the mirror.
    """

    def __init__(
        self,
        directory: Path,
        *,
        allowed_host: str = "github.com",
        most_kept: int = 2,
        programs: Programs = PROGRAMS_WITHOUT_KEEPER,
        sandbox: Sandbox = UNCONFINED,
    ) -> None:
        """Planward fetches only from `allowed_host` (HOST or HOST:PORT), and sends tokens to no other host.

        `sandbox` is the sandbox of the root modules' runs. If it has mounts (bubblewrap), git also runs in it when it
        writes a checkout. At most `most_kept` checkouts are kept between runs.
        """
        self._directory = directory
        self._programs = programs
        self._sandbox = sandbox
        self._checkouts = directory / "checkouts"
        self._kept_checkouts = KeptCheckouts(most=most_kept)
        self._answers = KeptAnswers()
        self._allowed_host = allowed_host
        self._locks: dict[int, asyncio.Lock] = {}
        self._waiting: dict[int, _Batch] = {}
        self._found: OrderedDict[int, tuple[tuple[int, int] | None, dict[str, TreeId]]] = OrderedDict()
        self._uses: WeakValueDictionary[int, _Use] = WeakValueDictionary()

    def open(self, repository_id: int) -> Mirror | None:
        """Return a repository's mirror without fetching; None if there is none yet."""
        path = self._path(repository_id)
        if not (path / "HEAD").is_file():
            return None
        mirror = self._open_in_use(repository_id)
        # The mirror may have been removed before it was marked as in use.
        return mirror if (path / "HEAD").is_file() else None

    def sweep(self) -> tuple[str, ...]:
        """Remove checkouts that a killed process left."""
        return sweep(self._checkouts)

    def large_files_environment(self, remote: Remote) -> dict[str, str]:
        """The environment in which `git lfs` fetches a remote's objects. Raises RemoteRefused."""
        return remote.environment(self._allowed_host, large_files=True)

    async def fetch(
        self, remote: Remote, *, pull_requests: Sequence[int] = (), commits: Sequence[CommitSha] = ()
    ) -> Mirror:
        """Update the mirror: all branches, the heads of `pull_requests`, and `commits`.

        Branches deleted on the remote are deleted here too, and force-pushed ones move to their new tip. A pull request
        without a ref is ignored; a commit that the remote does not have is an error. Raises RemoteRefused,
        RemoteUnavailable, FetchFailed and MissingObject.
        """
        remote.environment(self._allowed_host)  # raises for a refused address, before anything is created
        path = self._path(remote.repository_id)
        # Callers that wait at the same time share a batch: the first one to get the lock fetches for all of them.
        # Callers that arrive after the start of that fetch share the next batch.
        batch = self._waiting.setdefault(remote.repository_id, _Batch())
        batch.pull_requests.update(int(number) for number in pull_requests)
        async with self._lock_mirror(remote.repository_id):
            if not batch.fetched:
                if self._waiting.get(remote.repository_id) is batch:
                    del self._waiting[remote.repository_id]
                await self._create(path)
            mirror = self._open_in_use(remote.repository_id)
            if not batch.fetched:
                with moving_refs(path):
                    await self._fetch(path, remote, ["--prune", *_OPTIONS], batch.refspecs())
                batch.fetched = True
            missing = [sha for sha in dict.fromkeys(commits) if not await mirror.has(sha)]
            if missing:
                await self._fetch_commits(path, remote, mirror, missing)
        return mirror

    async def _fetch_commits(self, path: Path, remote: Remote, mirror: Mirror, missing: Sequence[CommitSha]) -> None:
        # Each commit gets its own ref, so that it stays reachable.
        refspecs = [f"{sha}:refs/planward/commits/{sha}" for sha in missing]
        try:
            await self._fetch(path, remote, _OPTIONS, refspecs)
        except FetchFailed as error:
            still = [sha for sha in missing if not await mirror.has(sha)]
            raise MissingObject(
                f"commit {still[0] if still else missing[0]} is not in the repository any more, or GitHub does not "
                "return it: push it again, or push a newer commit"
            ) from error

    async def _fetch(self, path: Path, remote: Remote, options: Sequence[str], refspecs: Sequence[str]) -> None:
        """Fetch; repeat if the remote is unavailable, and use another token if it refuses this one."""
        attempts = stamina.retry_context(
            on=RemoteUnavailable,
            attempts=_ATTEMPTS,
            timeout=_FETCH_TIMEOUT_S,
            wait_initial=_FIRST_PAUSE_S,
            wait_max=_LONGEST_PAUSE_S,
            wait_jitter=_FIRST_PAUSE_S,
        )
        async for attempt in attempts:
            with attempt:
                try:
                    await self._fetch_once(path, remote, options, refspecs)
                except AccessDenied:
                    if remote.renew is None or remote.token is None:
                        raise
                    remote = replace(remote, token=await remote.renew(remote.token))
                    try:
                        await self._fetch_once(path, remote, options, refspecs)
                    except AccessDenied as denied:
                        # GitHub has just issued a token for the repository, so it exists and the App may read it: the
                        # refusal is temporary.
                        raise RemoteUnavailable(str(denied)) from None

    async def _fetch_once(self, path: Path, remote: Remote, options: Sequence[str], refspecs: Sequence[str]) -> None:
        words = (*options, "--end-of-options", remote.clone_url, *refspecs)
        environ = remote.environment(self._allowed_host)
        ended = await git(
            self._programs,
            f"--git-dir={path}",
            "fetch",
            *words,
            environ=environ,
            timeout_s=_FETCH_TIMEOUT_S,
            memory_bytes=None,
        )
        if ended.exit_code:
            raise _failure(ended.stderr.decode(errors="replace"))

    def stored(self) -> "Iterator[StoredMirror]":
        """Every mirror in the data directory."""
        for path in sorted(self._directory.glob("*.git")):
            if path.stem.isdecimal():
                mark = self._mark(int(path.stem))
                used_at = (mark if mark.exists() else path).stat().st_mtime
                yield StoredMirror(repository_id=int(path.stem), path=path, used_at=used_at)

    def remove(self, repository_id: int) -> bool:
        """Remove a mirror; the next use fetches it again. Returns False if it is in use."""
        if repository_id in self._uses:
            # A reference cycle that a finished run left may still keep the mirror in use: asyncio's process objects
            # form such cycles.
            gc.collect()
        with locked(self._directory / f"{repository_id}.lock") as no_fetch:
            if not no_fetch:
                return False
            with locked(self._mark(repository_id)) as unused:
                if not unused:
                    return False
                remove_whole(self._path(repository_id), self._checkouts)
        return True

    def _open_in_use(self, repository_id: int) -> Mirror:
        """Return the mirror, marked as in use as long as the returned object exists."""
        use = self._uses.get(repository_id)
        if use is None:
            self._uses[repository_id] = use = _Use(self._mark(repository_id))
        use.mark()
        # Now the mirror is marked as in use, so nobody removes it while its objects are looked up.
        if use.found is None:
            use.found = self._found_before(repository_id)
        return Mirror(
            self._path(repository_id),
            self._checkouts,
            self._kept_checkouts,
            use,
            found=use.found,
            answers=self._answers,
            programs=self._programs,
            sandbox=self._sandbox,
        )

    def _found_before(self, repository_id: int) -> dict[str, TreeId]:
        """The objects that this process found in a mirror; empty if the mirror was removed and fetched again since."""
        identity = None
        with suppress(OSError):  # there is no mirror
            made = (self._path(repository_id) / "HEAD").stat()
            identity = made.st_ino, made.st_mtime_ns
        found = self._found.pop(repository_id, None)
        if found is None or found[0] != identity:
            found = (identity, {})
        self._found[repository_id] = found
        if len(self._found) > _MOST_FOUND_IN:
            self._found.popitem(last=False)
        return found[1]

    def _mark(self, repository_id: int) -> Path:
        """The file that is locked while the mirror is in use, and whose time is that of the last use."""
        return self._directory / f"{int(repository_id)}.used"

    def _path(self, repository_id: int) -> Path:
        return self._directory / f"{int(repository_id)}.git"

    async def _create(self, path: Path) -> None:
        """Create the mirror if there is none; otherwise remove the locks that a killed git left in it."""
        if path.is_dir():
            _remove_stale_locks(path)
            return
        # Create it elsewhere and rename it, so that a killed process never leaves an incomplete mirror at this path.
        making = make_private(path.with_suffix(".making"))
        made = await git(self._programs, "init", "--quiet", "--bare", "--template=", making)
        if made.exit_code:
            raise FetchFailed(
                "the mirror of the repository could not be created: ask the operator whether Planward's data directory "
                "is full, then press Re-run"
            )
        making.rename(path)

    @asynccontextmanager
    async def _lock_mirror(self, repository_id: int) -> AsyncIterator[None]:
        make_private(self._directory)
        async with self._locks.setdefault(repository_id, asyncio.Lock()):
            held = os.open(self._directory / f"{repository_id}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # Poll instead of waiting in a thread, which could not be cancelled.
                while not _try_lock(held):  # noqa: ASYNC110
                    await asyncio.sleep(_LOCK_POLL_S)
                yield
            finally:
                os.close(held)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMirror:
    """A mirror in the data directory, and the time of its last use (seconds since 1970)."""

    repository_id: int
    path: Path
    used_at: float


class _Use(InUse):
    """Shared by the tasks of this process that use a mirror at the same time: keeps the mirror in use."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.found: dict[str, TreeId] | None = None


@dataclass(slots=True)
class _Batch:
    """The refs to fetch for all waiting callers. If the fetch fails, the next caller tries again."""

    pull_requests: set[int] = field(default_factory=set)
    fetched: bool = False

    def refspecs(self) -> list[str]:
        # `hea*` is a pattern that matches only `head`. If the ref is missing, a full name would make the fetch fail.
        heads = [f"+refs/pull/{number}/hea*:refs/pull/{number}/hea*" for number in sorted(self.pull_requests)]
        return ["+refs/heads/*:refs/heads/*", *heads]


_OPTIONS = (
    "--quiet",
    "--no-tags",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--no-show-forced-updates",
)


def _remove_stale_locks(mirror: Path) -> None:
    """Remove git's own locks. While this process holds the mirror's lock, they can only be from a killed process."""
    for lock in (*mirror.glob("*.lock"), *(mirror / "refs").rglob("*.lock")):
        lock.unlink(missing_ok=True)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_DISCONNECTED = re.compile(
    r"error: (429|5\d\d)|could not resolve|failed to connect|couldn't connect|connection (refused|reset)|timed out|"
    r"empty reply|recv failure|transfer closed|hung up|early eof|unexpected disconnect|operation too slow|"
    r"ssl_(read|connect)|was not closed cleanly|invalid index-pack output|bad line length|expected flush|"
    r"unable to rewind",
    re.IGNORECASE,
)
"""Messages of git and curl if the remote does not answer, or stops in the middle."""
_NOT_ALLOWED = re.compile(r"could not read Username|Authentication failed|error: 40[13]")
_NOT_FOUND = re.compile(r"not found|error: 404", re.IGNORECASE)
_NO_ROOM = re.compile(r"no space left|disk quota exceeded", re.IGNORECASE)


def _failure(stderr: str) -> FetchFailed | RemoteUnavailable:
    # This comes first: if git cannot write, its other messages say that the remote hung up.
    if _NO_ROOM.search(stderr):
        return NoRoomToFetch(
            "the repository could not be fetched: the data directory of Planward is full; the operator has to make "
            "room. Press Re-run afterwards"
        )
    # GitHub also hangs up if it does not have a commit that was requested by its SHA.
    if _DISCONNECTED.search(stderr) and "not our ref" not in stderr:
        return RemoteUnavailable("GitHub could not be reached to fetch the repository")
    if _NOT_ALLOWED.search(stderr):
        return AccessDenied(
            "GitHub did not let Planward fetch the repository: an owner has to check that the App is still installed "
            "on it, with the permission Contents: read; then press Re-run"
        )
    if _NOT_FOUND.search(stderr):
        return AccessDenied(
            "GitHub does not know the repository at its clone_url: if it was renamed, push again; otherwise an owner "
            "has to check that the App is still installed on it"
        )
    return FetchFailed(_cause(stderr))


def _cause(stderr: str) -> str:
    if "redirect" in stderr:
        return (
            "GitHub redirects the repository's clone_url, because the repository was renamed. Push again, and "
            "Planward learns the new clone_url"
        )
    return "the repository could not be fetched from GitHub: press Re-run to try again; Planward's log may say more"
