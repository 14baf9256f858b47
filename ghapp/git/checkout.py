"""Check a tree out, for one run.

`git read-tree` writes each checkout, with an index of its own. `git worktree` is not used because several of them on
the same mirror disturb each other, and `git archive` is not used because it leaves out files that the tree's own
`.gitattributes` exclude. A git filter runs only if git's configuration names its program. The configuration here names
only `git lfs`, for the Git LFS pointers that a root module reads (large_files.py). All other pointers are removed, so
that Terraform cannot take a pointer for the file's contents.

Creating and removing files takes most of the time. So a checkout is restored after a run and kept beside the mirror
for the next run (kept_checkouts.py). To restore it, git compares every file with the index and writes only files that
differ. It also compares the ctime, which no program can set. The index itself must not have changed either: its
seal, a hash that was taken before the run, must still match. When the next run takes the checkout, all of this is
checked again. Two runs never share a checkout, since modules write into their own directories (`archive_file` does).

The whole tree is checked out, since the files that a root module reads cannot be known from its text: a provider may
read any computed path, and a missing file may be treated as an empty one.

Symlinks stay symlinks, since modules use them, but those that leave the tree are removed. They would lead to files of
this machine, and Planward reads var files, backend files and snippets at paths that a pull request chooses.
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
    """Check a tree out below `root`, and keep or remove it afterwards. Raises GitError."""
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
        # After an error or a cancellation this is not reached: the checkout is then removed with the directory.
        if (seal := await checkout.restore(seal_before)) is not None:
            kept_checkout = KeptCheckout(tree=tree, seal=seal)
            await asyncio.to_thread(kept.give_back, mirror.path, use, checkout.place, kept_checkout)


class _Checkout:
    """A tree and its index, side by side in one directory."""

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
        """Write all files. Raises NotTheTree."""
        self.content.mkdir(mode=0o700, parents=True)
        if not (await self._read_tree() and await self._list(self._tree) and await self._is_only_the_tree()):
            raise NotTheTree("git could not write it")
        await self._remove_escaping_links()

    async def reuse(self, before: KeptCheckout) -> bool:
        """Turn a kept checkout into this one. Returns False if that is impossible; the kept one is then removed."""
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
        """Whether neither the index nor any file has changed since the checkout was restored."""
        return (
            await self.seal() == before.seal
            and await self._list(before.tree)
            and not await self._remove_untracked()
            and await self._is_clean()
        )

    async def fill(self, large_files: LargeFiles, directory: Path) -> None:
        """Put the contents in place of each pointer that the run reads, and remove the other pointers. Raises GitError.

        Contents that the mirror does not have are fetched into it. The fetch works in a new `directory`.
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
        """Undo every change of a run. Returns the new seal, or None if the checkout cannot be kept.

        `seal` is the index's seal from before the run. This method raises nothing, since the run already has its
        outcome.
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
        """Return the seal of the index. Raises NotTheTree, and OSError if there is no index."""
        return await asyncio.to_thread(seal_of, self.place / "index")

    async def _is_clean(self) -> bool:
        """Whether every file is as git wrote it. This takes a quarter of the time of read-tree."""
        differing = await self._git.run("diff-files", "--name-only", "-z")
        return differing.exit_code == 0 and not differing.stdout

    async def _is_only_the_tree(self) -> bool:
        """Whether git wrote only the tree's files and symlinks.

        Git that runs in the sandbox is not trusted: the repository's contents may have taken control of it. From here
        on, Planward opens the tree's paths outside the sandbox, and a symlink in the place of a file could lead
        anywhere on this host. Git without a sandbox is trusted, so then nothing is checked.
        """
        if self._sandbox.confines_trees and await self._remove_untracked():
            log.warning("checkout_is_not_its_tree", tree=self._tree)
            return False
        return True

    async def _remove_untracked(self) -> bool:
        return await asyncio.to_thread(remove_untracked, self.content, self._paths, self._links)

    async def _remove_escaping_links(self) -> None:
        """Remove symlinks that leave the tree."""
        if self._links:
            await asyncio.to_thread(_remove_escaping_links, self.content, self._links)

    async def _list(self, tree: TreeId) -> bool:
        """List a tree's files and symlinks, from the mirror: a run may have changed the index."""
        entries = await self._mirror.list_for_checkout(tree)
        self._paths = [path for _, path in entries or ()]
        self._links = [path for mode, path in entries or () if mode == _SYMLINK]
        return entries is not None

    async def _read_tree(self) -> bool:
        """Make the files match the tree. git writes only those that differ, judging by its index and the disk."""
        return (await self._git.run("read-tree", "--reset", "-u", "--end-of-options", self._tree)).exit_code == 0

    async def _has_attributes_of(self, before: TreeId) -> bool:
        """Whether both trees have the same `.gitattributes`.

        Attributes can convert line ends. read-tree does not write a file again that is equal in both trees, so the file
        would keep the line ends that the old attributes gave it.
        """
        try:
            changed = await self._mirror.changed_paths(before, self._tree)
        except MissingObject:
            return False
        return not any(path == _ATTRIBUTES or path.endswith(f"/{_ATTRIBUTES}") for path in changed)


def _remove_escaping_links(root: Path, links: list[bytes]) -> None:
    inside = os.fsencode(os.path.realpath(root))
    places = [os.path.join(inside, link) for link in links]  # noqa: PTH118 - names may be bytes
    # Judge all links before removing the first one: a link may leave the tree through another.
    for place in [place for place in places if not _is_below(os.path.realpath(place), inside)]:
        os.unlink(place)  # noqa: PTH108


def _is_below(path: bytes, root: bytes) -> bool:
    return path == root or path.startswith(root + os.sep.encode())
