"""The sandboxes without mounts: `uid`, which runs each root run as its own user, and `none`.

A worker that is root but may not create namespaces, as in most containers, starts root runs under uids from a pool.
Only the uid can access the run's directories, and it cannot access Planward's. Processes left under the uid are killed.
All runs of a repository see their checkout at the same path. Without mounts, only one checkout at a time can be there,
so these runs take turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ghapp.errors import NoRoom
from ghapp.processes.keyrings import join_empty_keyring
from ghapp.processes.private_directories import make_private
from ghapp.processes.same_path import PATHS, SamePath
from ghapp.processes.sandbox import Command, Reach, SandboxName
from ghapp.processes.uid_pool import TakenUid, hand_over, take_uid

_CHECKOUT, _PRIVATE = "checkout", "run"
UID_PROTECTION = "Terraform runs under a uid of its own: it can do only what every user of this machine can"
_PROBE_TIMEOUT_S = 20
_PR_SET_NO_NEW_PRIVS = 38


class UidFails(Exception):
    """Uids cannot be used here. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtPath:
    """The sandboxes that move a run's directories to its repository's path."""

    paths: Path
    name: SandboxName
    protection: str
    has_mounts: bool = False
    shares_caches: bool = True

    def keeps(self, file: Path) -> bool:
        """Always true: without mounts, a run writes its files directly to this machine's file system."""
        return True

    def confine(self, reach: Reach) -> RunAtPath:
        """Confine one root run."""
        moved = {_CHECKOUT: reach.checkout, _PRIVATE: reach.private}
        at = SamePath(path=self.paths / reach.repository, moved=moved)
        return RunAtPath(at=at, reach=reach, has_uid=self.name == "uid")


def without_sandbox(data_dir: Path) -> AtPath:
    """The sandbox `none`: runs are not confined, but each repository has its own path."""
    paths = data_dir / PATHS
    paths.mkdir(mode=0o700, parents=True, exist_ok=True)
    return AtPath(
        paths=paths,
        name="none",
        protection="Terraform runs without a sandbox: a plan's code can read everything that Planward's user can",
    )


def probe_uids(data_dir: Path) -> AtPath:
    """Start a test command under a uid of the pool, as in a root run. Raises UidFails."""
    if os.geteuid() != 0:
        raise UidFails("Planward is not root")
    paths = data_dir / PATHS
    try:
        make_private(data_dir)
        paths.mkdir(mode=0o711, exist_ok=True)
        paths.chmod(0o711)
        _open_path_for_uids(data_dir)
        taken = take_uid()
    except OSError as error:
        raise UidFails(f"Planward's directories cannot be prepared ({type(error).__name__})") from error
    if taken is None:
        raise UidFails("no uid of the pool is free")
    try:
        ended = subprocess.run(
            ["/bin/sh", "-c", 'test -x "$1" && ! test -r "$2"', "sh", paths, data_dir],
            user=taken.uid,
            group=taken.uid,
            extra_groups=[],
            env={},
            cwd=paths,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UidFails(f"other users cannot enter PLANWARD_DATA_DIR ({type(error).__name__})") from error
    finally:
        taken.give_back()
    if ended.returncode:
        raise UidFails("other users cannot enter PLANWARD_DATA_DIR, or can list it")
    return AtPath(
        paths=paths,
        name="uid",
        protection=UID_PROTECTION,
        shares_caches=False,
    )


def _open_path_for_uids(data_dir: Path) -> None:
    """Let the uids pass through the data directory to the repositories' paths, but access nothing else in it."""
    for path in data_dir.iterdir():
        if not path.is_symlink() and path.name != PATHS:
            with contextlib.suppress(FileNotFoundError):  # it may be gone by now, for example a database's journal
                path.chmod(stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXU)
    data_dir.chmod(0o711)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAtPath:
    """One root run at its repository's path, as its own user if it `has_uid`."""

    at: SamePath
    reach: Reach
    has_uid: bool
    _taken: list[TakenUid] = field(default_factory=list)
    _turn: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    @contextlib.asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Take a uid and the path, and release them at the end."""
        async with contextlib.AsyncExitStack() as stack:
            if self.has_uid:
                stack.push_async_callback(self._give_back)
                await asyncio.to_thread(self._take)
            async with self._turn:
                await self._turn.enter_async_context(self.at.taken())
                for taken in self._taken:
                    await asyncio.to_thread(self._hand_over, taken.uid)
                yield

    def _take(self) -> None:
        taken = take_uid()
        if taken is None:
            raise NoRoom(
                "all uids for running Terraform are in use: the operator has to end the processes that use them. Press "
                "Re-run afterwards"
            )
        self._taken.append(taken)

    def _hand_over(self, uid: int) -> None:
        # Another Planward command on this machine may have put a file into the data directory in the meantime, or taken
        # away other users' access to that directory.
        _open_path_for_uids(self.at.path.parent.parent)
        for directory in (self.reach.checkout, self.reach.private, self.reach.temporary):
            if directory is not None and (place := self.host_path(directory)).is_dir():
                hand_over(place, uid)

    async def _give_back(self) -> None:
        for taken in self._taken:
            await asyncio.to_thread(taken.give_back)
        self._taken.clear()

    @contextlib.asynccontextmanager
    async def vacated(self) -> AsyncIterator[None]:
        """Release the path to others while nothing of the run is active."""
        await self._turn.aclose()
        try:
            yield
        finally:
            await self._turn.enter_async_context(self.at.taken())

    def host_path(self, path: Path) -> Path:
        """The current path of the run's file on this host."""
        return self.at.host_path(path)

    def run_path(self, path: Path) -> Path:
        """The path by which the run sees the file: the same."""
        return self.at.host_path(path)

    def give(self, file: Path) -> None:
        """Make the run's uid the owner of the file."""
        for taken in self._taken:
            os.lchown(file, taken.uid, taken.uid)

    @contextlib.contextmanager
    def command(
        self, argv: Sequence[str], environ: Mapping[str, str], cwd: Path | None, *, kept: bool
    ) -> Iterator[Command]:
        """One program of the run."""
        where = None if cwd is None else self.at.host_path(cwd)
        if not self._taken:
            yield Command(argv=tuple(argv), environ=environ, cwd=where)
            return
        # A program that Popen starts from this thread inherits the flag: it gains no rights from setuid programs.
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        join_empty_keyring()
        [taken] = self._taken
        yield Command(argv=tuple(argv), environ=environ, cwd=where, uid=taken.uid, pass_fds=(taken.held,))

    async def end_all(self) -> None:
        """Kill the processes that the program left under the uid."""
        for taken in self._taken:
            await asyncio.to_thread(taken.end_all)
