"""Bare git repositories on disk.

This process reads and writes loose objects and loose refs (`objects.py`); git does everything else (`program.py`).
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ghapp.local_github.changed_files import ChangedFile, read_changes, split_patches
from ghapp.local_github.objects import EMPTY_TREE, Commit, Leaf, Objects, Signature, Unread, is_plain_ref, written
from ghapp.local_github.program import GitFailed, GitProgram

NO_SHA = "0" * 40

_UPDATE_HOOK = """#!/bin/sh
# The server wrote the file $LOCAL_GITHUB_RULES for this push. Its lines: "REF<TAB>deny|fast-forward<TAB>message".
rule=$(awk -F '\\t' -v ref="$1" '$1 == ref { print $2 "\\t" $3; exit }' "$LOCAL_GITHUB_RULES")
case "$rule" in
  deny*) ;;
  fast-forward*)
    case "$2$3" in *0000000000000000000000000000000000000000*) exit 0 ;; esac
    git merge-base --is-ancestor "$2" "$3" && exit 0 ;;
  *) exit 0 ;;
esac
printf '%s\\n' "$rule" | cut -f 2- | sed 's/\\\\n/\\n/g' >&2
exit 1
"""

_SETTINGS = (
    ("core.repositoryFormatVersion", "0"),
    ("core.fileMode", "true"),
    ("core.bare", "true"),
    ("uploadpack.allowFilter", "true"),
    ("uploadpack.allowAnySHA1InWant", "true"),
    ("http.receivepack", "true"),
    ("receive.hideRefs", "refs/pull"),
    ("core.logAllRefUpdates", "false"),
    ("gc.auto", "0"),
    ("receive.autogc", "false"),
)


_MOST_PATHS = 300_000
_MOST_LISTED = 3_000

_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A tree entry other than an ordinary file. `mode` is its mode in git.

    "100755" is an executable file, "120000" a symlink, whose content is its target, and "160000" a submodule, whose
    content is its commit.
    """

    mode: Literal["100755", "120000", "160000"]
    content: bytes


class BareRepository(GitProgram):
    """One bare repository. Methods raise GitFailed if git fails unexpectedly."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._objects = Objects(path)

    @classmethod
    def create(cls, path: Path, default_branch: str) -> BareRepository:
        repository = cls(path)
        if not repository.is_ref_name(f"refs/heads/{default_branch}"):
            raise GitFailed(f"{default_branch} is not a valid branch name")
        # The files that `git init --bare` writes.
        for directory in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (path / directory).mkdir(parents=True)
        (path / "HEAD").write_text(f"ref: refs/heads/{default_branch}\n")
        with (path / "config").open("w") as config:
            for key, value in _SETTINGS:
                section, name = key.split(".")
                config.write(f"[{section}]\n\t{name} = {value}\n")
        hook = path / "hooks" / "update"
        hook.parent.mkdir()
        hook.write_text(_UPDATE_HOOK)
        hook.chmod(0o755)
        return repository

    # -- reading ---------------------------------------------------------------------------------------------------

    def resolve(self, revision: str) -> str | None:
        """Return the commit of a branch, a tag or a SHA (which may be abbreviated); None if there is none."""
        if not revision or revision.startswith("-") or ".." in revision or any(c in revision for c in " ~^:?*[\\@{"):
            return None
        # A full SHA is always a commit, since GitHub refuses branch names that look like one.
        with contextlib.suppress(Unread):
            found = revision if _SHA.fullmatch(revision) else self._objects.ref(f"refs/heads/{revision}")
            if found is not None:
                return self._objects.commit(found).sha
        names = (
            (revision,) if _SHA.fullmatch(revision) else (f"refs/heads/{revision}", revision, f"refs/tags/{revision}")
        )
        for candidate in names:
            done = self.run("rev-parse", "--verify", "--quiet", f"{candidate}^{{commit}}", ok=(0, 1, 128))
            if done.returncode == 0:
                return done.stdout.decode().strip()
        return None

    def tip(self, branch: str) -> str | None:
        return self.ref(f"refs/heads/{branch}")

    def ref(self, name: str) -> str | None:
        with contextlib.suppress(Unread):
            return self._objects.ref(name)
        done = self.run("rev-parse", "--verify", "--quiet", name, ok=(0, 1, 128))
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def refs(self, prefix: str) -> dict[str, str]:
        """Return the refs below `prefix`, which ends with a slash, by name."""
        with contextlib.suppress(Unread):
            return self._objects.refs(prefix)
        lines = self.text("for-each-ref", "--format=%(objectname) %(refname)", prefix).splitlines()
        return {name: sha for sha, _, name in (line.partition(" ") for line in lines)}

    def refs_with_head(self) -> tuple[str, dict[str, str]] | None:
        """Return HEAD's branch, as `refs/heads/NAME`, and all refs.

        Return None if only git can list them, or if one of them may name a tag object.
        """
        head = (self.path / "HEAD").read_text().strip()
        try:
            refs = self._objects.refs("refs/")
            for name, sha in refs.items():
                if not name.startswith(("refs/heads/", "refs/pull/")):
                    self._objects.commit(sha)
        except Unread:
            return None
        return (head.removeprefix("ref: "), refs) if head.startswith("ref: ") else None

    def branches(self) -> dict[str, str]:
        return {name.removeprefix("refs/heads/"): sha for name, sha in self.refs("refs/heads/").items()}

    def is_ref_name(self, name: str) -> bool:
        if is_plain_ref(name):
            return True
        return self.run("check-ref-format", name, ok=(0, 1, 128)).returncode == 0

    def has(self, sha: str) -> bool:
        with contextlib.suppress(Unread):
            return bool(self._objects.commit(sha))
        return self.run("cat-file", "-e", f"{sha}^{{commit}}", ok=(0, 1, 128)).returncode == 0

    def tree_of(self, commit: str) -> str:
        with contextlib.suppress(Unread):
            return self._objects.commit(commit).tree
        return self.text("rev-parse", f"{commit}^{{tree}}")

    def commits(self, *revisions: str, limit: int | None = None) -> list[Commit]:
        """Return the commits of a `git log` range, newest first."""
        with contextlib.suppress(Unread):
            if limit == 1 and len(revisions) == 1:
                return [self._objects.commit(revisions[0])]
            tip, excluded = _read_range(revisions)
            return [self._objects.commit(sha) for sha in self._objects.chain(tip, excluded)[:limit]]
        form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00%x01"
        count = [f"--max-count={limit}"] if limit is not None else []
        raw = self.run("log", f"--format={form}", "--topo-order", *count, *revisions, "--").stdout.decode(
            errors="replace"
        )
        return [_read_commit(entry) for entry in raw.split("\x00\x01") if entry.strip("\n")]

    def commit(self, sha: str) -> Commit:
        return self.commits(sha, limit=1)[0]

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        with contextlib.suppress(Unread):
            return self._objects.is_ancestor(ancestor, descendant)
        return self.run("merge-base", "--is-ancestor", ancestor, descendant, ok=(0, 1, 128)).returncode == 0

    def merge_base(self, a: str, b: str) -> str | None:
        with contextlib.suppress(Unread):
            return self._objects.merge_base(a, b)
        done = self.run("merge-base", a, b, ok=(0, 1))
        return done.stdout.decode().split()[0] if done.returncode == 0 else None

    def count(self, revisions: str) -> int:
        with contextlib.suppress(Unread):
            tip, excluded = _read_range((revisions,))
            return len(self._objects.between([tip], excluded))
        return int(self.text("rev-list", "--count", revisions))

    def blob(self, treeish: str, path: str) -> bytes | None:
        with contextlib.suppress(Unread):
            leaf = self._objects.find(self._tree(treeish), path)
            return None if leaf is None else self._objects.read(leaf.sha, "blob")
        done = self.run("cat-file", "blob", f"{treeish}:{path}", ok=(0, 128))
        return done.stdout if done.returncode == 0 else None

    def tree(self, treeish: str, path: str = "") -> list[tuple[str, str, str, str]]:
        """Return (mode, type, object, name) for each entry of one directory."""
        place = f"{treeish}:{path}" if path else treeish
        done = self.run("ls-tree", "-z", place, ok=(0, 128))
        entries = [line.split("\t", 1) for line in done.stdout.decode(errors="replace").split("\0") if line]
        return [(*head.split(" ", 2), name) for head, name in entries]  # type: ignore[misc]

    def changed_files(self, before: str, after: str) -> list[ChangedFile]:
        """Return the difference between two trees, with patches that begin at the first `@@`, as GitHub's do.

        If one of the trees has too many files to compare, the first 3,000 files of `after` are returned as added.
        GitHub lists no more than that. https://docs.github.com/en/rest/pulls/pulls#list-pull-requests-files
        """
        if any(self._has_many_paths(tree) for tree in (before, after)):
            return [_added(path, blob) for path, blob in self.first_paths(after, _MOST_LISTED)]
        told = self.run("diff-tree", "-r", "-M", "-z", "--raw", "--numstat", "--patch", before, after).stdout.decode(
            errors="replace"
        )
        raw, _, patches = told.partition("\0\0")
        return read_changes(raw, split_patches(patches))

    def changed_paths(self, before: str, after: str) -> list[tuple[str, str]]:
        """Return the status and path of each changed file, as `changed_files` has them."""
        if not any(self._has_many_paths(tree) for tree in (before, after)):
            with contextlib.suppress(Unread):
                found = self._objects.changes(self._tree(before), self._tree(after))
                if len({status for status, _ in found} & {"added", "removed"}) < 2:  # otherwise git looks for renames
                    return [(status, path.decode(errors="replace")) for status, path in found]
        return [(file.status, file.path) for file in self.changed_files(before, after)]

    def _tree(self, treeish: str) -> str:
        return treeish if treeish == EMPTY_TREE else self._objects.commit(treeish).tree

    def _has_many_paths(self, treeish: str) -> bool:
        with contextlib.suppress(Unread):
            return self._objects.count_files(self._tree(treeish)) >= _MOST_PATHS
        return len(self.first_paths(treeish, _MOST_PATHS)) == _MOST_PATHS

    # -- writing ---------------------------------------------------------------------------------------------------

    def update_ref(self, name: str, sha: str) -> None:
        try:
            self._objects.update_ref(name, sha)
        except Unread:
            self.run("update-ref", name, sha)

    def delete_ref(self, name: str) -> None:
        try:
            self._objects.delete_ref(name)
        except Unread:
            self.run("update-ref", "-d", name)

    def merge_tree(self, base: str, head: str) -> str | None:
        """Return the tree of the merge, or None if there are conflicts."""
        with contextlib.suppress(Unread):
            common = self._objects.merge_base(base, head)
            if common in (base, head):
                return self._objects.commit(head if common == base else base).tree
        done = self.run("merge-tree", "--write-tree", "--allow-unrelated-histories", base, head, ok=(0, 1))
        return done.stdout.decode().split("\n", 1)[0].strip() if done.returncode == 0 else None

    def commit_tree(
        self, tree: str, parents: Sequence[str], message: str, *, author: Signature, committer: Signature
    ) -> str:
        with contextlib.suppress(Unread):
            return self._objects.write_commit(tree, parents, message, author=author, committer=committer)
        environ = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": author.date,
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
            "GIT_COMMITTER_DATE": committer.date,
        }
        flags = [flag for parent in parents for flag in ("-p", parent)]
        return self.run("commit-tree", tree, *flags, stdin=message.encode(), environ=environ).stdout.decode().strip()

    def commit_files(
        self,
        files: Mapping[str, bytes | Entry | None],
        *,
        parent: str | None,
        message: str,
        author: Signature,
        committer: Signature | None = None,
    ) -> str:
        """Make a commit of these files on top of `parent`. A file whose content is None is deleted. No ref moves."""
        with contextlib.suppress(Unread):
            before = None if parent is None else self._objects.commit(parent).tree
            changes = [(path.encode(), self._leaf(content)) for path, content in files.items()]
            tree = self._objects.changed_tree(before, changes) or self._objects.write_tree({})
            parents = [] if parent is None else [parent]
            return self._objects.write_commit(tree, parents, message, author=author, committer=committer or author)
        ref = "refs/local-github/commit"
        people = f"author {written(author)}\ncommitter {written(committer or author)}"
        body = message.encode()
        lines = [f"commit {ref}\n{people}\ndata {len(body)}\n".encode(), body, b"\n"]
        if parent is not None:
            lines.append(f"from {parent}\n".encode())
        for path, content in files.items():
            leaf = self._leaf(content)
            lines.append(f"D {path}\n".encode() if leaf is None else f"M {leaf.mode} {leaf.sha} {path}\n".encode())
        self.run("fast-import", "--quiet", "--force", stdin=b"".join(lines))
        sha = self.text("rev-parse", ref)
        self.delete_ref(ref)
        return sha

    def _leaf(self, content: bytes | Entry | None) -> Leaf | None:
        """Write the blob of a file, and return the tree entry of the file; None if the file is deleted."""
        if isinstance(content, Entry):
            if content.mode == "160000":
                return Leaf(content.mode, content.content.decode())
            return Leaf(content.mode, self._objects.write("blob", content.content))
        return None if content is None else Leaf("100644", self._objects.write("blob", content))

    def fetch(self, other: BareRepository, sha: str) -> None:
        """Bring a commit of a fork into this repository."""
        if not self.has(sha):
            self.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(other.path), sha)

    def remove(self) -> None:
        shutil.rmtree(self.path)


def _read_range(revisions: Sequence[str]) -> tuple[str, list[str]]:
    """Return tip and excluded commits of `TIP`, `OTHER..TIP`, `TIP ^OTHER` or `TIP --not OTHER ...`."""
    first, *rest = revisions
    other, dots, tip = first.rpartition("..")
    if rest[:1] == ["--not"]:
        excluded = rest[1:]
    elif all(each.startswith("^") for each in rest):
        excluded = [each[1:] for each in rest]
    else:
        raise Unread(first)
    return tip, [*([other] if dots else []), *excluded]


def _read_commit(entry: str) -> Commit:
    sha, tree, parents, an, ae, ad, cn, ce, cd, message = entry.lstrip("\n").split("\0", 9)
    return Commit(
        sha=sha,
        tree=tree,
        parents=tuple(parents.split()),
        author=Signature(name=an, email=ae, date=ad),
        committer=Signature(name=cn, email=ce, date=cd),
        message=message.rstrip("\n"),
    )


def _added(path: str, blob: str) -> ChangedFile:
    return ChangedFile(status="added", path=path, previous_path=None, blob=blob, additions=0, deletions=0, patch=None)
