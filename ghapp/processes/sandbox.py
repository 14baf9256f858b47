"""What a root run executes reaches its checkout, its private directory and the network, and nothing else of this host.

One sandbox is chosen when the process starts (sandbox_choice.py), and every command of a root run goes through it:
`bubblewrap` (bubblewrap.py), `uid` (by_uid.py), or `none`, which confines nothing and has to be asked for.
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
    """What one root run reaches of this host."""

    checkout: Path
    """Writable, and seen at a path that depends on `repository` alone."""
    private: Path
    """The run's own directory, writable; what is in its `tmp` is the run's /tmp."""
    repository: str
    temporary: Path | None = None
    """What becomes TMPDIR, where that is not in `private`."""
    reads: tuple[Path, ...] = ()
    """Files and directories that it sees where they are; those that are not there are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPaths:
    """What the operator opens to every run beside its own directories (`PLANWARD_SANDBOX_PATHS`)."""

    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program as it is started in its sandbox."""

    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)
    cwd: Path | None
    uid: int | None = None
    """Whom it runs as; None: as Planward."""
    pass_fds: tuple[int, ...] = ()
    status: int | None = None
    """The reading end of bubblewrap's status, where the program is a child of what is started."""
    go: int | None = None
    """Written to once the program may begin."""


class Confined(Protocol):
    """One root run in its sandbox."""

    def entered(self) -> AbstractAsyncContextManager[None]:
        """Be in the sandbox; before and after it the run's directories lie where they were."""

    def vacated(self) -> AbstractAsyncContextManager[None]:
        """Let other runs of the repository go first, while nothing of this one goes on."""

    def lies(self, path: Path) -> Path:
        """Where a file of its checkout or private directory lies on this host while it is entered."""

    def seen(self, path: Path) -> Path:
        """The path by which the run sees such a file."""

    async def end_all(self) -> None:
        """End what a program of the run left behind."""

    def give(self, file: Path) -> None:
        """Let the run have a file that Planward has written for it in one of its directories."""

    def command(
        self, argv: Sequence[str], environ: Mapping[str, str], cwd: Path | None, *, kept: bool
    ) -> AbstractContextManager[Command]:
        """One program of the run; `cwd` is a path of this host. `kept`: a keeper ends it where Planward is killed."""


class Sandbox(Protocol):
    """How root runs are confined."""

    @property
    def name(self) -> SandboxName:
        """As PLANWARD_SANDBOX calls it."""

    @property
    def gives(self) -> str:
        """What it gives, in one line for people."""

    @property
    def has_mounts(self) -> bool:
        """Whether each run has a view of the file system of its own; else the runs of a repository take turns."""

    @property
    def shares_caches(self) -> bool:
        """Whether runs reach the provider cache."""

    def keeps(self, file: Path) -> bool:
        """Whether a file of the machine that a run writes, such as a local state, is there after it."""

    def confine(self, reach: Reach) -> Confined:
        """Confine one root run."""


@dataclass(frozen=True, slots=True)
class Unconfined:
    """No sandbox, and no path of the repository's own: for one run at a time, as of a working copy."""

    name: SandboxName = "none"
    gives: str = "Terraform runs without a sandbox"
    has_mounts: bool = False
    shares_caches: bool = True

    def keeps(self, file: Path) -> bool:
        """It is."""
        return True

    def confine(self, reach: Reach) -> Unconfined:
        """Confine nothing."""
        return self

    @contextlib.asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Nothing changes."""
        yield

    @contextlib.asynccontextmanager
    async def vacated(self) -> AsyncIterator[None]:
        """Nothing changes."""
        yield

    def lies(self, path: Path) -> Path:
        """The same path."""
        return path

    async def end_all(self) -> None:
        """The program's group is ended already."""

    def seen(self, path: Path) -> Path:
        """The same path."""
        return path

    def give(self, file: Path) -> None:
        """It has it."""

    @contextlib.contextmanager
    def command(
        self, argv: Sequence[str], environ: Mapping[str, str], cwd: Path | None, *, kept: bool
    ) -> Iterator[Command]:
        """The program itself."""
        yield Command(argv=tuple(argv), environ=environ, cwd=cwd)


UNCONFINED = Unconfined()
