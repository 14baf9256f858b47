"""Query a mirror: branches, history, merge results, and the objects (objects.py). Check its trees out."""

import secrets
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ghapp.git import checkout
from ghapp.git.commit_contents import CO_AUTHORS, CommitContents, read_commit_contents
from ghapp.git.confined import GitSandbox
from ghapp.git.errors import GitError, UnrelatedHistories
from ghapp.git.kept_answers import KeptAnswers
from ghapp.git.kept_checkouts import KeptCheckouts, Use
from ghapp.git.large_files import LargeFiles
from ghapp.git.objects import Objects, decode_path, missing_error, output_of
from ghapp.git.program import git
from ghapp.git.submodules import Submodule, read_urls
from ghapp.git.tree_entry import TreeEntry
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER, Exited, Programs
from ghapp.processes.sandbox import UNCONFINED, Sandbox
from ghapp.values import BranchName, CommitSha, TreeId

_SUBMODULE = "160000"
_LARGEST_MODULES_BYTES = 256 * 1024
_STAMP = "planward-refs"
_STAMP_CHARACTERS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two commits cannot be merged automatically; `paths` are the files in conflict."""

    paths: tuple[str, ...]


class Mirror(Objects):
    """One repository as last fetched.

    Each instance reads the list of branches only once. All instances of a mirror in this process share git's answer, so
    git lists the branches once after each fetch.
    """

    def __init__(
        self,
        path: Path,
        checkouts: Path,
        kept: KeptCheckouts,
        in_use: object = None,
        *,
        found: dict[str, TreeId] | None = None,
        answers: KeptAnswers | None = None,
        programs: Programs = PROGRAMS_WITHOUT_KEEPER,
        sandbox: Sandbox = UNCONFINED,
    ) -> None:
        """As long as this object exists, its reference to `in_use` keeps the mirror from being removed.

        `found` are the commits and trees that were found in this mirror before. All instances in this process share it.
        `sandbox` is the sandbox of the root modules' runs. If it has mounts (bubblewrap), git also runs in it when it
        writes their checkouts.
        """
        super().__init__(path, found=found, answers=answers, programs=programs)
        self._checkouts = checkouts
        self._kept = kept
        self._in_use = in_use
        self._sandbox = GitSandbox(repository=path.stem, programs=programs, sandbox=sandbox)
        self._branches: dict[BranchName, CommitSha] | None = None

    async def branches(self) -> dict[BranchName, CommitSha]:
        """Return every branch with its tip."""
        if self._branches is None:
            self._branches = await self._list_branches()
        return dict(self._branches)

    async def _list_branches(self) -> dict[BranchName, CommitSha]:
        words = ("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/")
        stamp = _read_stamp(self.path)
        question = (self.path, (*words, stamp or ""))
        listed = None if stamp is None else self._answers.find(question)
        if listed is None:
            listed = await self._run(*words)
            output_of(listed, words[0])
            if stamp is not None and _read_stamp(self.path) == stamp:
                self._answers.keep(question, (), listed)
        pairs = (line.split(" ", 1) for line in listed.stdout.decode(errors="backslashreplace").splitlines())
        return {BranchName(name.removeprefix("refs/heads/")): CommitSha(sha) for sha, name in pairs}

    async def tip(self, branch: BranchName | str) -> CommitSha | None:
        """Return a branch's tip, None if there is no such branch."""
        return (await self.branches()).get(BranchName(branch))

    async def pull_request_head(self, number: int) -> CommitSha | None:
        """Return the head of a pull request as last fetched, None if it never was."""
        ended = await self._run("show-ref", "--verify", "--hash", "--", f"refs/pull/{int(number)}/head")
        return CommitSha(ended.stdout.decode().strip()) if ended.exit_code == 0 else None

    async def parents(self, commit: CommitSha) -> tuple[CommitSha, ...]:
        """Return a commit's parents in order, none for a root commit. Raises MissingObject."""
        ended = await self._of((commit,), "rev-list", "--parents", "--max-count=1", "--end-of-options", commit, "--")
        if ended.exit_code:
            raise missing_error(commit)
        return tuple(CommitSha(word) for word in ended.stdout.decode().split()[1:])

    async def is_ancestor(self, ancestor: CommitSha, descendant: CommitSha) -> bool:
        """Whether `ancestor` is reachable from `descendant`, or is the same commit. Raises MissingObject."""
        ended = await self._of(
            (ancestor, descendant), "merge-base", "--is-ancestor", ancestor, descendant, lasting=(0, 1)
        )
        if ended.exit_code > 1:
            raise missing_error(ancestor if not await self.has(ancestor) else descendant)
        return ended.exit_code == 0

    async def first_parent_commits(self, last: CommitSha, after: CommitSha) -> tuple[CommitSha, ...] | None:
        """Return the commits of `git rev-list --first-parent last..after`, oldest first.

        None if `last` is not on the first-parent chain of `after`: the branch was force-pushed, or has diverged. Raises
        MissingObject.
        """
        for sha in (last, after):
            if not await self.has(sha):
                raise missing_error(sha)
        if last == after:
            return ()
        listed = await self._chain(last, after, "--parents")
        lines = [line.split() for line in listed.splitlines()]
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
            raise missing_error(tip)
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
        return tuple(CommitSha(line) for line in (await self._chain(last, after, "--merges")).split())

    async def _chain(self, last: CommitSha, after: CommitSha, option: str) -> str:
        words = ("rev-list", "--first-parent", option, "--reverse", "--end-of-options", f"{last}..{after}", "--")
        return output_of(await self._of((last, after), *words), words[0]).decode()

    async def merge_tree(self, base: CommitSha, head: CommitSha) -> TreeId | Conflict:
        """Merge `head` into `base`. Returns the resulting tree, or the files in conflict.

        Raises MissingObject, and UnrelatedHistories if the two have no commit in common.

        https://git-scm.com/docs/git-merge-tree
        """
        words = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", "--end-of-options", base, head)
        kept = self._answers.find((self.path, words))
        if kept is not None and await self.has(tree := _merged(kept)):
            return tree
        ended = await self._run(*words)
        if ended.exit_code == 0:
            tree = _merged(ended)
            self._answers.keep((self.path, words), (base, head), ended)
            self._remember(tree, tree)
            return tree
        # git also exits with 1 for a missing object, but then it prints nothing.
        if ended.exit_code == 1 and ended.stdout:
            _, *paths = ended.stdout.rstrip(b"\0").split(b"\0")
            return Conflict(paths=tuple(sorted({decode_path(path) for path in paths})))
        if b"unrelated histories" in ended.stderr:
            raise UnrelatedHistories(
                f"commit {head[:12]} and the base branch at {base[:12]} have no commit in common: "
                "start the branch again from the base branch"
            )
        for sha in (base, head):
            if not await self.has(sha):
                raise missing_error(sha)
        raise GitError(f"git could not merge {head[:12]} into {base[:12]}: press Re-run to try again")

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
        tree = await self.tree_of(treeish)
        async with checkout.prepare_checkout(
            self._sandbox, self, tree, self._checkouts, self._kept, use, large_files or LargeFiles()
        ) as directory:
            yield directory


@contextmanager
def moving_refs(mirror: Path) -> Iterator[None]:
    """Prevent other users of a mirror, in this process or another one, from caching its refs while the refs may move.

    A file in the mirror, the stamp, has a random text that stands for the present state of the refs. While the refs may
    move, there is no stamp. After an error there is none, either, until the next fetch.
    """
    stamp = mirror / _STAMP
    stamp.unlink(missing_ok=True)
    yield
    with suppress(OSError):  # then the refs are not cached
        stamp.write_text(secrets.token_hex(16))


def _read_stamp(mirror: Path) -> str | None:
    try:
        stamp = (mirror / _STAMP).read_text()
    except OSError:
        return None
    return stamp if len(stamp) == _STAMP_CHARACTERS else None


def _merged(ended: Exited) -> TreeId:
    """The tree that `git merge-tree` wrote."""
    return TreeId(ended.stdout.rstrip(b"\0\n").decode())
