"""A kilobyte of git objects can stand for gigabytes. Planward refuses it with a clear error and uses little memory."""

import asyncio
import resource
import subprocess
import time
from pathlib import Path

import pytest

from ghapp.facts import Facts
from ghapp.git import Mirror, TooLargeForGit, objects, program
from ghapp.git.kept_checkouts import KeptCheckouts
from ghapp.values import CommitSha


def git(directory: Path, *words: str, stdin: bytes = b"") -> str:
    done = subprocess.run(["git", f"--git-dir={directory}", *words], input=stdin, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    directory = tmp_path / "7.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(directory)], check=True)
    return directory


def mirror_of(bare: Path) -> Mirror:
    return Mirror(bare, bare.parent / "checkouts", KeptCheckouts(most=1))


def nested_tree(bare: Path, *, levels: int, wide: int = 2, content: bytes = b"", files: bool = True) -> str:
    """A tree that contains the next lower tree `wide` times: wide ** levels files from only `levels` objects."""
    blob = git(bare, "hash-object", "-w", "--stdin", stdin=content)
    tree = git(bare, "mktree", stdin=f"100644 blob {blob}\tmain.tf\n".encode() if files else b"")
    for _ in range(levels):
        entries = "".join(f"040000 tree {tree}\t{number}\n" for number in range(wide))
        tree = git(bare, "mktree", stdin=entries.encode())
    return tree


def wide_tree(bare: Path, *, wide: int) -> str:
    """A tree with this many directories, and this many files in each."""
    blob = git(bare, "hash-object", "-w", "--stdin")
    tree = git(bare, "mktree", stdin="".join(f"100644 blob {blob}\t{name}\n" for name in range(wide)).encode())
    return git(bare, "mktree", stdin="".join(f"040000 tree {tree}\t{name}\n" for name in range(wide)).encode())


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_a_tree_of_nested_identical_trees_is_refused_and_costs_little_memory(bare: Path) -> None:
    tree = nested_tree(bare, levels=21)
    before = peak_bytes()
    with pytest.raises(
        TooLargeForGit, match=r"^the commit has more than 500,000 files and directories together, which is the most"
    ):
        asyncio.run(mirror_of(bare).list_tree(tree))
    assert peak_bytes() - before < 300_000_000


def test_a_difference_to_a_tree_of_nested_identical_trees_is_refused(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The test lowers the limit, because git needs two minutes for 64 MB of differences, which is its time limit.
    monkeypatch.setattr(program, "MOST_OUTPUT_BYTES", 1_000_000)
    empty, tree = git(bare, "mktree"), nested_tree(bare, levels=15)
    for question in (mirror_of(bare).changed_paths, mirror_of(bare).changed_lines):
        with pytest.raises(TooLargeForGit, match=r"^`git diff-tree` took more than 1 MB of output"):
            asyncio.run(question(empty, tree))


def test_a_difference_to_millions_of_paths_is_refused_before_git_compares_them(bare: Path) -> None:
    empty = git(bare, "mktree")
    hostile = (nested_tree(bare, levels=21), nested_tree(bare, levels=30, files=False))
    for tree in hostile:
        for question in (mirror_of(bare).changed_paths, mirror_of(bare).changed_lines):
            began = time.monotonic()
            with pytest.raises(TooLargeForGit, match=r"^the commit has more than 500,000 files and directories"):
                asyncio.run(question(empty, tree))
            assert time.monotonic() - began < 30


def test_a_tree_of_too_many_files_is_refused_by_their_number(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert objects._MOST_FILES == 250_000
    monkeypatch.setattr(objects, "_MOST_FILES", 25_000)
    with pytest.raises(TooLargeForGit, match=r"^the commit has 25,600 files, and Planward reads 25,000 at most"):
        asyncio.run(mirror_of(bare).list_tree(wide_tree(bare, wide=160)))


def test_a_tree_that_would_fill_the_disk_is_refused_by_its_size(bare: Path) -> None:
    tree = nested_tree(bare, levels=5, wide=8, content=b"0" * 300_000)
    with pytest.raises(
        TooLargeForGit, match=r"^the files of the commit have 10 GB together, and Planward checks out at most"
    ):
        asyncio.run(mirror_of(bare).list_tree(tree))


def test_a_config_of_17_megabytes_of_zeros_is_not_read(bare: Path) -> None:
    blob = git(bare, "hash-object", "-w", "--stdin", stdin=b"\0" * 17_000_000)
    tree = git(bare, "mktree", stdin=f"100644 blob {blob}\tplanward.yml\n".encode())
    with pytest.raises(TooLargeForGit, match=r"^planward\.yml is larger than 16 MiB"):
        asyncio.run(mirror_of(bare).read_file(tree, "planward.yml"))


def test_a_configuration_file_that_is_too_large_is_not_read_and_is_reported(bare: Path, tmp_path: Path) -> None:
    large = git(bare, "hash-object", "-w", "--stdin", stdin=b"#" * 70_000_000)
    small = git(bare, "hash-object", "-w", "--stdin", stdin=b'variable "x" {}\n')
    tree = git(bare, "mktree", stdin=f"100644 blob {large}\ta.tf\n100644 blob {small}\tb.tf\n".encode())

    async def facts_of(where: Mirror) -> dict[str, str]:
        facts = Facts(tmp_path / "facts")
        try:
            found = await facts.of_files(where, await where.list_tree(tree))
        finally:
            facts.close()
        return {path: each.problem.message if each.problem else "" for path, each in found.items()}

    assert asyncio.run(facts_of(mirror_of(bare))) == {"a.tf": "larger than 4 MiB, and so not read", "b.tf": ""}


def test_a_symlink_to_a_name_of_megabytes_is_not_followed(bare: Path, tmp_path: Path) -> None:
    target = git(bare, "hash-object", "-w", "--stdin", stdin=b"a/" * 40_000_000)
    tree = git(bare, "mktree", stdin=f"120000 blob {target}\tlink\n".encode())

    async def discovered(where: Mirror) -> int:
        facts = Facts(tmp_path / "facts")
        try:
            return len((await facts.configuration(where, await where.list_tree(tree))).root_modules)
        finally:
            facts.close()

    assert asyncio.run(discovered(mirror_of(bare))) == 0


@pytest.mark.parametrize("levels", [21, 40])
def test_the_changes_of_a_commit_with_nested_trees_are_not_computed(bare: Path, levels: int) -> None:
    tree = nested_tree(bare, levels=levels, files=levels < 30)
    commit = git(bare, "-c", "user.name=ada", "-c", "user.email=ada@example.com", "commit-tree", tree, "-m", "Many")
    began = time.monotonic()
    with pytest.raises(TooLargeForGit, match=r"^the commit has more than 500,000 files and directories"):
        asyncio.run(mirror_of(bare).read_contents_of([CommitSha(commit)]))
    assert time.monotonic() - began < 20
