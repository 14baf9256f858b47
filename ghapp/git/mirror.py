"""Query a mirror: branches, commits, trees, merge results, differences."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ghapp.git import checkout, differences
from ghapp.git.commit_contents import CO_AUTHORS, CommitContents, read_commit_contents
from ghapp.git.confined import GitSandbox
from ghapp.git.errors import GitError, MissingObject, TooLargeForGit, UnrelatedHistories
from ghapp.git.kept_answers import KeptAnswers
from ghapp.git.kept_checkouts import KeptCheckouts, Use
from ghapp.git.large_files import LargeFiles
from ghapp.git.program import git
from ghapp.git.submodules import Submodule, read_urls
from ghapp.git.tree_entry import TreeEntry
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER, Exited, Programs
from ghapp.processes.sandbox import UNCONFINED, Sandbox
from ghapp.values import BranchName, CommitSha, TreeId

_MOST_FILES = 250_000
_MOST_BYTES = 8_000_000_000
_ID_LINE_BYTES = 41
_LARGEST_FILE_BYTES = 16 * 1024 * 1024
_SUBMODULE = "160000"
_LARGEST_MODULES_BYTES = 256 * 1024
_MOST_FOUND = 10_000
"""The most objects of a mirror that are remembered as found, about a megabyte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two commits cannot be merged automatically; `paths` are the files in conflict."""

    paths: tuple[str, ...]


class Mirror:
    """One repository as last fetched.

    The list of branches is read only once. Many answers about objects are cached, since objects never change. Nothing
    prunes a mirror, so an object that was found in it stays there as long as the mirror is in use.
    """

    def __init__(
        self,
        path: Path,
        checkouts: Path,
        kept: KeptCheckouts,
        in_use: object = None,
        *,
        found: set[str] | None = None,
        answers: KeptAnswers | None = None,
        programs: Programs = PROGRAMS_WITHOUT_KEEPER,
        sandbox: Sandbox = UNCONFINED,
    ) -> None:
        """As long as this object exists, its reference to `in_use` keeps the mirror from being removed.

        `found` are the objects that were found in it meanwhile; others that use the mirror at this time share the set.
        `sandbox` is the sandbox of root runs. The git that writes their checkouts runs in it, too.
        """
        self.path = path
        self._checkouts = checkouts
        self._kept = kept
        self._in_use = in_use
        self._found: set[str] = set() if found is None else found
        self._programs = programs
        self._answers = answers or KeptAnswers()
        self._sandbox = GitSandbox(repository=path.stem, programs=programs, sandbox=sandbox)
        self._branches: dict[BranchName, CommitSha] | None = None

    async def branches(self) -> dict[BranchName, CommitSha]:
        """Return every branch with its tip."""
        if self._branches is None:
            self._branches = await self._list_branches()
        return dict(self._branches)

    async def _list_branches(self) -> dict[BranchName, CommitSha]:
        listed = await self._output_of("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/")
        pairs = (line.split(" ", 1) for line in listed.decode(errors="backslashreplace").splitlines())
        return {BranchName(name.removeprefix("refs/heads/")): CommitSha(sha) for sha, name in pairs}

    async def tip(self, branch: BranchName | str) -> CommitSha | None:
        """Return a branch's tip, None if there is no such branch."""
        return (await self.branches()).get(BranchName(branch))

    async def pull_request_head(self, number: int) -> CommitSha | None:
        """Return the head of a pull request as last fetched, None if it never was."""
        ended = await self._run("show-ref", "--verify", "--hash", "--", f"refs/pull/{int(number)}/head")
        return CommitSha(ended.stdout.decode().strip()) if ended.exit_code == 0 else None

    async def has(self, sha: CommitSha | TreeId) -> bool:
        """Whether the mirror has a commit and its tree, or a tree."""
        if sha in self._found:
            return True
        ended = await self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{sha}^{{tree}}")
        if ended.exit_code == 0:
            self._remember([sha])
        return ended.exit_code == 0

    async def has_all(self, commits: Collection[CommitSha]) -> bool:
        """Whether the mirror has all of these commits."""
        unknown = [sha for sha in commits if sha not in self._found]
        if not unknown:
            return True
        asked = "".join(f"{sha}^{{tree}}\n" for sha in unknown).encode()
        answer = await self._output_of("cat-file", "--batch-check", stdin=asked)
        if any(line.endswith(b" missing") for line in answer.splitlines()):
            return False
        self._remember(unknown)
        return True

    def _remember(self, found: Collection[str]) -> None:
        if len(self._found) + len(found) > _MOST_FOUND:
            self._found.clear()
        self._found.update(found)

    async def tree_of(self, commit: CommitSha) -> TreeId:
        """Return a commit's tree. Raises MissingObject."""
        return await self._tree_of(commit)

    async def _tree_of(self, treeish: str) -> TreeId:
        ended = await self._of(
            (treeish,), "rev-parse", "--verify", "--quiet", "--end-of-options", f"{treeish}^{{tree}}"
        )
        if ended.exit_code:
            raise _missing(treeish)
        return TreeId(ended.stdout.decode().strip())

    async def parents(self, commit: CommitSha) -> tuple[CommitSha, ...]:
        """Return a commit's parents in order, none for a root commit. Raises MissingObject."""
        ended = await self._of((commit,), "rev-list", "--parents", "--max-count=1", "--end-of-options", commit, "--")
        if ended.exit_code:
            raise _missing(commit)
        return tuple(CommitSha(word) for word in ended.stdout.decode().split()[1:])

    async def is_ancestor(self, ancestor: CommitSha, descendant: CommitSha) -> bool:
        """Whether `ancestor` is reachable from `descendant` (or is it). Raises MissingObject."""
        ended = await self._of(
            (ancestor, descendant), "merge-base", "--is-ancestor", ancestor, descendant, lasting=(0, 1)
        )
        if ended.exit_code > 1:
            raise _missing(ancestor if not await self.has(ancestor) else descendant)
        return ended.exit_code == 0

    async def first_parent_commits(self, last: CommitSha, after: CommitSha) -> tuple[CommitSha, ...] | None:
        """Return the commits of `git rev-list --first-parent last..after`, oldest first.

        None if `last` is not on the first-parent chain of `after`: the branch was forced, or diverged. Raises
        MissingObject.
        """
        for sha in (last, after):
            if not await self.has(sha):
                raise _missing(sha)
        if last == after:
            return ()
        listed = await self._output_of(
            "rev-list", "--first-parent", "--parents", "--reverse", "--end-of-options", f"{last}..{after}", "--"
        )
        lines = [line.split() for line in listed.decode().splitlines()]
        if not lines or lines[0][1:2] != [last]:
            return None
        return tuple(CommitSha(line[0]) for line in lines)

    async def first_parent_changes(self, tip: CommitSha, path: str, *, most: int) -> tuple[CommitSha, ...]:
        """Return up to `most` commits of the first-parent chain that change a path, newest first."""
        words = ("rev-list", "--first-parent", f"--max-count={most}", "--end-of-options", tip, "--", path)
        return tuple(CommitSha(line) for line in (await self._output_of(*words)).decode().split())

    async def commits_of(self, tip: CommitSha, *, without: Collection[CommitSha], most: int) -> tuple[CommitSha, ...]:
        """Return up to `most` commits that are reachable from `tip` and from none of `without`, newest first.

        Raises MissingObject.
        """
        if not await self.has(tip):
            raise _missing(tip)
        known = [f"^{sha}" for sha in without if await self.has(sha)]
        output = await self._output_of("rev-list", f"--max-count={most}", "--end-of-options", tip, *known, "--")
        return tuple(CommitSha(line) for line in output.decode().split())

    async def read_contents_of(self, commits: Sequence[CommitSha]) -> dict[CommitSha, CommitContents]:
        """Return each commit's changed paths and co-authors. Raises TooLargeForGit."""
        stdin = "".join(f"{sha}\n" for sha in commits).encode()
        if not commits:
            return {}
        # git compares each commit with its parents. For a tree of millions of files that takes minutes, even if it
        # prints nothing.
        compared = await self._output_of("rev-list", "--parents", "--no-walk=unsorted", "--stdin", stdin=stdin)
        for sha in dict.fromkeys(compared.decode().split()):
            await self._require_few_files(sha)
        raw = await self._output_of(
            "diff-tree", "--stdin", "-r", "-c", "-z", "--raw", "--root", "--no-renames", "--no-ext-diff", stdin=stdin
        )
        named = await self._output_of(
            "log", "--stdin", "--no-walk=unsorted", "-z", f"--format={CO_AUTHORS}", stdin=stdin
        )
        return read_commit_contents(commits, raw, named)

    async def merge_commits(self, last: CommitSha, after: CommitSha) -> tuple[CommitSha, ...]:
        """Return the merge commits on the first-parent chain of `last..after`, oldest first."""
        listed = await self._output_of(
            "rev-list", "--first-parent", "--merges", "--reverse", "--end-of-options", f"{last}..{after}", "--"
        )
        return tuple(CommitSha(line) for line in listed.decode().split())

    async def merge_tree(self, base: CommitSha, head: CommitSha) -> TreeId | Conflict:
        """Merge `head` into `base`. Returns the resulting tree, or the files in conflict.

        Raises MissingObject, and UnrelatedHistories if the two have no commit in common.

        https://git-scm.com/docs/git-merge-tree
        """
        ended = await self._run(
            "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", "--end-of-options", base, head
        )
        if ended.exit_code == 0:
            tree = TreeId(ended.stdout.rstrip(b"\0\n").decode())
            self._remember([tree])
            return tree
        # git also exits with 1 for a missing object, but then it prints nothing.
        if ended.exit_code == 1 and ended.stdout:
            _, *paths = ended.stdout.rstrip(b"\0").split(b"\0")
            return Conflict(paths=tuple(sorted({_path(path) for path in paths})))
        if b"unrelated histories" in ended.stderr:
            raise UnrelatedHistories(
                f"commit {head[:12]} and the base branch at {base[:12]} have no commit in common: "
                "start the branch again from the base branch"
            )
        for sha in (base, head):
            if not await self.has(sha):
                raise _missing(sha)
        raise GitError(f"git could not merge {head[:12]} into {base[:12]}: press Re-run to try again")

    async def changed_paths(self, before: str, after: str) -> tuple[str, ...]:
        """Return the paths that differ between two commits or trees; a renamed file counts as two.

        Raises MissingObject and TooLargeForGit.
        """
        output = await self._compare(before, after, "--name-only", "-z")
        return tuple(_path(path) for path in output.split(b"\0") if path)

    async def changed_lines(self, before: str, after: str) -> Mapping[str, list[range]]:
        """Return, for each path of `after` that differs from `before`, the ranges of new or changed lines, from 1.

        A file with only removed lines, and a binary file, has no range. Raises MissingObject and TooLargeForGit.
        """
        output = await self._compare(before, after, "--unified=0", "--no-textconv")
        return await asyncio.to_thread(differences.read_line_ranges, output)

    async def list_tree(self, treeish: str) -> tuple[TreeEntry, ...]:
        """Return all files of a tree, in git's order.

        Raises MissingObject, and TooLargeForGit if the tree has more files or bytes than a run may check out. Even a
        tiny repository can exceed the limit: if each directory contains the next one twice, a kilobyte of tree objects
        stands for millions of files.
        """
        await self._require_few_files(treeish)
        ended = await self._of((treeish,), "ls-tree", "-r", "-z", "--long", "--full-tree", "--end-of-options", treeish)
        if ended.exit_code:
            raise _missing(treeish)
        return await asyncio.to_thread(_tree_entries, ended.stdout)

    async def read_blobs(self, blob_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of many blobs, using one process.

        Raises MissingObject for the first missing one, and TooLargeForGit if they are too large in total.
        """
        wanted = list(dict.fromkeys(blob_ids))
        if not wanted:
            return {}
        asked = "".join(f"{blob_id}\n" for blob_id in wanted).encode()
        output = await self._output_of("cat-file", "--batch", stdin=asked)
        blobs: dict[str, bytes] = {}
        start = 0
        for blob_id in wanted:
            end = output.index(b"\n", start)
            header = output[start:end].split(b" ")
            if header[-1] == b"missing" or header[1] != b"blob":
                raise _missing(blob_id)
            size = int(header[2])
            blobs[blob_id] = output[end + 1 : end + 1 + size]
            start = end + 1 + size + 1
        return blobs

    async def submodules(self, entries: Sequence[TreeEntry]) -> tuple[Submodule, ...]:
        """Return the submodules of a tree."""
        links = [entry for entry in entries if entry.mode == _SUBMODULE]
        if not links:
            return ()
        written = next((entry for entry in entries if entry.path == ".gitmodules"), None)
        urls: Mapping[str, str] = {}
        if written is not None and written.mode.startswith("100") and written.size_bytes <= _LARGEST_MODULES_BYTES:
            content = (await self.read_blobs([written.blob_id]))[written.blob_id]
            listed = await git(self._programs, "config", "--file", "-", "--list", "-z", stdin=content)
            urls = read_urls(listed.stdout) if listed.exit_code == 0 else {}
        return tuple(
            Submodule(path=link.path, commit=CommitSha(link.blob_id), url=urls.get(link.path, "")) for link in links
        )

    async def read_file(self, treeish: str, path: str) -> bytes | None:
        """Return a regular file's content, None if there is none at `path` (a symlink or directory is not a file)."""
        if not path or path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
            return None
        ended = await self._of((treeish,), "ls-tree", "-z", "--long", "--full-tree", "--end-of-options", treeish, path)
        if ended.exit_code:
            raise _missing(treeish)
        for line in ended.stdout.split(b"\0"):
            if line and (entry := _tree_entry(line)).path == path and entry.mode.startswith("100"):
                if entry.size_bytes > _LARGEST_FILE_BYTES:
                    raise TooLargeForGit(
                        f"{path} is larger than {_LARGEST_FILE_BYTES // 1024**2} MiB: push a commit with a smaller one"
                    )
                read = await self._of((entry.blob_id,), "cat-file", "blob", entry.blob_id)
                if read.exit_code:
                    raise _missing(entry.blob_id)
                return read.stdout
        return None

    @asynccontextmanager
    async def checkout(
        self, treeish: str, large_files: LargeFiles | None = None, *, use: Use = "plan"
    ) -> AsyncIterator[Path]:
        """Check out a commit or tree into its own directory with mode 0700.

        Afterwards the checkout is removed, or kept for a later one with the same `use`: a plan's checkout is never used
        for an apply.

        Several checkouts can exist at the same time. A checkout has no `.git` and no symlinks that leave the tree, and
        git runs none of the programs that the repository's files name (checkout.py). `large_files` says which Git LFS
        pointers the run reads. Raises MissingObject, and GitError for a pointer whose contents are unavailable.
        """
        tree = await self._tree_of(treeish)
        if not await self.has(tree):
            raise _missing(treeish)
        async with checkout.prepare_checkout(
            self._sandbox, self.path, tree, self._checkouts, self._kept, use, large_files or LargeFiles()
        ) as directory:
            yield directory

    async def _require_few_files(self, treeish: str) -> None:
        """Raise TooLargeForGit if a tree has more files and directories than Planward reads, MissingObject if it is
        missing.

        git prints one line for each of them, and all lines have the same length. So a limit on the output stops git as
        soon as there are too many. This check takes about a second, but comparing such a tree would take minutes.
        """
        words = ("ls-tree", "-r", "-t", "--object-only", "--full-tree", "--end-of-options", treeish)

        async def count() -> Exited:
            most_bytes = 2 * _MOST_FILES * _ID_LINE_BYTES
            ended = await git(self._programs, f"--git-dir={self.path}", *words, output_bytes=most_bytes)
            return replace(ended, stdout=b"")

        try:
            ended = await self._answers.get((self.path, words), (treeish,), count, lasting=(0,))
        except TooLargeForGit:
            raise TooLargeForGit(
                f"the commit has more than {2 * _MOST_FILES:,} files and directories together, which is the most that "
                "Planward reads: push a commit with fewer"
            ) from None
        if ended.exit_code:
            raise _missing(treeish)

    async def _compare(self, before: str, after: str, *options: str) -> bytes:
        for treeish in (before, after):
            await self._require_few_files(treeish)
        ended = await self._of(
            (before, after),
            "diff-tree",
            "-r",
            "--no-renames",
            "--no-ext-diff",
            "--no-color",
            *options,
            "--end-of-options",
            before,
            after,
        )
        if ended.exit_code:
            raise _missing(before)
        return ended.stdout

    async def _of(self, objects: Collection[str], *words: str, lasting: Collection[int] = (0,)) -> Exited:
        """Run git for an answer that depends only on these objects. It is cached if its exit code is in `lasting`."""
        return await self._answers.get((self.path, words), objects, lambda: self._run(*words), lasting)

    async def _run(self, *words: str, stdin: bytes = b"") -> Exited:
        return await git(self._programs, f"--git-dir={self.path}", *words, stdin=stdin)

    async def _output_of(self, *words: str, stdin: bytes = b"") -> bytes:
        ended = await self._run(*words, stdin=stdin)
        if ended.exit_code:
            raise GitError(f"`git {words[0]}` failed in Planward's mirror of the repository: press Re-run to try again")
        return ended.stdout


def _tree_entries(output: bytes) -> tuple[TreeEntry, ...]:
    lines = [line for line in output.split(b"\0") if line]
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
    return TreeEntry(mode=mode, blob_id=blob_id, path=_path(path), size_bytes=0 if size == "-" else int(size))


def _path(path: bytes) -> str:
    # A name that is not UTF-8 is shown with escapes, so it cannot be looked up. `surrogateescape` would keep it
    # exactly, but the result could not be sent to GitHub.
    return path.decode(errors="backslashreplace")


def _missing(what: str) -> MissingObject:
    return MissingObject(
        f"{what[:64]} is not in the repository any more: it was removed by a forced push; push a new commit"
    )
