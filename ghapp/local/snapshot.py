"""A copy of a working copy, with the files that a commit would have: planning never writes to the original."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from ghapp.git.program import environment as git_environment
from ghapp.git.program import git
from ghapp.local.working_copy import WorkingCopy
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER
from ghapp.processes.private_directories import private_directory


@asynccontextmanager
async def copy_working_copy(working_copy: WorkingCopy, root: Path) -> AsyncIterator[Path]:
    """Copy the working copy's current files, without those that git ignores, and remove the copy afterwards."""
    paths = working_copy.paths - await _ignored(working_copy.directory)
    async with private_directory(root, "copy") as copy:
        await asyncio.to_thread(_copy, working_copy, paths, copy)
        yield copy


def _copy(working_copy: WorkingCopy, paths: Collection[str], target: Path) -> None:
    for path in sorted(paths):
        source, copy = working_copy.directory / path, target / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path in working_copy.links:
            if source.resolve().is_relative_to(working_copy.directory.resolve()):
                copy.symlink_to(working_copy.links[path])
        elif source.is_file():
            shutil.copy(source, copy)


async def _ignored(top: Path) -> frozenset[str]:
    """The files that git ignores. No commit contains them, so a pull request would be planned without them."""
    words = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard")
    ended = await git(PROGRAMS_WITHOUT_KEEPER, "-C", top, *words, environ=_own_git_environment())
    return frozenset(ended.stdout.decode(errors="surrogateescape").split("\0")) if ended.exit_code == 0 else frozenset()


async def head_of(top: Path) -> str:
    """The SHA of the commit that is checked out; empty if there is none."""
    ended = await git(
        PROGRAMS_WITHOUT_KEEPER, "-C", top, "rev-parse", "--verify", "HEAD", environ=_own_git_environment()
    )
    return ended.stdout.decode().strip() if ended.exit_code == 0 else ""


def _own_git_environment() -> dict[str, str]:
    return git_environment({"safe.directory": "*"})
