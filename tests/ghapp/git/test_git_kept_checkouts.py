"""Checkouts that are kept for the next run."""

import asyncio
import random
import shutil
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from ghapp.git import Mirror
from ghapp.git.kept_checkouts import KeptCheckouts, Use
from ghapp.values import CommitSha
from tests.ghapp.git.repositories import ENVIRON, Author, contents, mirror_of


def kept_trees(directory: Path) -> list[str]:
    """The trees of the kept checkouts."""
    return sorted(path.name.partition("-")[0] for path in (directory / "data").glob("*.git/checkouts/*"))


DAMAGES = (
    "mkdir -p made/deep; echo x > made/deep/x; echo x > net/x; mkdir net/none",  # made
    "echo secret > net/main.tf",  # written over
    "rm -r net; rm run.sh",  # removed
    "chmod 0 net/main.tf; chmod 644 run.sh",  # modes
    "mv net elsewhere; ln -s elsewhere net; echo x > elsewhere/x",  # behind a link
    'mv net "$OUTSIDE"/net; ln -s "$OUTSIDE"/net net',  # behind a link that leads out
    "rm run.sh; mkdir run.sh; echo x > run.sh/x",  # a directory for a file
    "rm -r net; echo x > net",  # a file for a directory
    "rm net/main.tf; ln -s /etc/hostname net/main.tf",  # a link for a file
    "rm link; mkdir link; echo x > link/x",  # a directory for a link
    "mkdir .git net/.git; echo x > .git/config; echo x > net/.git/config",  # repositories
    'printf "*.tf text eol=crlf\n" > .gitattributes; rm net/main.tf',  # attributes
    "echo x > sub/x; mkdir sub/y",  # in a submodule
    'printf x > "$(printf "\\377")"; ln -s nowhere dangling',  # odd names
)
"""Damage that a run can do to its checkout, as shell commands."""


class TestKeptCheckouts:
    """A run reuses the checkout of the run before, which equals the tree again, whatever that run did to it."""

    def test_only_what_differs_is_written(self, tmp_path: Path, author: Author) -> None:
        first = author.commit_files("Add", {"a.tf": "1", "net/main.tf": "x", "gone/x.tf": "", "net/old.tf": ""})
        second = author.commit_files("Change", {"a.tf": "2", "gone/x.tf": None, "net/old.tf": None, "new/y.tf": "y"})
        mirror = mirror_of(author, tmp_path)

        async def seen(sha: CommitSha) -> tuple[dict[str, object], int]:
            async with mirror.checkout(sha) as directory:
                return contents(directory), (directory / "net/main.tf").stat().st_ino

        before, inode = asyncio.run(seen(first))
        after, same_inode = asyncio.run(seen(second))

        assert set(after) == {"a.tf", "net", "net/main.tf", "new", "new/y.tf"}
        assert (after["a.tf"], same_inode) == ((0o644, b"2"), inode)
        assert asyncio.run(seen(first)) == (before, inode)

    def test_changes_by_a_run_are_undone(self, tmp_path: Path, author: Author) -> None:
        author.link("link", "net")
        author.commit_files("Add", {"net/main.tf": "x\n", "run.sh": "#!/bin/sh\n"})
        author.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
        author.git("update-index", "--chmod=+x", "run.sh")
        author.git("commit", "--quiet", "--message", "Add a submodule")
        tip = CommitSha(author.git("rev-parse", "HEAD"))
        mirror = mirror_of(author, tmp_path)
        (tmp_path / "outside").mkdir()
        environ = {**ENVIRON, "OUTSIDE": str(tmp_path / "outside")}

        async def damaged() -> list[dict[str, object]]:
            found = []
            for damage in ("true", *DAMAGES):
                async with mirror.checkout(tip) as directory:
                    found.append(contents(directory))
                    subprocess.run(["sh", "-ec", damage], cwd=directory, env=environ, check=True)  # noqa: ASYNC221
                    assert damage == "true" or contents(directory) != found[0], damage
                [kept] = (mirror.path / "checkouts").iterdir()
                found.append(contents(kept / "tree"))
            return found

        first, *others = asyncio.run(damaged())
        assert set(first) == {"link", "net", "net/main.tf", "run.sh", "sub"}
        assert [
            (damage, each) for damage, each in zip(["true", *DAMAGES], others[::2], strict=True) if each != first
        ] == []
        assert [each for each in others if each != first] == []

    def test_nothing_of_a_run_stays_on_the_disk(self, tmp_path: Path, author: Author) -> None:
        tip = author.commit_files("Add", {"net/main.tf": "x"})
        mirror = mirror_of(author, tmp_path)

        async def run() -> None:
            async with mirror.checkout(tip) as directory:
                (directory / "net/secret.json").write_text("hunter2")
                (directory / "net/main.tf").write_text("hunter2")

        asyncio.run(run())
        found = subprocess.run(["grep", "-r", "hunter2", tmp_path / "data"], check=False, capture_output=True)
        assert (found.returncode, found.stdout) == (1, b"")

    def test_line_ends_are_those_that_the_attributes_of_the_commit_ask_for(
        self, tmp_path: Path, author: Author
    ) -> None:
        plain = author.commit_files("Add", {"a.tf": "1\n2\n", ".gitattributes": "*.tf text\n"})
        converted = author.commit_files("Convert", {".gitattributes": "*.tf text eol=crlf\n"})
        mirror = mirror_of(author, tmp_path)

        async def content(sha: CommitSha) -> bytes:
            async with mirror.checkout(sha) as directory:
                return (directory / "a.tf").read_bytes()

        assert [asyncio.run(content(sha)) for sha in (plain, converted, converted, plain)] == [
            b"1\n2\n", b"1\r\n2\r\n", b"1\r\n2\r\n", b"1\n2\n",
        ]  # fmt: skip

    def test_a_file_that_a_run_changed_together_with_the_index_is_restored_for_the_next_run(
        self, tmp_path: Path, author: Author
    ) -> None:
        tip = author.commit_files("Add", {"net/main.tf": "reviewed"})
        mirror = mirror_of(author, tmp_path)

        async def seen(damage: str = "true") -> str:
            async with mirror.checkout(tip) as directory:
                content = (directory / "net/main.tf").read_text()
                environ = {**ENVIRON, "GIT_DIR": str(mirror.path), "GIT_WORK_TREE": str(directory)}
                environ["GIT_INDEX_FILE"] = str(directory.parent / "index")
                subprocess.run(["sh", "-ec", damage], cwd=directory, env=environ, check=True)  # noqa: ASYNC221
                return content

        async def seen_by_two() -> tuple[str, str]:
            # Git has nothing to restore: the file is as the index records it.
            return await seen("echo evil > net/main.tf; git update-index net/main.tf"), await seen()

        assert asyncio.run(seen_by_two()) == ("reviewed", "reviewed")

    @pytest.mark.parametrize(
        "damage",
        ["echo evil > tree/net/main.tf", "echo evil > tree/net/evil.tf", "rm tree/net/main.tf", "echo evil > index"],
    )
    def test_damage_to_a_kept_checkout_is_noticed_by_the_next_run(
        self, tmp_path: Path, author: Author, damage: str
    ) -> None:
        tip = author.commit_files("Add", {"net/main.tf": "reviewed"})
        mirror = mirror_of(author, tmp_path)

        async def seen() -> tuple[dict[str, object], int]:
            async with mirror.checkout(tip) as directory:
                return contents(directory), directory.stat().st_ino

        before, inode = asyncio.run(seen())
        assert asyncio.run(seen()) == (before, inode)
        [kept] = (mirror.path / "checkouts").iterdir()
        subprocess.run(["sh", "-ec", damage], cwd=kept, check=True)  # a process that the run left could do this
        after, _ = asyncio.run(seen())
        assert after == before

    def test_an_apply_does_not_take_a_checkout_that_a_plan_used(self, tmp_path: Path, author: Author) -> None:
        tip = author.commit(a="1")
        mirror = mirror_of(author, tmp_path)

        async def inode(use: Use) -> int:
            async with mirror.checkout(tip, use=use) as directory:
                return directory.stat().st_ino

        plan, apply = asyncio.run(inode("plan")), asyncio.run(inode("apply"))
        assert plan != apply
        assert [asyncio.run(inode(use)) for use in get_args(Use)] == [plan, apply]

    def test_a_checkout_that_another_process_kept_is_not_taken(self, tmp_path: Path, author: Author) -> None:
        tip = author.commit(a="1")
        mirror = mirror_of(author, tmp_path)
        other = Mirror(mirror.path, tmp_path / "data/checkouts", KeptCheckouts(most=2))

        async def inode(of: Mirror) -> int:
            async with of.checkout(tip) as directory:
                return directory.stat().st_ino

        first = asyncio.run(inode(mirror))
        assert asyncio.run(inode(other)) != first
        assert asyncio.run(inode(mirror)) == first

    def test_a_failed_run_leaves_no_checkout_and_only_the_newest_checkouts_are_kept(
        self, tmp_path: Path, author: Author
    ) -> None:
        shas = [author.commit(a=str(number)) for number in range(3)]
        mirror, other = mirror_of(author, tmp_path), mirror_of(author, tmp_path, "8")

        async def failing() -> None:
            async with mirror.checkout(shas[0]):
                raise RuntimeError

        async def side_by_side() -> None:
            async with mirror.checkout(shas[0]), other.checkout(shas[1]):
                pass
            async with mirror.checkout(shas[0]), mirror.checkout(shas[2]):
                pass

        with pytest.raises(RuntimeError):
            asyncio.run(failing())
        assert kept_trees(tmp_path) == []
        asyncio.run(side_by_side())
        assert kept_trees(tmp_path) == sorted(author.git("rev-parse", f"{sha}^{{tree}}") for sha in (shas[0], shas[2]))

    def test_removing_a_mirror_removes_its_checkouts(self, tmp_path: Path, author: Author) -> None:
        tip = author.commit(a="1")
        mirror = mirror_of(author, tmp_path)

        async def removed() -> None:
            async with mirror.checkout(tip):
                shutil.rmtree(mirror.path)

        asyncio.run(removed())
        assert list((tmp_path / "data/checkouts").glob("checkout-*")) == []
        assert not mirror.path.exists()

    def test_each_tree_of_a_sequence_is_checked_out_as_if_it_were_the_first(
        self, tmp_path: Path, author: Author
    ) -> None:
        chance = random.Random(7)
        names = ["a", "b", "a/x", "b/x", "b/x/y", "b/z", "c/d/e"]
        shas: list[CommitSha] = []
        for _ in range(12):
            author.git("rm", "-rq", "--ignore-unmatch", ".")
            for name in chance.sample(names, 4):
                path = author.directory / name
                if path.is_symlink() or path.is_dir() or any(p.is_file() or p.is_symlink() for p in path.parents):
                    continue
                if chance.random() < 0.3:
                    author.link(name, chance.choice(["b", "../a", "c", "/etc", "nowhere"]))
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(chance.choice("123"))
            shas.append(author.commit_files("Next", {}))
        mirror = mirror_of(author, tmp_path)
        fresh = Mirror(mirror.path, tmp_path / "fresh", KeptCheckouts(most=0))

        async def differing() -> list[CommitSha]:
            found = []
            for sha in shas:
                async with mirror.checkout(sha) as kept, fresh.checkout(sha) as new:
                    if contents(kept) != contents(new):
                        found.append(sha)
            return found

        assert asyncio.run(differing()) == []
