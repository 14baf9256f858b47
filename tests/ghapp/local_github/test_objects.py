"""Objects and refs that the local GitHub writes without git are the same as git's, bit for bit."""

import os
import subprocess
from pathlib import Path

import pytest

from ghapp.local_github.git import BareRepository, Entry
from ghapp.local_github.objects import EMPTY_TREE, Signature
from ghapp.local_github.program import GitFailed
from ghapp.local_github.upload_pack import list_refs

ADA = Signature(name=" Ada, L.", email="ada@example.com", date="2026-01-02T03:04:05+02:00")


def _git(repository: BareRepository, *words: str, stdin: str = "") -> str:
    done = subprocess.run(["git", *words], cwd=repository.path, input=stdin, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> BareRepository:
    return BareRepository.create(tmp_path / "one.git", "main")


@pytest.fixture
def commits(repository: BareRepository) -> tuple[str, str, str, str]:
    """A commit, two on top of it, and the merge of those."""
    files: dict[str, bytes | Entry | None] = {
        "a.txt": b"1\n",
        "a/x": b"x",
        "a/y/z": b"z",
        "a0": b"0",
        "run": Entry(mode="100755", content=b"#!"),
    }
    first = repository.commit_files(files, parent=None, message="One\n\nBody\n", author=ADA)
    left = repository.commit_files({"a": None, "a/new": b"2", "run": None}, parent=first, message="Two", author=ADA)
    right = repository.commit_files({"a/y/z": None, "a/no/file": None}, parent=first, message="Three", author=ADA)
    tree = repository.merge_tree(left, first)
    assert tree == repository.tree_of(left)
    merged = repository.commit_tree(tree, [left, right], "Merge", author=ADA, committer=ADA)
    for name, sha in {"main": merged, "topic/one": left}.items():
        repository.update_ref(f"refs/heads/{name}", sha)
    return first, left, right, merged


def test_trees_and_commits_are_the_same_as_gits(repository: BareRepository, commits: tuple[str, str, str, str]) -> None:
    first, left, right, merged = commits
    _git(repository, "fsck", "--strict", "--no-dangling")
    assert _git(repository, "ls-tree", "-r", "--name-only", first).split() == ["a.txt", "a/x", "a/y/z", "a0", "run"]
    assert _git(repository, "ls-tree", "-r", "--name-only", left).split() == ["a.txt", "a/new", "a0"]
    assert _git(repository, "ls-tree", "-r", "--name-only", right).split() == ["a.txt", "a/x", "a0", "run"]
    for sha in commits:
        tree = _git(repository, "mktree", stdin=_git(repository, "ls-tree", sha) + "\n")
        assert tree == repository.tree_of(sha)
    environ = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL", "DATE")]
    settings = [f"{name}={value}" for name, value in zip(environ, (ADA.name, ADA.email, ADA.date) * 2, strict=True)]
    words = ["commit-tree", repository.tree_of(merged), "-p", left, "-p", right]
    made = subprocess.run(
        ["env", *settings, "git", *words], cwd=repository.path, input=b"Merge", capture_output=True, check=True
    )
    assert made.stdout.decode().strip() == merged
    person = _git(repository, "log", "-1", "--format=%an|%ae|%aI", merged)
    assert person == "Ada, L|ada@example.com|2026-01-02T03:04:05+02:00"
    read = repository.commit(merged).author
    assert f"{read.name}|{read.email}|{read.date}" == person


def test_history_is_read_as_git_reads_it(repository: BareRepository, commits: tuple[str, str, str, str]) -> None:
    first, left, right, merged = commits
    for a, b in ((first, merged), (left, right), (right, left), (merged, first), (left, left)):
        assert repository.merge_base(a, b) == _git(repository, "merge-base", a, b)
        assert repository.is_ancestor(a, b) == (repository.merge_base(a, b) == a)
        assert repository.count(f"{a}..{b}") == int(_git(repository, "rev-list", "--count", f"{a}..{b}"))
        listed = _git(repository, "rev-list", "--topo-order", f"{a}..{b}").split()
        assert [commit.sha for commit in repository.commits(f"{a}..{b}")] == listed
        assert [commit.sha for commit in repository.commits(b, f"^{a}")] == listed
        status = {"A": "added", "D": "removed", "M": "modified", "R": "modified"}
        found = [line.split("\t") for line in _git(repository, "diff", "--name-status", a, b).splitlines()]
        changed = [("renamed" if kind == "R100" else status[kind[0]], paths[-1]) for kind, *paths in found]
        assert repository.changed_paths(a, b) == changed
    assert repository.changed_paths(EMPTY_TREE, right) == [("added", path) for path in ("a.txt", "a/x", "a0", "run")]


def test_refs_are_written_as_git_writes_them(repository: BareRepository, commits: tuple[str, str, str, str]) -> None:
    first, left, _, merged = commits
    kept = {"refs/heads/main": merged, "refs/heads/topic/one": left}
    assert repository.refs("refs/heads/") == kept
    assert _git(repository, "for-each-ref", "--format=%(refname) %(objectname)").splitlines() == [
        f"{name} {sha}" for name, sha in kept.items()
    ]
    with pytest.raises(GitFailed):
        repository.update_ref("refs/heads/topic", left)
    with pytest.raises(GitFailed):
        repository.update_ref("refs/heads/main/below", left)
    with pytest.raises(GitFailed):
        repository.update_ref("refs/heads/none", "1" * 40)
    repository.delete_ref("refs/heads/topic/one")
    repository.update_ref("refs/heads/topic", first)
    assert repository.tip("topic") == _git(repository, "rev-parse", "refs/heads/topic") == first


def test_a_repository_that_git_has_packed_is_read_and_written_too(
    repository: BareRepository, commits: tuple[str, str, str, str]
) -> None:
    first, left, right, merged = commits
    _git(repository, "gc", "--quiet", "--prune=now")
    packed = BareRepository(repository.path)
    assert packed.branches() == {"main": merged, "topic/one": left}
    assert packed.resolve("main") == merged
    assert packed.commits(merged, f"^{first}")[0].sha == merged
    assert (packed.merge_base(left, right), packed.count(f"{first}..{merged}")) == (first, 3)
    assert packed.changed_paths(EMPTY_TREE, left) == [("added", path) for path in ("a.txt", "a/new", "a0")]
    assert packed.blob(first, "a/y/z") == b"z"
    last = packed.commit_files({"a": None, "b": b"3"}, parent=merged, message="Four", author=ADA)
    packed.update_ref("refs/heads/main", last)
    assert _git(packed, "ls-tree", "-r", "--name-only", "main").split() == ["a.txt", "a0", "b"]
    packed.delete_ref("refs/heads/topic/one")
    assert packed.branches() == {"main": last}


def _packet(*lines: str) -> bytes:
    """A request of git's protocol; "0000" and "0001" are its special lines."""
    return "".join(each if each in ("0000", "0001") else f"{len(each) + 5:04x}{each}\n" for each in lines).encode()


def _listed_by_git(repository: BareRepository, request: bytes) -> bytes:
    done = subprocess.run(
        ["git", "upload-pack", "--stateless-rpc", "."],
        cwd=repository.path,
        input=request,
        env={"PATH": os.environ["PATH"], "GIT_PROTOCOL": "version=2"},
        capture_output=True,
        check=True,
    )
    return done.stdout


CLIENT = ("command=ls-refs", "agent=git/2.39.5", "object-format=sha1", "0001")
QUESTIONS = (
    _packet("command=ls-refs", "0000"),
    _packet(*CLIENT, "peel", "symrefs", "0000"),
    _packet(*CLIENT, "peel", "symrefs", "unborn", "ref-prefix refs/heads/", "ref-prefix HEAD", "0000"),
    _packet(*CLIENT, "ref-prefix refs/pull/1/hea", "0000"),
    _packet(*CLIENT, "ref-prefix refs/none/", "0000"),
)


@pytest.mark.parametrize("request_number", range(len(QUESTIONS)))
def test_refs_are_listed_for_a_fetch_as_git_lists_them(
    repository: BareRepository, commits: tuple[str, str, str, str], request_number: int
) -> None:
    asked = QUESTIONS[request_number]
    repository.update_ref("refs/pull/1/head", commits[1])
    repository.update_ref("refs/tags/v1", commits[0])
    assert list_refs(repository, asked) == _listed_by_git(repository, asked)
    repository.delete_ref("refs/heads/main")
    assert list_refs(repository, asked) == _listed_by_git(repository, asked), "HEAD has no commit"


def test_an_unknown_request_for_refs_is_left_to_git(
    repository: BareRepository, commits: tuple[str, str, str, str]
) -> None:
    for unknown in (
        b"",
        b"00",
        b"zzzz",
        b"0005",
        b"0100command=ls-refs\n",
        _packet("command=ls-refs"),
        _packet("command=fetch", "0001", "done", "0000"),
        _packet("command=ls-refs", "object-format=sha256", "0001", "0000"),
        _packet(*CLIENT, "a-new-argument", "0000"),
    ):
        assert list_refs(repository, unknown) is None
    _git(
        repository, "-c", "user.name=Ada", "-c", "user.email=a@example.com", "tag", "-a", "-m", "One", "v2", commits[0]
    )
    assert list_refs(repository, QUESTIONS[0]) is None, "it has a tag object"
    repository.delete_ref("refs/tags/v2")
    assert list_refs(repository, QUESTIONS[0]) is not None
    _git(repository, "pack-refs", "--all")
    assert list_refs(repository, QUESTIONS[0]) is None, "it has packed refs"
