"""A tree on disk, for one run.

Each checkout has its own index. `git worktree` is racy on one mirror, and `git archive` leaves out files that the
tree's own `.gitattributes` exclude. Filters are programs named by the configuration, and there is no configuration
except for `git lfs`, which runs for the pointers that a root module reads (large_files.py). No pointer is left where
Terraform could read it as contents.

Most of the time goes into creating and removing files. So after a run the checkout is restored and kept beside the
mirror, and the next run uses it (kept_checkouts.py). git compares every file with the index, by inode and also by
change time, which no program can set, and writes only files that differ. The index itself is not trusted either: it
must equal the one that was sealed before the run. Everything is compared once more when the next run takes the
checkout. While a run has a checkout, no other run does: modules write into their own directories (`archive_file`
does).

The whole tree is checked out. The files that a root module reads cannot be known from its text: a provider may read
any computed path, and a missing file may be treated as an empty one.

Symlinks are kept as symlinks, since modules use them; those that leave the tree are removed. Their targets would be
files of this machine, and Planward reads var files, backend files and snippets by paths that a pull request chooses.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from ghapp.git.errors import GitError
from ghapp.git.kept_checkouts import KeptCheckout, KeptCheckouts, Use, remove_untracked, seal_of
from ghapp.git.large_files import LargeFiles, is_pointer, not_fetched, require_git_lfs
from ghapp.git.program import environment, git
from ghapp.processes import Exited, Programs
from ghapp.processes.private_directories import private_directory, remove_tree
from ghapp.values import TreeId

log = structlog.get_logger()

_SYMLINK = b"120000"
_ATTRIBUTES = b".gitattributes"
_LARGE_FILES_TIMEOUT_S = 900.0


@asynccontextmanager
async def prepared_checkout(
    programs: Programs,
    mirror: Path,
    tree: TreeId,
    root: Path,
    kept: KeptCheckouts,
    use: Use,
    large_files: LargeFiles,
) -> AsyncIterator[Path]:
    """Check a tree out below `root`, and keep or remove it afterwards. Raises GitError."""
    async with private_directory(root, "checkout") as directory:
        checkout = _Checkout(programs, mirror, tree, directory / "checkout")
        before = await asyncio.to_thread(kept.take, mirror, tree, use, checkout.place)
        if before is None or not await checkout.reuse(before):
            await checkout.write()
        sealed = await checkout.sealed()
        await checkout.fill(large_files)
        yield checkout.content
        # Not if the run was interrupted: a checkout that is not restored here is removed with the directory.
        if (seal := await checkout.restore(sealed)) is not None:
            kept_checkout = KeptCheckout(tree=tree, seal=seal)
            await asyncio.to_thread(kept.give_back, mirror, use, checkout.place, kept_checkout)


class _Checkout:
    """A tree and its index, side by side in one directory."""

    def __init__(self, programs: Programs, mirror: Path, tree: TreeId, place: Path) -> None:
        self._programs = programs
        self.place = place
        self.content = place / "tree"
        self._mirror = mirror
        self._tree = tree
        self._paths: list[bytes] = []
        self._links: list[bytes] = []

    async def write(self) -> None:
        """Write all files."""
        self.content.mkdir(mode=0o700, parents=True)
        if not (await self._read_tree() and await self._list()):
            raise GitError(
                "the commit could not be laid out on disk: ask the operator whether Planward's data directory is full, "
                "then press Re-run"
            )
        await self._remove_escaping_links()

    async def reuse(self, before: KeptCheckout) -> bool:
        """Turn a kept checkout into this one; False if that is impossible, and then it is removed."""
        try:
            if await self._is_unchanged(before):
                is_it = before.tree == self._tree or (
                    await self._has_the_attributes_of(before.tree) and await self._read_tree() and await self._list()
                )
                if is_it:
                    await self._remove_escaping_links()
                    return True
            else:
                log.warning("kept_checkout_changed", tree=before.tree)
        except OSError as error:
            log.warning("kept_checkout_unusable", tree=before.tree, error=type(error).__name__)
        await asyncio.to_thread(remove_tree, self.place)
        return False

    async def _is_unchanged(self, before: KeptCheckout) -> bool:
        """Whether neither the index nor any file has changed since the checkout was restored."""
        return (
            await self.sealed() == before.seal
            and await self._list()
            and not await asyncio.to_thread(remove_untracked, self.content, self._paths)
            and await self._is_clean()
        )

    async def fill(self, large_files: LargeFiles) -> None:
        """Replace the pointers that the run reads by their contents, and remove the others. Raises GitError."""
        pointers = [path for path in large_files.read if await asyncio.to_thread(is_pointer, self.content / path)]
        if pointers:
            require_git_lfs(pointers[0])
            place = (f"--git-dir={self._mirror}", f"--work-tree={self.content}")
            environ = {**large_files.environ, "GIT_INDEX_FILE": str(self.place / "index")}
            paths = b"".join(os.fsencode(path) + b"\0" for path in pointers)
            for path in pointers:  # files that already match the index are not written again
                (self.content / path).unlink()
            words = ("checkout-index", "--force", "-z", "--stdin")
            await git(
                self._programs,
                *place,
                *words,
                stdin=paths,
                environ=environ,
                timeout_s=_LARGE_FILES_TIMEOUT_S,
                memory_bytes=None,
            )
            for path in pointers:
                if not (self.content / path).is_file() or await asyncio.to_thread(is_pointer, self.content / path):
                    raise not_fetched(path)
        for path in large_files.unread:
            (self.content / path).unlink(missing_ok=True)

    async def restore(self, sealed: bytes) -> bytes | None:
        """Undo every change of a run, so that the checkout can be kept; returns the new seal, or None if impossible.

        `sealed` is the index's seal from before the run. Raises nothing: the run already has its outcome.
        """
        try:
            if await self.sealed() != sealed:
                log.warning("checkout_index_changed", tree=self._tree)
                return None
            await asyncio.to_thread(remove_untracked, self.content, self._paths)
            is_right = await self._is_clean() or await self._read_tree()
            return await self.sealed() if is_right else None
        except (OSError, GitError):
            return None

    async def sealed(self) -> bytes:
        """The index's seal. Raises OSError."""
        return await asyncio.to_thread(seal_of, self.place / "index")

    async def _is_clean(self) -> bool:
        """Whether every file is as git wrote it; takes a quarter of the time of read-tree."""
        differing = await self._git("diff-files", "--name-only", "-z")
        return differing.exit_code == 0 and not differing.stdout

    async def _remove_escaping_links(self) -> None:
        """Remove symlinks that leave the tree."""
        if self._links:
            await asyncio.to_thread(_remove_escaping_links, self.content, self._links)

    async def _list(self) -> bool:
        """Read the list of files and symlinks."""
        listed = await self._git("ls-files", "--stage", "-z")
        entries = [line.split(b"\t", 1) for line in listed.stdout.split(b"\0") if line]
        self._paths = [path for _, path in entries]
        self._links = [path for facts, path in entries if facts.startswith(_SYMLINK)]
        return listed.exit_code == 0

    async def _read_tree(self) -> bool:
        """Write the files that differ from the tree, according to git's index and the files on disk."""
        return (await self._git("read-tree", "--reset", "-u", "--end-of-options", self._tree)).exit_code == 0

    async def _has_the_attributes_of(self, before: TreeId) -> bool:
        """Whether files that are equal in both trees are also equal on disk: attributes convert line ends."""
        changed = await self._git("diff-tree", "-r", "--name-only", "-z", "--no-renames", before, self._tree)
        return changed.exit_code == 0 and not any(
            path == _ATTRIBUTES or path.endswith(b"/" + _ATTRIBUTES) for path in changed.stdout.split(b"\0")
        )

    async def _git(self, *words: str) -> Exited:
        place = (f"--git-dir={self._mirror}", f"--work-tree={self.content}")
        return await git(self._programs, *place, *words, environ=environment(GIT_INDEX_FILE=str(self.place / "index")))


def _remove_escaping_links(root: Path, links: list[bytes]) -> None:
    inside = os.fsencode(os.path.realpath(root))
    places = [os.path.join(inside, link) for link in links]  # noqa: PTH118 - names may be bytes
    # Judge all before removing the first: a link may leave the tree through another one.
    for place in [place for place in places if not _is_below(os.path.realpath(place), inside)]:
        os.unlink(place)  # noqa: PTH108


def _is_below(path: bytes, root: bytes) -> bool:
    return path == root or path.startswith(root + os.sep.encode())
