"""Query the objects of a mirror: commits, trees, blobs and the differences between them.

Objects never change, so an answer about them is cached: a plan and the apply after it ask the same things many times,
and each question to git costs a process. Commits with the same tree share the answers about it.
"""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ghapp.git import differences
from ghapp.git.errors import GitError, MissingObject, TooLargeForGit
from ghapp.git.kept_answers import KeptAnswers
from ghapp.git.program import git
from ghapp.git.tree_entry import TreeEntry
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER, Exited, Programs
from ghapp.values import CommitSha, TreeId

_MOST_FILES = 250_000
_MOST_BYTES = 8_000_000_000
_ID_LINE_BYTES = 41
_LARGEST_FILE_BYTES = 16 * 1024 * 1024
_SMALL_LISTING_BYTES = 500_000
"""Only listings of trees up to this size are cached. That is enough for about five thousand files."""
_MOST_KEPT_BLOBS = 500
_LARGEST_KEPT_BLOB_BYTES = 64 * 1024
"""Larger blobs are not cached. If more than `_MOST_KEPT_BLOBS` have to be read at once, none of these is cached."""
_MOST_FOUND = 5_000
"""How many objects of a mirror are remembered as found, at most. They take about a megabyte."""
_IS_LARGE = Exited(exit_code=-1000)
"""The answer that is cached for a tree whose listing is not small."""
_DIRECTORY = b"040000 "
_SHA = re.compile(r"[0-9a-f]{40}")


class Objects:
    """The objects of one mirror.

    Nothing prunes a mirror, so an object that was found in it stays there until the mirror is removed.
    """

    def __init__(
        self,
        path: Path,
        *,
        found: dict[str, TreeId] | None = None,
        answers: KeptAnswers | None = None,
        programs: Programs = PROGRAMS_WITHOUT_KEEPER,
    ) -> None:
        """`found` are the commits and trees that were found in this mirror, each with its tree."""
        self.path = path
        self._found: dict[str, TreeId] = {} if found is None else found
        self._answers = answers or KeptAnswers()
        self._programs = programs

    async def has(self, sha: CommitSha | TreeId) -> bool:
        """Whether the mirror has a commit and its tree, or a tree."""
        return await self._find_tree(sha) is not None

    async def has_all(self, commits: Collection[CommitSha]) -> bool:
        """Whether the mirror has all of these commits."""
        unknown = [sha for sha in dict.fromkeys(commits) if sha not in self._found]
        if not unknown:
            return True
        asked = "".join(f"{sha}^{{tree}}\n" for sha in unknown).encode()
        lines = (await self._output_of("cat-file", "--batch-check", stdin=asked)).splitlines()
        if len(lines) != len(unknown) or not all(b" tree " in line for line in lines):
            return False
        for sha, line in zip(unknown, lines, strict=True):
            self._remember(sha, TreeId(line.split(b" ")[0].decode()))
        return True

    async def tree_of(self, treeish: str) -> TreeId:
        """Return the tree of a commit. If `treeish` is a tree itself, return it. Raises MissingObject."""
        tree = await self._find_tree(treeish)
        if tree is None:
            raise missing_error(treeish)
        return tree

    async def _find_tree(self, treeish: str) -> TreeId | None:
        found = self._found.get(treeish)
        if found is not None:
            return found
        ended = await self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{treeish}^{{tree}}")
        if ended.exit_code:
            return None
        tree = TreeId(ended.stdout.decode().strip())
        self._remember(treeish, tree)
        return tree

    def _remember(self, treeish: str, tree: TreeId) -> None:
        if len(self._found) >= _MOST_FOUND:
            self._found.clear()
        if _SHA.fullmatch(treeish):
            self._found[treeish] = tree
        self._found[tree] = tree

    async def changed_paths(self, before: str, after: str) -> tuple[str, ...]:
        """Return the paths that differ between two commits or trees; a renamed file counts as two.

        Raises MissingObject and TooLargeForGit.
        """
        output = await self._compare(before, after, "--name-only", "-z")
        return tuple(decode_path(path) for path in output.split(b"\0") if path)

    async def changed_lines(self, before: str, after: str) -> Mapping[str, list[range]]:
        """Return, for each path of `after` that differs from `before`, the ranges of new or changed lines, from 1.

        A file with only removed lines, and a binary file, has no range. Raises MissingObject and TooLargeForGit.
        """
        output = await self._compare(before, after, "--unified=0", "--no-textconv")
        return await asyncio.to_thread(differences.read_line_ranges, output)

    async def _compare(self, before: str, after: str, *options: str) -> bytes:
        trees = await self.tree_of(before), await self.tree_of(after)
        for tree in trees:
            await self._require_few_files(tree)
        if trees[0] == trees[1]:
            return b""
        words = ("diff-tree", "-r", "--no-renames", "--no-ext-diff", "--no-color", *options, "--end-of-options", *trees)
        ended = await self._of(trees, *words)
        if ended.exit_code:
            raise missing_error(before)
        return ended.stdout

    async def list_tree(self, treeish: str) -> tuple[TreeEntry, ...]:
        """Return all files of a tree, in git's order.

        Raises MissingObject, and TooLargeForGit if the tree has more files or bytes than a run may check out. Even a
        tiny repository can exceed the limit: if each directory contains the next one twice, a kilobyte of tree objects
        stands for millions of files.
        """
        tree = await self.tree_of(treeish)
        listing = await self._small_listing(tree)
        if listing is None:
            await self._require_few_files(tree)
            ended = await self._run("ls-tree", "-r", "-z", "--long", "--full-tree", "--end-of-options", tree)
            if ended.exit_code:
                raise missing_error(treeish)
            listing = ended.stdout
        return await asyncio.to_thread(_tree_entries, listing)

    async def list_for_checkout(self, tree: TreeId) -> list[tuple[bytes, bytes]] | None:
        """Return mode and path of all files of a tree; None if git cannot list it."""
        try:
            listing = await self._small_listing(tree)
        except MissingObject:
            return None
        if listing is None:
            ended = await self._run("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tree)
            if ended.exit_code:
                return None
            listing = ended.stdout
        lines = (line.split(b"\t", 1) for line in listing.split(b"\0") if line and not line.startswith(_DIRECTORY))
        return [(facts.split(b" ", 1)[0], path) for facts, path in lines]

    async def read_blobs(self, blob_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of many blobs, using one process at most.

        Raises MissingObject for the first missing one, and TooLargeForGit if they are too large in total.
        """
        wanted = list(dict.fromkeys(blob_ids))
        blobs: dict[str, bytes] = {}
        for blob_id in wanted:
            if (kept := self._answers.find((self.path, _blob(blob_id)))) is not None:
                blobs[blob_id] = kept.stdout
        unknown = [blob_id for blob_id in wanted if blob_id not in blobs]
        if unknown:
            read = await self._read_blobs(unknown)
            if len(unknown) <= _MOST_KEPT_BLOBS:
                for blob_id, content in read.items():
                    if len(content) <= _LARGEST_KEPT_BLOB_BYTES:
                        self._answers.keep((self.path, _blob(blob_id)), (blob_id,), Exited(exit_code=0, stdout=content))
            blobs |= read
        return {blob_id: blobs[blob_id] for blob_id in wanted}

    async def _read_blobs(self, wanted: Collection[str]) -> dict[str, bytes]:
        asked = "".join(f"{blob_id}\n" for blob_id in wanted).encode()
        output = await self._output_of("cat-file", "--batch", stdin=asked)
        blobs: dict[str, bytes] = {}
        start = 0
        for blob_id in wanted:
            end = output.index(b"\n", start)
            header = output[start:end].split(b" ")
            if header[-1] == b"missing" or header[1] != b"blob":
                raise missing_error(blob_id)
            size = int(header[2])
            blobs[blob_id] = output[end + 1 : end + 1 + size]
            start = end + 1 + size + 1
        return blobs

    async def read_file(self, treeish: str, path: str) -> bytes | None:
        """Return a regular file's content, None if there is none at `path` (a symlink or directory is not a file)."""
        if not path or path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
            return None
        tree = await self.tree_of(treeish)
        listing = await self._small_listing(tree)
        if listing is None:
            ended = await self._of((tree,), "ls-tree", "-z", "--long", "--full-tree", "--end-of-options", tree, path)
            if ended.exit_code:
                raise missing_error(treeish)
            listing = ended.stdout
        entry = _find_file(listing, path)
        if entry is None:
            return None
        if entry.size_bytes > _LARGEST_FILE_BYTES:
            raise TooLargeForGit(
                f"{path} is larger than {_LARGEST_FILE_BYTES // 1024**2} MiB: push a commit with a smaller one"
            )
        read = await self._of((entry.blob_id,), *_blob(entry.blob_id))
        if read.exit_code:
            raise missing_error(entry.blob_id)
        return read.stdout

    async def _small_listing(self, tree: TreeId) -> bytes | None:
        """List the files and directories of a tree; None if there are too many to cache the list.

        git ends as soon as it has printed too much. Raises MissingObject.
        """
        words = ("ls-tree", "-r", "-t", "-z", "--long", "--full-tree", "--end-of-options", tree)

        async def list_some() -> Exited:
            try:
                return await self._run(*words, output_bytes=_SMALL_LISTING_BYTES)
            except TooLargeForGit:
                return _IS_LARGE

        ended = await self._ask(words, (tree,), list_some, lasting=(0, _IS_LARGE.exit_code))
        if ended.exit_code == _IS_LARGE.exit_code:
            return None
        if ended.exit_code:
            raise missing_error(tree)
        return ended.stdout

    async def _require_few_files(self, treeish: str) -> None:
        """Raise TooLargeForGit if a tree has more files and directories than Planward reads, MissingObject if it is
        missing.

        git prints one line for each of them, and all lines have the same length. So a limit on the output stops git as
        soon as there are too many. This check takes about a second, but comparing such a tree would take minutes.
        """
        tree = await self.tree_of(treeish)
        if await self._small_listing(tree) is not None:
            return
        words = ("ls-tree", "-r", "-t", "--object-only", "--full-tree", "--end-of-options", tree)

        async def count() -> Exited:
            return replace(await self._run(*words, output_bytes=2 * _MOST_FILES * _ID_LINE_BYTES), stdout=b"")

        try:
            ended = await self._ask(words, (tree,), count)
        except TooLargeForGit:
            raise TooLargeForGit(
                f"the commit has more than {2 * _MOST_FILES:,} files and directories together, which is the most that "
                "Planward reads: push a commit with fewer"
            ) from None
        if ended.exit_code:
            raise missing_error(treeish)

    async def _of(self, objects: Collection[str], *words: str, lasting: Collection[int] = (0,)) -> Exited:
        """Run git for an answer that depends only on these objects. It is cached if its exit code is in `lasting`."""
        return await self._ask(words, objects, lambda: self._run(*words), lasting)

    async def _ask(
        self,
        words: tuple[str, ...],
        objects: Collection[str],
        ask: Callable[[], Awaitable[Exited]],
        lasting: Collection[int] = (0,),
    ) -> Exited:
        return await self._answers.get((self.path, words), objects, ask, lasting)

    async def _run(self, *words: str, stdin: bytes = b"", output_bytes: int | None = None) -> Exited:
        return await git(self._programs, f"--git-dir={self.path}", *words, stdin=stdin, output_bytes=output_bytes)

    async def _output_of(self, *words: str, stdin: bytes = b"") -> bytes:
        return output_of(await self._run(*words, stdin=stdin), words[0])


def output_of(ended: Exited, command: str) -> bytes:
    """The output of a git command. Raises GitError if it failed."""
    if ended.exit_code:
        raise GitError(f"`git {command}` failed in Planward's mirror of the repository: press Re-run to try again")
    return ended.stdout


def missing_error(what: str) -> MissingObject:
    """The error for an object that is not in the mirror."""
    return MissingObject(
        f"{what[:64]} is not in the repository any more: it was removed by a forced push; push a new commit"
    )


def decode_path(path: bytes) -> str:
    """Decode a path of a tree.

    A name that is not UTF-8 is shown with escapes, so it cannot be looked up. `surrogateescape` would keep it exactly,
    but the result could not be sent to GitHub.
    """
    return path.decode(errors="backslashreplace")


def _blob(blob_id: str) -> tuple[str, ...]:
    return ("cat-file", "blob", blob_id)


def _find_file(listing: bytes, path: str) -> TreeEntry | None:
    """The regular file at a path of a listing."""
    raw = os.fsencode(path)
    wanted = b"\t" + raw + b"\0"
    at = listing.find(wanted)
    while at >= 0:
        line = listing[listing.rfind(b"\0", 0, at) + 1 : at + len(wanted) - 1]
        # Another path may contain a tab, and its part after the tab may equal the wanted path.
        if line.split(b"\t", 1)[1] == raw:
            return _tree_entry(line) if line.startswith(b"100") else None
        at = listing.find(wanted, at + 1)
    return None


def _tree_entries(output: bytes) -> tuple[TreeEntry, ...]:
    lines = [line for line in output.split(b"\0") if line and not line.startswith(_DIRECTORY)]
    if len(lines) > _MOST_FILES:
        raise TooLargeForGit(
            f"the commit has {len(lines):,} files, and Planward reads {_MOST_FILES:,} at most: push a commit with fewer"
        )
    entries = tuple(map(_tree_entry, lines))
    size_bytes = sum(entry.size_bytes for entry in entries)
    if size_bytes > _MOST_BYTES:
        raise TooLargeForGit(
            f"the files of the commit have {size_bytes / 1e9:,.0f} GB together, and Planward checks out at most "
            f"{_MOST_BYTES / 1e9:.0f} GB: push a commit without the large ones"
        )
    return entries


def _tree_entry(line: bytes) -> TreeEntry:
    facts, path = line.split(b"\t", 1)
    mode, _, blob_id, size = facts.decode().split()
    return TreeEntry(mode=mode, blob_id=blob_id, path=decode_path(path), size_bytes=0 if size == "-" else int(size))
