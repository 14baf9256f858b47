"""git is asked once about what cannot change, and again about what can."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ghapp.git import Mirror, Mirrors, Remote, objects
from ghapp.git.objects import Objects
from ghapp.processes import Exited
from ghapp.values import CommitSha
from tests.ghapp.git.repositories import Author, fetched, mirror_of

UNKNOWN = CommitSha("a" * 40)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands of git that a mirror runs."""
    runs: list[str] = []
    undisturbed = Objects._run

    async def run(mirror: Objects, *words: str, **more: Any) -> Exited:
        runs.append(words[0])
        return await undisturbed(mirror, *words, **more)

    monkeypatch.setattr(Objects, "_run", run)
    return runs


def test_a_found_object_is_not_looked_for_again_until_the_mirror_is_removed(
    author: Author, mirrors: Mirrors, remote: Remote, runs: list[str]
) -> None:
    here, head = author.commit(a="1"), author.commit(a="2")
    author.push("main")
    first, second = fetched(mirrors, remote), fetched(mirrors, remote)
    assert asyncio.run(first.has(here))
    assert asyncio.run(first.has_all([here, head]))
    assert runs == ["rev-parse", "cat-file"]
    assert asyncio.run(second.has_all([here, head]))
    assert asyncio.run(second.tree_of(head)) == author.git("rev-parse", "main^{tree}")
    del first, second
    third = mirrors.open(remote.repository_id)
    assert third is not None
    assert asyncio.run(third.has(here))
    assert asyncio.run(third.tree_of(here)) == author.git("rev-parse", "main~^{tree}")
    assert runs == ["rev-parse", "cat-file"]
    for _ in range(2):
        assert not asyncio.run(third.has(UNKNOWN))
        assert not asyncio.run(third.has_all([here, UNKNOWN]))
    assert runs == ["rev-parse", "cat-file"] * 3

    path = third.path
    del third
    assert mirrors.remove(remote.repository_id)
    subprocess.run(["git", "init", "--quiet", "--bare", path], check=True)
    again = mirrors.open(remote.repository_id)
    assert again is not None
    assert not asyncio.run(again.has(here))


def test_branches_are_listed_once_after_each_fetch_of_any_process(
    author: Author, mirrors: Mirrors, remote: Remote, runs: list[str]
) -> None:
    def opened() -> Mirror:
        mirror = mirrors.open(remote.repository_id)
        assert mirror is not None
        return mirror

    first = author.commit(a="1")
    author.push("main")
    assert asyncio.run(fetched(mirrors, remote).tip("main")) == first
    assert asyncio.run(opened().tip("main")) == first
    assert runs.count("for-each-ref") == 1
    second = author.commit(a="2")
    author.push("main")
    fetched(Mirrors(mirrors._directory, allowed_host=mirrors._allowed_host), remote)  # as in another process
    assert [asyncio.run(opened().tip("main")) for _ in range(2)] == [second, second]
    assert runs.count("for-each-ref") == 2


def test_branches_are_not_remembered_while_a_fetch_may_move_them(
    author: Author, mirrors: Mirrors, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = author.commit(a="1")
    author.push("main")
    before = fetched(mirrors, remote)
    second = author.commit(a="2")
    author.push("main")
    undisturbed = Mirrors._fetch_once
    seen: list[CommitSha | None] = []

    async def fetch_once(self: Mirrors, *words: Any) -> None:
        seen.append(await before.tip("main"))
        await undisturbed(self, *words)
        opened = mirrors.open(remote.repository_id)
        assert opened is not None
        seen.append(await opened.tip("main"))
        raise RuntimeError("killed")

    monkeypatch.setattr(Mirrors, "_fetch_once", fetch_once)
    with pytest.raises(RuntimeError):
        fetched(mirrors, remote)
    assert seen == [first, second]
    subprocess.run(["git", f"--git-dir={before.path}", "update-ref", "refs/heads/main", first], check=True)
    opened = mirrors.open(remote.repository_id)
    assert opened is not None
    assert asyncio.run(opened.tip("main")) == first, "refs that a killed fetch left are read each time"


def test_commits_with_the_same_tree_share_the_answers_about_it(author: Author, tmp_path: Path, runs: list[str]) -> None:
    base = author.commit_files("Add", {"a.tf": "1", "net/b.tf": "2"})
    head = author.commit_files("Change", {"a.tf": "3"})
    same = author.commit_files("Nothing", {})
    mirror = mirror_of(author, tmp_path)

    async def ask(commit: CommitSha) -> object:
        async with mirror.checkout(commit) as directory:
            content = (directory / "a.tf").read_text()
        entries = await mirror.list_tree(commit)
        return (
            await mirror.changed_paths(base, commit),
            await mirror.changed_lines(base, commit),
            entries,
            await mirror.read_blobs(entry.blob_id for entry in entries),
            await mirror.read_file(commit, "a.tf"),
            await mirror.read_file(commit, "none.tf"),
            content,
        )

    first = asyncio.run(ask(head))
    asked = [*runs]
    assert asyncio.run(ask(same)) == first
    assert runs == [*asked, "rev-parse"]
    assert sorted(asked) == sorted(
        ["rev-parse", "rev-parse", "ls-tree", "ls-tree", "diff-tree", "diff-tree", "cat-file"]
    )


def test_a_tree_that_is_too_large_to_remember_is_still_read(
    author: Author, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: list[str]
) -> None:
    author.link("link", "a.tf")
    tip = author.commit_files("Add", {"a.tf": "1", "net/b.tf": "2", "b\tc.tf": "3", "c.tf": "4"})
    mirror, other = mirror_of(author, tmp_path), mirror_of(author, tmp_path, "8")

    async def ask(mirror: Mirror) -> object:
        files = [await mirror.read_file(tip, path) for path in ("a.tf", "c.tf", "b\tc.tf", "net", "link", "tc.tf")]
        async with mirror.checkout(tip) as directory:
            names = sorted(path.name for path in directory.rglob("*"))
        return await mirror.list_tree(tip), files, names

    small = asyncio.run(ask(mirror))
    assert runs.count("ls-tree") == 1
    runs.clear()
    monkeypatch.setattr(objects, "_SMALL_LISTING_BYTES", 100)
    assert asyncio.run(ask(other)) == small
    assert runs.count("ls-tree") == 1 + 6 + 1 + 2, "one that was too long, the files, the checkout, number and listing"


def test_a_merge_is_made_once_as_long_as_its_tree_is_there(author: Author, tmp_path: Path, runs: list[str]) -> None:
    author.commit(a="1")
    author.git("checkout", "--quiet", "-b", "feature")
    head = author.commit(b="2")
    author.git("checkout", "--quiet", "main")
    base = author.commit(c="3")
    mirror = mirror_of(author, tmp_path)
    tree = asyncio.run(mirror.merge_tree(base, head))
    assert asyncio.run(mirror.merge_tree(base, head)) == tree
    assert runs == ["merge-tree"]
    mirror._found.clear()
    (mirror.path / "objects" / str(tree)[:2] / str(tree)[2:]).unlink()
    assert asyncio.run(mirror.merge_tree(base, head)) == tree
    assert runs == ["merge-tree", "rev-parse", "merge-tree"]
