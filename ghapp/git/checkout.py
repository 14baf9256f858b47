"""A tree on disk, for one run.

An index of its own instead of `git worktree`, which is racy on one mirror, and instead of `git archive`, which leaves
out what the tree's own `.gitattributes` tell it to. Filters (`git lfs`) are programs that the configuration
names, and there is no configuration: a pointer stays a pointer.

Symlinks are laid out as symlinks, since modules use them; those that lead out of the tree are left out. What they
point at would be a file of this machine, and Planward reads var files, backend files and snippets by paths that a pull
request chooses.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ghapp.git.errors import GitError
from ghapp.git.program import environment, git
from ghapp.private_directories import private_directory


def lies_below(path: str, directories: Collection[str]) -> bool:
    """Whether a path lies in one of the directories; "." and "" are the whole tree."""
    return any(directory in ("", ".") or path.startswith(f"{directory.rstrip('/')}/") for directory in directories)


@asynccontextmanager
async def laid_out(mirror: Path, tree: str, root: Path, paths: Sequence[bytes] | None) -> AsyncIterator[Path]:
    """Lay a tree out below `root`, only `paths` of it if they are given, and remove it afterwards. Raises GitError."""
    async with private_directory(root, "checkout") as directory:
        content = directory / "tree"
        content.mkdir(mode=0o700)
        environ = environment(GIT_INDEX_FILE=str(directory / "index"))
        place = (f"--git-dir={mirror}", f"--work-tree={content}")
        read = await git(*place, "read-tree", "--end-of-options", tree, environ=environ)
        if paths is None:
            written = await git(*place, "checkout-index", "--all", "--quiet", environ=environ)
        else:
            names = b"".join(path + b"\0" for path in paths)
            written = await git(*place, "checkout-index", "--quiet", "-z", "--stdin", stdin=names, environ=environ)
        if read.exit_code or written.exit_code:
            raise GitError("the commit could not be laid out on disk: is there room in Planward's data directory?")
        await asyncio.to_thread(_leave_out_escaping_links, content)
        yield content


def _leave_out_escaping_links(root: Path) -> None:
    inside = os.path.realpath(root)
    links = [
        os.path.join(current, name)  # noqa: PTH118 - thousands of files; strings are ten times faster
        for current, directories, files in os.walk(root)
        for name in (*directories, *files)
        if os.path.islink(os.path.join(current, name))  # noqa: PTH114, PTH118
    ]
    # Judged before the first is removed: a link may lead out through another.
    escaping = [link for link in links if not _is_below(os.path.realpath(link), inside)]
    for link in escaping:
        Path(link).unlink()


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root + os.sep)
