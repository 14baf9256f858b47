"""Limit a root run's programs to its checkout, its private directory and the network.

One sandbox is chosen when the process starts (sandbox_choice.py), and every command of a root run uses it:
`bubblewrap` (bubblewrap.py), `uid` (by_uid.py), or `none`, which confines nothing and has to be requested.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

SandboxName = Literal["bubblewrap", "uid", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The parts of this host that one root run can reach."""

    checkout: Path
    """The checkout is writable, and appears at a path that depends only on `repository`."""
    private: Path
    """The run's own, writable directory; the directory `tmp` in it is the run's /tmp."""
    repository: str
    temporary: Path | None = None
    """The directory for TMPDIR, if that is not in `private`."""
    reads: tuple[Path, ...] = ()
    """Further files and directories, which are readable at their usual paths; missing ones are left out."""
    host_writes: bool = True
    """Whether the directories that the operator opens for writing (`HostPaths.writes`) are reachable, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPaths:
    """The paths that the operator opens to every run besides its own directories (`PLANWARD_SANDBOX_PATHS`)."""

    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program with everything for starting it in its sandbox."""

    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    cwd: Path | None
    uid: int | None = None
    """The user that it runs as; None means Planward's."""
    pass_fds: tuple[int, ...] = ()
    status: int | None = None
    """The reading end of the pipe for bubblewrap's status, if the program is a child of the started process."""
    go: int | None = None
    """The descriptor to write to when the program may begin."""


class Confined(Protocol):
    """One root run in its sandbox."""

    def entered(self) -> AbstractAsyncContextManager[None]:
        """Enter the sandbox. Before and after this context, the run's directories are at their usual paths."""

    def vacated(self) -> AbstractAsyncContextManager[None]:
        """Let other runs of the repository go first during this context, in which nothing of this run may be active."""

    def host_path(self, path: Path) -> Path:
        """The path on this host of a file in the checkout or private directory, while the sandbox is entered."""

    def run_path(self, path: Path) -> Path:
        """The path of such a file as the run sees it."""

    async def end_all(self) -> None:
        """Kill processes that a program of the run left."""

    def give(self, file: Path) -> None:
        """Give the run access to a file that Planward has written for it in one of its directories."""

    def command(
        self, argv: Sequence[str], environ: Mapping[str, str], cwd: Path | None, *, kept: bool
    ) -> AbstractContextManager[Command]:
        """One program of the run; `cwd` is a path of this host. `kept`: a keeper ends it if Planward is killed."""


class Sandbox(Protocol):
    """A method of confining root runs."""

    @property
    def name(self) -> SandboxName:
        """Its name in PLANWARD_SANDBOX."""

    @property
    def protection(self) -> str:
        """Its protection, in one line for people."""

    @property
    def has_mounts(self) -> bool:
        """Whether each run has its own view of the file system; otherwise the runs of a repository take turns."""

    @property
    def shares_caches(self) -> bool:
        """Whether runs can use the provider cache."""

    def keeps(self, file: Path) -> bool:
        """Whether a file that a run writes, such as a local state, still exists on the machine after the run."""

    def confine(self, reach: Reach) -> Confined:
        """Confine one root run."""


@dataclass(frozen=True, slots=True)
class Unconfined:
    """No sandbox, and no special path for the repository: for single runs, such as those of a working copy."""

    name: SandboxName = "none"
    protection: str = "Terraform runs without a sandbox"
    has_mounts: bool = False
    shares_caches: bool = True

    def keeps(self, file: Path) -> bool:
        """Always."""
        return True

    def confine(self, reach: Reach) -> Unconfined:
        """Confine nothing."""
        return self

    @contextlib.asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Do nothing."""
        yield

    @contextlib.asynccontextmanager
    async def vacated(self) -> AsyncIterator[None]:
        """Do nothing."""
        yield

    def host_path(self, path: Path) -> Path:
        """The same path."""
        return path

    async def end_all(self) -> None:
        """Do nothing: the program's group has already ended."""

    def run_path(self, path: Path) -> Path:
        """The same path."""
        return path

    def give(self, file: Path) -> None:
        """Do nothing: it already has access."""

    @contextlib.contextmanager
    def command(
        self, argv: Sequence[str], environ: Mapping[str, str], cwd: Path | None, *, kept: bool
    ) -> Iterator[Command]:
        """The program itself."""
        yield Command(argv=tuple(argv), environ=environ, cwd=cwd)


UNCONFINED = Unconfined()
