"""Questions to a mirror: branches, history, files, merge results and differences."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ghapp.git import Conflict, Mirrors, MissingObject, Remote, UnrelatedHistories
from ghapp.git.differences import read_line_ranges
from ghapp.values import CommitSha
from tests.ghapp.git.repositories import Author, fetched


def ask(question: Callable[[], Awaitable[object]]) -> object:
    async def asked() -> object:
        return await question()

    return asyncio.run(asked())


class TestQuestions:
    def test_branches_are_listed_once_for_each_fetch(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
        first = author.commit(a="1")
        author.push("main")
        mirror = fetched(mirrors, remote)
        assert asyncio.run(mirror.tip("main")) == first
        second = author.commit(a="2")
        author.push("main")
        assert asyncio.run(fetched(mirrors, remote).tip("main")) == second
        assert asyncio.run(mirror.branches()) == {"main": first}, (
            "whoever was given it sees one state of the repository"
        )

    def test_a_mirror_knows_whether_it_has_all_of_several_commits(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        first, second = author.commit(a="1"), author.commit(a="2")
        author.push("main")
        mirror = fetched(mirrors, remote)
        assert asyncio.run(mirror.has_all([first, second]))
        assert not asyncio.run(mirror.has_all([first, CommitSha("a" * 40)]))

    def test_a_tip_is_asked_for_by_the_branchs_whole_name(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        tip = author.commit(a="1")
        author.push("main")
        mirror = fetched(mirrors, remote)

        assert asyncio.run(mirror.tip("main")) == tip
        for name in ("mai", "main~0", "main^{tree}", "--all", "-h", "*", "", "../heads/main", "main\nmain"):
            assert asyncio.run(mirror.tip(name)) is None, name

    def test_parents_trees_and_ancestors(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
        first = author.commit(a="1")
        second = author.commit(a="2")
        author.push("main")
        mirror = fetched(mirrors, remote)

        assert asyncio.run(mirror.parents(second)) == (first,)
        assert asyncio.run(mirror.parents(first)) == ()
        assert asyncio.run(mirror.tree_of(second)) == author.git("rev-parse", "main^{tree}")
        assert asyncio.run(mirror.is_ancestor(first, second))
        assert not asyncio.run(mirror.is_ancestor(second, first))

    def test_a_missing_commit_or_file_is_reported_as_missing(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        here = author.commit(a="1")
        author.push("main")
        mirror = fetched(mirrors, remote)
        gone = CommitSha("d" * 40)

        assert not asyncio.run(mirror.has(gone))
        for question in (
            lambda: mirror.tree_of(gone),
            lambda: mirror.parents(gone),
            lambda: mirror.is_ancestor(here, gone),
            lambda: mirror.is_ancestor(gone, here),
            lambda: mirror.first_parent_commits(here, gone),
            lambda: mirror.merge_tree(here, gone),
            lambda: mirror.changed_paths(here, gone),
            lambda: mirror.list_tree(gone),
            lambda: mirror.read_blobs([gone]),
            lambda: mirror.read_file(gone, "a"),
        ):
            with pytest.raises(MissingObject, match="is not in the repository any more"):
                ask(question)

    def test_the_first_parent_chain_is_given_oldest_first(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        last = author.commit(a="1")
        author.git("checkout", "--quiet", "-b", "feature")
        feature = author.commit(b="1")
        author.git("checkout", "--quiet", "main")
        second = author.commit(a="2")
        author.git("merge", "--quiet", "--no-ff", "--message", "Merge", "feature")
        merge = CommitSha(author.git("rev-parse", "HEAD"))
        author.push("main")
        mirror = fetched(mirrors, remote)

        assert asyncio.run(mirror.first_parent_commits(last, merge)) == (second, merge)
        assert asyncio.run(mirror.first_parent_commits(merge, merge)) == ()
        assert asyncio.run(mirror.first_parent_commits(merge, last)) is None, "forced back"
        assert asyncio.run(mirror.first_parent_commits(feature, merge)) is None, "not on the first-parent chain"
        assert asyncio.run(mirror.first_parent_commits(last, second)) == (second,)

    def test_files_and_trees_are_read_as_they_are(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
        author.link("link", "a b")
        tip = author.commit_files("Add", {"a b": "1\r\n", "net/ü\n.tf": b"\xff\0", "run.sh": ""})
        author.push("main")
        mirror = fetched(mirrors, remote)

        entries = asyncio.run(mirror.list_tree(tip))
        assert [(entry.mode, entry.path) for entry in entries] == [
            ("100644", "a b"),
            ("120000", "link"),
            ("100644", "net/ü\n.tf"),
            ("100644", "run.sh"),
        ]
        contents = asyncio.run(mirror.read_blobs([entry.blob_id for entry in entries]))
        assert [contents[entry.blob_id] for entry in entries] == [b"1\r\n", b"a b", b"\xff\0", b""]
        assert asyncio.run(mirror.read_file(tip, "net/ü\n.tf")) == b"\xff\0"
        for path in ("link", "net", "no", "../a b", "/a b", "./a b", "", "net/../a b"):
            assert asyncio.run(mirror.read_file(tip, path)) is None, path
        assert asyncio.run(mirror.read_blobs([])) == {}

    def test_names_that_are_no_utf_8_are_shown_and_laid_out(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        before = author.commit(a="1")
        (author.directory / os.fsdecode(b"net-\xff.tf")).write_text("x")
        after = author.commit()
        author.push("main")
        mirror = fetched(mirrors, remote)

        async def laid_out() -> list[bytes]:
            async with mirror.checkout(after) as directory:
                return sorted(os.fsencode(path.name) for path in directory.iterdir())

        assert asyncio.run(mirror.changed_paths(before, after)) == ("net-\\xff.tf",)
        assert asyncio.run(mirror.changed_lines(before, after)) == {"net-\\xff.tf": [range(1, 2)]}
        assert asyncio.run(laid_out()) == [b"a", b"net-\xff.tf"]


class TestMergeResults:
    def test_the_tree_of_a_clean_merge_is_that_of_the_merge_commit(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        author.commit(a="1\n2\n3\n")
        author.git("checkout", "--quiet", "-b", "feature")
        head = author.commit(a="1\n2\nthree\n")
        author.git("checkout", "--quiet", "main")
        base = author.commit(b="x")
        author.git("merge", "--quiet", "--no-ff", "--message", "Merge", "feature")
        author.push("main")
        mirror = fetched(mirrors, remote)

        assert asyncio.run(mirror.merge_tree(base, head)) == author.git("rev-parse", "main^{tree}")

    def test_a_conflict_names_its_files(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
        author.commit_files("Add", {"b.tf": "1", "a b.tf": "1", "c.tf": "1"})
        author.git("checkout", "--quiet", "-b", "feature")
        head = author.commit_files("Change", {"b.tf": "2", "a b.tf": None, "c.tf": "1"})
        author.git("checkout", "--quiet", "main")
        base = author.commit_files("Change", {"b.tf": "3", "a b.tf": "3"})
        author.push("main", "feature")
        mirror = fetched(mirrors, remote)

        assert asyncio.run(mirror.merge_tree(base, head)) == Conflict(paths=("a b.tf", "b.tf"))

    def test_histories_without_a_common_commit_are_reported(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        base = author.commit(a="1")
        author.git("checkout", "--quiet", "--orphan", "other")
        head = author.commit(b="1")
        author.push("main", "other")
        mirror = fetched(mirrors, remote)

        with pytest.raises(UnrelatedHistories) as refused:
            asyncio.run(mirror.merge_tree(base, head))

        assert str(refused.value) == (
            f"commit {head[:12]} and the base branch at {base[:12]} have no commit in common: "
            "start the branch again from the base branch"
        )

    def test_a_merge_driver_that_the_tree_names_is_not_run(
        self, author: Author, mirrors: Mirrors, remote: Remote, tmp_path: Path
    ) -> None:
        author.commit_files("Add", {".gitattributes": "* merge=evil filter=evil diff=evil\n", "a": "1"})
        author.git("checkout", "--quiet", "-b", "feature")
        head = author.commit(a="2")
        author.git("checkout", "--quiet", "main")
        base = author.commit(a="3")
        author.push("main", "feature")
        mirror = fetched(mirrors, remote)

        assert asyncio.run(mirror.merge_tree(base, head)) == Conflict(paths=("a",))
        assert asyncio.run(mirror.changed_lines(base, head)) == {"a": [range(1, 2)]}


class TestDifferences:
    def test_paths_and_lines(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
        before = author.commit_files(
            "Add", {"a.tf": "1\n2\n3\n4\n", "gone.tf": "1\n", "old name.tf": "same\n", "less.tf": "1\n2\n"}
        )
        author.git("mv", "old name.tf", 'new "name".tf')
        after = author.commit_files(
            "Change",
            {"a.tf": "1\ntwo\n3\n4\n5\n++ b/x\n", "gone.tf": None, "less.tf": "1\n", "ü.bin": b"\0\1", "empty": ""},
        )
        author.push("main")
        mirror = fetched(mirrors, remote)

        assert sorted(asyncio.run(mirror.changed_paths(before, after))) == sorted(
            ["a.tf", "gone.tf", 'new "name".tf', "old name.tf", "less.tf", "ü.bin", "empty"]
        )
        assert asyncio.run(mirror.changed_lines(before, after)) == {
            "a.tf": [range(2, 3), range(5, 7)],
            'new "name".tf': [range(1, 2)],
            "less.tf": [],
        }

    def test_content_that_looks_like_a_header_is_content(self) -> None:
        diff = (
            b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@\n--- a/y\n+++ b/y\n+@@ -1 +9,9 @@\n"
            b"\\ No newline at end of file\n@@ -7,0 +9 @@ f\n+z\n"
        )

        assert read_line_ranges(diff) == {"x": [range(1, 3), range(9, 10)]}
