"""Check out a tree for one run.

A checkout is a directory with the tree's files and its own git index. `git read-tree` writes both. The objects come
from the mirror, which is Planward's copy of the repository. `git worktree` is not used: several worktrees of one mirror
disturb each other. `git archive` is not used: it leaves out the files that `.gitattributes` excludes.

Git runs a filter only if git's configuration names the filter's program. The configuration here names none. So a file
in Git LFS is checked out as a pointer, a small text that stands for the file's contents. If the root module reads such
a file, Planward puts the contents in the place of the pointer (large_files.py). It removes all other pointers, so that
Terraform cannot mistake a pointer for the contents.

A checkout spends most of its time creating and removing files. So Planward restores a checkout after its run, and
keeps it in the mirror's directory for a later run (kept_checkouts.py). To restore the checkout, git compares every file
with the index, and writes only files that differ. The comparison includes the ctime, which no program can set. So a run
cannot hide a change from it. A run could still change the index. So a hash of the index, the seal, is taken before the
run, and must match after it. When a later run takes the checkout, the files and the seal are checked again. Two runs
never use a checkout at the same time, because a module may write files into the checkout (with `archive_file`, for
example).

The whole tree is checked out, because the text of a root module does not show which files it reads. A provider may read
any computed path. It may treat a missing file as an empty one.

Symlinks stay symlinks, because modules use them. But Planward removes the symlinks that lead out of the tree. Otherwise
a pull request could make Planward read files of this machine: the pull request chooses the paths of the var files,
the backend files, and the source files that the report quotes.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from ghapp.git.confined import GitSandbox
from ghapp.git.errors import GitError, MissingObject
from ghapp.git.kept_checkouts import KeptCheckout, KeptCheckouts, NotTheTree, Use, remove_untracked, seal_of
from ghapp.git.large_files import LargeFiles, Pointer, is_pointer, not_fetched_error, read_pointer, require_git_lfs
from ghapp.git.large_objects import LargeObjects, fetch_objects
from ghapp.git.objects import Objects
from ghapp.processes.private_directories import private_directory, remove_tree
from ghapp.values import TreeId

log = structlog.get_logger()

_SYMLINK = b"120000"
_ATTRIBUTES = ".gitattributes"


@asynccontextmanager
async def prepare_checkout(
    sandbox: GitSandbox,
    mirror: Objects,
    tree: TreeId,
    root: Path,
    kept: KeptCheckouts,
    use: Use,
    large_files: LargeFiles,
) -> AsyncIterator[Path]:
    """Check out a tree below `root`. After the run, keep or remove the checkout. Raises GitError."""
    async with private_directory(root, "checkout") as directory:
        checkout = _Checkout(sandbox, mirror, tree, directory)
        before = await asyncio.to_thread(kept.take, mirror.path, tree, use, checkout.place)
        try:
            if before is None or not await checkout.reuse(before):
                await checkout.write()
            seal_before = await checkout.seal()
        except NotTheTree as error:
            raise GitError(
                "the commit could not be checked out: ask the operator whether Planward's data directory is full, "
                "then press Re-run"
            ) from error
        await checkout.fill(large_files, directory / "large-files")
        yield checkout.content
        # After an error or a cancellation, the next lines do not run. `private_directory` then removes the checkout.
        if (seal := await checkout.restore(seal_before)) is not None:
            kept_checkout = KeptCheckout(tree=tree, seal=seal)
            await asyncio.to_thread(kept.give_back, mirror.path, use, checkout.place, kept_checkout)


class _Checkout:
    """One checkout: a directory `tree` with the files, and git's index beside it."""

    def __init__(self, sandbox: GitSandbox, mirror: Objects, tree: TreeId, directory: Path) -> None:
        self.place = directory / "checkout"
        self.content = self.place / "tree"
        private = directory / "git"
        private.mkdir(mode=0o700)
        self._sandbox = sandbox
        self._git = sandbox.for_tree(mirror.path, self.place, private)
        self._mirror = mirror
        self._tree = tree
        self._paths: list[bytes] = []
        self._links: list[bytes] = []

    async def write(self) -> None:
        """Write all files of the tree. Raises NotTheTree if git does not write exactly these files."""
        self.content.mkdir(mode=0o700, parents=True)
        if not (await self._read_tree() and await self._list(self._tree) and await self._is_only_the_tree()):
            raise NotTheTree("git could not write it")
        await self._remove_escaping_links()

    async def reuse(self, before: KeptCheckout) -> bool:
        """Turn a kept checkout into a checkout of this tree.

        If this fails, remove the kept checkout and return False.
        """
        try:
            if await self._is_unchanged(before):
                is_ready = before.tree == self._tree or (
                    await self._has_attributes_of(before.tree)
                    and await self._read_tree()
                    and await self._list(self._tree)
                    and await self._is_only_the_tree()
                )
                if is_ready:
                    await self._remove_escaping_links()
                    return True
            else:
                log.warning("kept_checkout_changed", tree=before.tree)
        except OSError as error:
            log.warning("kept_checkout_unusable", tree=before.tree, error=type(error).__name__)
        await asyncio.to_thread(remove_tree, self.place)
        return False

    async def _is_unchanged(self, before: KeptCheckout) -> bool:
        """Whether the index and all files are still as they were when the checkout was kept."""
        return (
            await self.seal() == before.seal
            and await self._list(before.tree)
            and not await self._remove_untracked()
            and await self._is_clean()
        )

    async def fill(self, large_files: LargeFiles, directory: Path) -> None:
        """Put the contents in the place of each pointer that the run reads. Remove all other pointers. Raises GitError.

        Contents that are missing from the mirror are first fetched into the mirror. The fetch creates `directory` for
        its temporary files.
        """
        objects = LargeObjects(self._mirror.path)
        pointers: dict[str, Pointer] = {}
        for path in large_files.read:
            if await asyncio.to_thread(is_pointer, self.content / path):
                require_git_lfs(path)
                pointer = await asyncio.to_thread(read_pointer, self.content / path)
                if pointer is None:
                    raise not_fetched_error(path)
                pointers[path] = pointer
        if missing := [pointer for pointer in pointers.values() if not objects.has(pointer)]:
            await fetch_objects(self._sandbox, objects, missing, large_files.environ, directory)
        for path, pointer in pointers.items():
            if not objects.has(pointer):
                raise not_fetched_error(path)
            await asyncio.to_thread(objects.replace, pointer, self.content / path)
        for path in large_files.unread:
            (self.content / path).unlink(missing_ok=True)

    async def restore(self, seal: bytes) -> bytes | None:
        """Undo every change that a run made. Returns the new seal, or None if the checkout cannot be kept.

        `seal` is the index's seal from before the run. After an error, the method also returns None. It does not raise
        the error, because that would change the outcome of a run that has finished.
        """
        try:
            if await self.seal() != seal:
                log.warning("checkout_index_changed", tree=self._tree)
                return None
            await self._remove_untracked()
            is_right = await self._is_clean() or await self._read_tree()
            return await self.seal() if is_right else None
        except (OSError, GitError):
            return None

    async def seal(self) -> bytes:
        """Return the seal of the index.

        Raises OSError if there is no index, and NotTheTree if the index is not a regular file or is too large.
        """
        return await asyncio.to_thread(seal_of, self.place / "index")

    async def _is_clean(self) -> bool:
        """Whether every file is as git wrote it. This check takes a quarter of the time of `git read-tree`."""
        differing = await self._git.run("diff-files", "--name-only", "-z")
        return differing.exit_code == 0 and not differing.stdout

    async def _is_only_the_tree(self) -> bool:
        """Whether git wrote only the tree's files and symlinks.

        Git in the sandbox is not trusted: the repository's contents may have taken control of the git process. After
        this check, Planward opens the tree's paths outside the sandbox. If git wrote a symlink in place of a file, the
        path could lead anywhere on this host. If git runs without a sandbox, this check is skipped, because a git
        process that was taken over could then reach everything on this host anyway.
        """
        if self._sandbox.confines_trees and await self._remove_untracked():
            log.warning("checkout_is_not_its_tree", tree=self._tree)
            return False
        return True

    async def _remove_untracked(self) -> bool:
        return await asyncio.to_thread(remove_untracked, self.content, self._paths, self._links)

    async def _remove_escaping_links(self) -> None:
        """Remove the symlinks that lead out of the tree."""
        if self._links:
            await asyncio.to_thread(_remove_escaping_links, self.content, self._links)

    async def _list(self, tree: TreeId) -> bool:
        """Store the paths of a tree's files and symlinks. Returns False if git cannot list the tree.

        The paths come from the mirror, because a run may have changed the index.
        """
        entries = await self._mirror.list_for_checkout(tree)
        self._paths = [path for _, path in entries or ()]
        self._links = [path for mode, path in entries or () if mode == _SYMLINK]
        return entries is not None

    async def _read_tree(self) -> bool:
        """Make the files match the tree. Returns False if git fails.

        Git writes only the files that differ from the tree. It finds them with its index.
        """
        return (await self._git.run("read-tree", "--reset", "-u", "--end-of-options", self._tree)).exit_code == 0

    async def _has_attributes_of(self, before: TreeId) -> bool:
        """Whether the tree `before` has the same `.gitattributes` files as this tree.

        Attributes can change the line endings that git writes. `git read-tree` does not write a file that is equal in
        both trees. So the file would keep the line endings that it got from the old attributes.
        """
        try:
            changed = await self._mirror.changed_paths(before, self._tree)
        except MissingObject:
            return False
        return not any(path == _ATTRIBUTES or path.endswith(f"/{_ATTRIBUTES}") for path in changed)


def _remove_escaping_links(root: Path, links: list[bytes]) -> None:
    inside = os.fsencode(os.path.realpath(root))
    places = [os.path.join(inside, link) for link in links]  # noqa: PTH118 - names may be bytes
    # All links are checked before the first one is removed. Link A may lead out of the tree through link B. If B were
    # removed first, the check would no longer notice A.
    for place in [place for place in places if not _is_below(os.path.realpath(place), inside)]:
        os.unlink(place)  # noqa: PTH108


def _is_below(path: bytes, root: bytes) -> bool:
    return path == root or path.startswith(root + os.sep.encode())
