"""Mirrors against a real git server on loopback."""

import asyncio
import os
import random
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from ghapp import processes
from ghapp.errors import JobError, SettingsError
from ghapp.git import (
    Conflict,
    FetchFailed,
    GitError,
    LargeFiles,
    Mirror,
    Mirrors,
    MissingObject,
    Remote,
    RemoteRefused,
    RemoteUnavailable,
    UnrelatedHistories,
    find_pointers,
    program,
    require_git,
)
from ghapp.git.differences import read_line_ranges
from ghapp.git.kept_checkouts import KeptCheckouts, Use
from ghapp.processes import WITHOUT_KEEPER, private_directories
from ghapp.values import CommitSha
from tests.git_server import GitServer, git_server
from tests.stories.faults.proxies import fates, once_each

_ENVIRON = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.test",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.test",
}


class Author:
    """A person's clone, who commits and pushes past Planward."""

    def __init__(self, directory: Path, bare: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("remote", "add", "origin", str(bare))

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.directory, env=_ENVIRON, check=True, capture_output=True)
        return done.stdout.decode().strip()

    def commit(self, message: str = "Change", /, **files: str | bytes | None) -> CommitSha:
        return self.commit_files(message, {name.replace("__", "/"): content for name, content in files.items()})

    def commit_files(self, message: str, files: dict[str, str | bytes | None]) -> CommitSha:
        for name, content in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return CommitSha(self.git("rev-parse", "HEAD"))

    def link(self, name: str, target: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    def push(self, *refspecs: str) -> None:
        self.git("push", "--quiet", "--force", "origin", *refspecs)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    root = tmp_path / "server"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet", "--bare", "infra.git"], cwd=root, env=_ENVIRON, check=True)
    subprocess.run(
        ["git", "--git-dir", "infra.git", "config", "uploadpack.allowAnySHA1InWant", "true"],
        cwd=root,
        env=_ENVIRON,
        check=True,
    )
    with git_server(root) as running:
        yield running


@pytest.fixture
def author(tmp_path: Path, server: GitServer) -> Author:
    return Author(tmp_path / "author", server.root / "infra.git")


@pytest.fixture
def mirrors(tmp_path: Path, server: GitServer) -> Mirrors:
    return Mirrors(tmp_path / "data", allowed_host=server.host)


@pytest.fixture
def remote(server: GitServer) -> Remote:
    return Remote(repository_id=7, clone_url=server.url("infra.git"), token=server.token)


def ask(question: Callable[[], Awaitable[object]]) -> object:
    async def asked() -> object:
        return await question()

    return asyncio.run(asked())


def mirror_of(author: Author, directory: Path, name: str = "7", *, most_kept: int = 2) -> Mirror:
    """A mirror of what the author has, without a server."""
    path = directory / "data" / f"{name}.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", author.directory, path], env=_ENVIRON, check=True)
    return Mirror(path, directory / "data/checkouts", KeptCheckouts(most=most_kept))


def kept_trees(directory: Path) -> list[str]:
    """The trees of the checkouts that are kept."""
    return sorted(path.name.partition("-")[0] for path in (directory / "data").glob("*.git/checkouts/*"))


def contents(directory: Path) -> dict[str, object]:
    """All that lies in a directory: mode and content of files, targets of symlinks."""
    return {
        str(path.relative_to(directory)): str(path.readlink())
        if path.is_symlink()
        else (stat.S_IMODE(path.stat().st_mode), path.read_bytes())
        if path.is_file()
        else "directory"
        for path in directory.rglob("*")
    }


def fetched(mirrors: Mirrors, remote: Remote, **more: object) -> Mirror:
    return asyncio.run(mirrors.fetch(remote, **more))  # type: ignore[arg-type]


class TestFetching:
    def test_all_branches_and_the_pull_requests_that_were_asked_for_are_there(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        main = author.commit(a="1")
        head = author.commit(a="2")
        author.push(f"{main}:refs/heads/main", f"{main}:refs/heads/team/x", f"{head}:refs/pull/3/head")

        mirror = fetched(mirrors, remote, pull_requests=[3, 4])

        assert asyncio.run(mirror.branches()) == {"main": main, "team/x": main}
        assert asyncio.run(mirror.pull_request_head(3)) == head
        assert asyncio.run(mirror.pull_request_head(4)) is None

    def test_deleted_branches_go_and_forced_ones_are_followed(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        first = author.commit(a="1")
        second = author.commit(a="2")
        author.push(f"{second}:refs/heads/main", f"{second}:refs/heads/gone")
        fetched(mirrors, remote)
        author.push(f"{first}:refs/heads/main", ":refs/heads/gone", f"{first}:refs/heads/gone/below")

        mirror = fetched(mirrors, remote)

        assert asyncio.run(mirror.branches()) == {"main": first, "gone/below": first}
        assert asyncio.run(mirror.has(second)), "what LAST may point at stays"

    def test_a_commit_that_no_ref_holds_is_fetched_by_its_sha(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        first = author.commit(a="1")
        author.push(f"{first}:refs/heads/main")
        forced_away = author.commit(a="2")
        author.push(f"{forced_away}:refs/heads/main")
        author.push(f"{first}:refs/heads/main")

        mirror = fetched(mirrors, remote, commits=[forced_away])

        assert asyncio.run(mirror.has(forced_away))

    def test_a_commit_that_is_nowhere_says_so(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
        author.commit(a="1")
        author.push("main")

        with pytest.raises(MissingObject) as refused:
            fetched(mirrors, remote, commits=[CommitSha("d" * 40)])

        assert str(refused.value) == (
            f"commit {'d' * 40} is not in the repository any more, or GitHub does not give it out: "
            "push it again, or push a newer commit"
        )

    def test_fetches_of_one_mirror_wait_for_each_other(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
        tip = author.commit(a="1")
        author.push("main")
        other = Mirrors(mirrors._directory, allowed_host=mirrors._allowed_host)  # as another process has it

        async def side_by_side() -> list[Mirror]:
            return await asyncio.gather(*(one.fetch(remote) for one in (mirrors, other) * 4))

        assert [asyncio.run(mirror.tip("main")) for mirror in asyncio.run(side_by_side())] == [tip] * 8

    def test_those_that_wait_at_the_same_time_are_served_by_one(
        self, author: Author, mirrors: Mirrors, remote: Remote, server: GitServer
    ) -> None:
        tip = author.commit(a="1")
        author.push("main", *(f"main:refs/pull/{number}/head" for number in range(1, 9)))

        async def side_by_side() -> list[Mirror]:
            return await asyncio.gather(*(mirrors.fetch(remote, pull_requests=[number]) for number in range(1, 9)))

        (mirror, *_) = asyncio.run(side_by_side())

        assert [asyncio.run(mirror.pull_request_head(number)) for number in range(1, 9)] == [tip] * 8
        assert len([path for path, _ in server.requests if path.endswith("/info/refs")]) == 2

    def test_one_that_fails_fails_alone(
        self, author: Author, mirrors: Mirrors, remote: Remote, server: GitServer
    ) -> None:
        author.commit(a="1")
        author.push("main")
        refused = Remote(repository_id=remote.repository_id, clone_url=remote.clone_url, token="old")

        async def side_by_side() -> list[object]:
            several = (mirrors.fetch(one) for one in (remote, refused, remote))
            return list(await asyncio.gather(*several, return_exceptions=True))

        first, failed, last = asyncio.run(side_by_side())

        assert isinstance(failed, FetchFailed)
        assert isinstance(first, Mirror)
        assert isinstance(last, Mirror)

    def test_locks_that_a_killed_git_left_behind_do_no_harm(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        author.commit(a="1")
        author.push("main")
        mirror = fetched(mirrors, remote)
        (mirror.path / "refs/heads/main.lock").touch()
        (mirror.path / "packed-refs.lock").touch()
        tip = author.commit(a="2")
        author.push("main", ":refs/heads/gone")

        assert asyncio.run(fetched(mirrors, remote).tip("main")) == tip

    def test_a_mirror_that_was_never_fetched_is_none(self, mirrors: Mirrors) -> None:
        assert mirrors.open(99) is None

    def test_a_mirror_is_for_its_owner_alone(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
        author.commit(a="1")
        author.push("main")

        assert stat.S_IMODE(fetched(mirrors, remote).path.stat().st_mode) == 0o700


class TestTheToken:
    def test_it_reaches_the_server_and_no_file(
        self, author: Author, mirrors: Mirrors, remote: Remote, server: GitServer, tmp_path: Path
    ) -> None:
        author.commit(a="1")
        author.push("main")
        fetched(mirrors, remote)

        kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
        assert {bool(authorization) for _, authorization in server.requests} == {True}
        assert server.token.encode() not in kept
        assert server.url("infra.git").encode() not in kept

    def test_it_is_never_in_argv(
        self, author: Author, mirrors: Mirrors, remote: Remote, server: GitServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        author.commit(a="1")
        author.push("main")
        seen: list[str] = []
        run = asyncio.create_subprocess_exec

        async def watched(*argv: str, **options: object) -> object:
            seen.extend(argv)
            return await run(*argv, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
        fetched(mirrors, remote)

        assert "fetch" in seen
        assert not [word for word in seen if server.token in word]

    def test_it_is_not_shown_where_a_remote_is(self, remote: Remote) -> None:
        assert "installation-token" not in repr(remote)

    def test_it_does_not_follow_a_redirect(
        self, author: Author, mirrors: Mirrors, remote: Remote, server: GitServer, tmp_path: Path
    ) -> None:
        (tmp_path / "elsewhere").mkdir()
        with git_server(tmp_path / "elsewhere") as elsewhere:
            server.redirect_to = f"http://{elsewhere.host}"
            with pytest.raises(FetchFailed):
                fetched(mirrors, remote)

        assert elsewhere.requests == []

    def test_nothing_of_the_servers_environment_reaches_git(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VAULT_TOKEN", "operators")
        monkeypatch.setenv("GIT_SSH_COMMAND", "touch /tmp/x")
        monkeypatch.setenv("GIT_TRACE_CURL", "1")

        environ = program.environment()

        assert {"VAULT_TOKEN", "GIT_SSH_COMMAND", "GIT_TRACE_CURL"}.isdisjoint(environ)


class TestRemotesThatAreRefused:
    @pytest.mark.parametrize(
        ("clone_url", "said"),
        [
            (
                "http://github.com/acme/infra.git",
                "the repository's clone_url is plain http at 'github.com', which is taken on loopback only: "
                "the operator has to serve GitHub Enterprise over https",
            ),
            (
                "https://github.example/acme/infra.git",
                "the repository's clone_url points at 'github.example', and credentials go to 'github.com' alone: "
                "the operator has to check that PLANWARD_GITHUB_API_URL names the GitHub that sent this",
            ),
            (
                "file:///etc",
                "the repository's clone_url has the scheme 'file', and only https is fetched from: ask the operator "
                "to look at what sends Planward such deliveries",
            ),
            (
                "ext::sh",
                "the repository's clone_url has the scheme 'ext', and only https is fetched from: ask the operator "
                "to look at what sends Planward such deliveries",
            ),
            (
                "https://github.com/acme\n/infra.git",
                "the repository's clone_url cannot be read as a URL, so nothing was fetched: ask the operator "
                "to look at what sends Planward such deliveries",
            ),
            (
                "--upload-pack=touch x",
                "the repository's clone_url cannot be read as a URL, so nothing was fetched: ask the operator "
                "to look at what sends Planward such deliveries",
            ),
            (
                "git@github.com:acme/infra.git",
                "the repository's clone_url has the scheme '', and only https is fetched from: ask the operator "
                "to look at what sends Planward such deliveries",
            ),
            (
                "https://someone:password@github.com/acme/infra.git",
                "the repository's clone_url carries more than an address, so nothing was fetched: ask the "
                "operator to look at what sends Planward such deliveries",
            ),
            (
                "https://github.com:8443/acme/infra.git",
                "the repository's clone_url points at 'github.com:8443', and credentials go to 'github.com' alone: "
                "the operator has to check that PLANWARD_GITHUB_API_URL names the GitHub that sent this",
            ),
            (
                "https://[::1/x",
                "the repository's clone_url cannot be read as a URL, so nothing was fetched: ask the operator "
                "to look at what sends Planward such deliveries",
            ),
        ],
    )
    def test_each_says_why(self, tmp_path: Path, clone_url: str, said: str) -> None:
        mirrors = Mirrors(tmp_path / "data", allowed_host="github.com")

        with pytest.raises(RemoteRefused) as refused:
            fetched(mirrors, Remote(repository_id=1, clone_url=clone_url, token="t"))

        assert str(refused.value) == said
        assert not (tmp_path / "data").exists()

    def test_a_token_that_is_not_taken(self, mirrors: Mirrors, server: GitServer) -> None:
        with pytest.raises(FetchFailed) as refused:
            fetched(mirrors, Remote(repository_id=1, clone_url=server.url("infra.git"), token="old"))

        assert str(refused.value) == (
            "GitHub did not let Planward fetch the repository: an owner has to check that the App is still installed "
            "on it, with the permission Contents: read; then press Re-run"
        )

    def test_a_token_that_died_is_replaced(self, author: Author, mirrors: Mirrors, server: GitServer) -> None:
        author.commit(a="1")
        author.push("main")
        refused = []

        async def renew(token: str) -> str:
            refused.append(token)
            return server.token

        mirror = fetched(mirrors, Remote(repository_id=1, clone_url=server.url("infra.git"), token="dead", renew=renew))

        assert asyncio.run(mirror.tip("main")) is not None
        assert refused == ["dead"]

    @pytest.mark.parametrize("name", ["infra.git", "gone.git"])
    def test_a_refusal_of_a_new_token_is_not_the_last_word(
        self, mirrors: Mirrors, server: GitServer, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ghapp.git.mirrors._ATTEMPTS", 1)
        token = "dead" if name == "infra.git" else server.token

        async def renew(_: str) -> str:
            return token

        with pytest.raises(RemoteUnavailable, match=r"the App is still installed"):
            fetched(mirrors, Remote(repository_id=1, clone_url=server.url(name), token=token, renew=renew))

    def test_where_there_is_no_other_token_the_fetch_ends_with_the_reason(
        self, mirrors: Mirrors, server: GitServer
    ) -> None:
        async def renew(_: str) -> str:
            raise JobError("the App is not installed there any more")

        with pytest.raises(JobError, match="not installed there any more"):
            fetched(mirrors, Remote(repository_id=1, clone_url=server.url("infra.git"), token="dead", renew=renew))

    def test_a_repository_that_is_gone(self, mirrors: Mirrors, server: GitServer) -> None:
        with pytest.raises(FetchFailed) as refused:
            fetched(mirrors, Remote(repository_id=1, clone_url=server.url("gone.git"), token=server.token))

        assert str(refused.value) == (
            "GitHub does not know the repository at its clone_url: after a rename, push again; else an owner has to "
            "check that the App is still installed on it"
        )


class TestRemotesThatAreAwayForNow:
    def test_one_that_stays_away_may_work_later(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ghapp.git.mirrors._ATTEMPTS", 2)
        mirrors = Mirrors(tmp_path / "data", allowed_host="127.0.0.1:9")

        with pytest.raises(RemoteUnavailable) as refused:
            fetched(mirrors, Remote(repository_id=1, clone_url="http://127.0.0.1:9/infra.git", token="t"))

        assert str(refused.value) == "GitHub could not be reached to fetch the repository"

    @pytest.mark.parametrize("fate", [fates.REFUSED, fates.RESET, fates.LOST, fates.CUT, fates.FAILED_AFTERWARDS])
    def test_what_fails_once_at_each_request_is_fetched(
        self, author: Author, tmp_path: Path, server: GitServer, monkeypatch: pytest.MonkeyPatch, fate: str
    ) -> None:
        monkeypatch.setattr("ghapp.git.mirrors._WAIT_FIRST_S", 0.01)
        mirrors = Mirrors(tmp_path / "data", allowed_host="127.0.0.1")
        tip = author.commit(a="1")
        author.push("main")

        with once_each(fate, f"http://{server.host}") as (address, _):
            remote = Remote(repository_id=1, clone_url=f"{address}/infra.git", token=server.token)
            mirror = fetched(mirrors, remote)

        assert asyncio.run(mirror.tip("main")) == tip


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

    def test_whether_all_commits_are_here(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
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

    def test_what_is_not_there_is_said_to_be_missing(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
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

    def test_histories_without_a_common_commit_are_said_to_be_so(
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


class TestCheckouts:
    def test_a_checkout_is_the_tree_and_is_gone_afterwards(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        tip = author.commit_files("Add", {"net/main.tf": "x\n", "run.sh": "#!/bin/sh\n"})
        author.push("main")
        mirror = fetched(mirrors, remote)

        async def looked_at() -> tuple[Path, list[str], int, bytes]:
            async with mirror.checkout(tip) as directory:
                names = sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))
                mode = stat.S_IMODE(directory.stat().st_mode)
                return directory, names, mode, (directory / "net/main.tf").read_bytes()

        directory, names, mode, content = asyncio.run(looked_at())
        assert (names, mode, content) == (["net", "net/main.tf", "run.sh"], 0o700, b"x\n")
        assert not directory.exists()

    def test_no_pointer_of_git_lfs_is_left_where_it_could_be_taken_for_contents(
        self, tmp_path: Path, author: Author, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
        files: dict[str, str | bytes | None] = {
            ".gitattributes": "*.bin filter=lfs\n",
            "a.bin": pointer,
            "b.bin": "kept as it is",
            "c.txt": pointer,
        }
        tip = author.commit_files("Add", files)
        mirror = mirror_of(author, tmp_path)

        async def seen(large_files: LargeFiles) -> set[str]:
            async with mirror.checkout(tip, large_files) as directory:
                return set(contents(directory))

        async def found() -> tuple[str, ...]:
            return await find_pointers(mirror, await mirror.list_tree(tip))

        assert asyncio.run(found()) == ("a.bin", "c.txt")
        assert asyncio.run(seen(LargeFiles(unread=("a.bin",)))) == {".gitattributes", "b.bin", "c.txt"}
        assert asyncio.run(seen(LargeFiles())) == set(files)
        monkeypatch.setattr("shutil.which", lambda _: None)
        with pytest.raises(GitError, match=r"a\.bin is kept in Git LFS, and git-lfs is not installed"):
            asyncio.run(seen(LargeFiles(read=("a.bin",))))

    @pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed here")
    @pytest.mark.parametrize("named_by", ["the repository", "the configuration"])
    def test_a_repository_names_no_program_and_no_server_for_git_lfs(
        self, tmp_path: Path, author: Author, mirrors: Mirrors, remote: Remote, server: GitServer, named_by: str
    ) -> None:
        program = tmp_path / "agent"
        program.write_text(f"#!/bin/sh\necho ran >> {tmp_path}/ran\n")
        program.chmod(0o755)
        with git_server(tmp_path) as other:
            names = {
                "lfs.url": other.url("elsewhere"),
                "lfs.standalonetransferagent": "agent",
                "lfs.customtransfer.agent.path": str(program),
                "lfs.basictransfersonly": "false",
                "filter.lfs.process": str(program),
                "core.fsmonitor": str(program),
                "core.sshCommand": str(program),
                f"http.{other.url('')}.extraHeader": "Authorization: none",
            }
            config = tmp_path / "author/.lfsconfig"
            for name, value in names.items():
                author.git("config", "--file", str(config), name, value)
            pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
            tip = author.commit_files("Add", {".gitattributes": "*.bin filter=lfs\n", "a.bin": pointer})
            author.push("main")
            mirror = fetched(mirrors, remote)
            environ = mirrors.large_files_environment(remote)
            if named_by == "the configuration":
                begin = int(environ["GIT_CONFIG_COUNT"])
                environ["GIT_CONFIG_COUNT"] = str(begin + len(names))
                for number, (name, value) in enumerate(names.items(), begin):
                    environ |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
            asked_before = len(server.requests)

            async def laid_out() -> None:
                async with mirror.checkout(tip, LargeFiles(read=("a.bin",), environ=environ)):
                    pass

            with pytest.raises(GitError, match=r"a\.bin"):
                asyncio.run(laid_out())
            asked = {path for path, _ in server.requests[asked_before:]}
            assert other.requests == []
            is_repositorys = named_by == "the repository"
            assert (tmp_path / "ran").exists() == (not is_repositorys)
            assert ("/infra.git/info/lfs/objects/batch" in asked) == is_repositorys

    def test_many_lie_side_by_side(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
        shas = [author.commit(a=str(number)) for number in range(8)]
        author.push("main")
        mirror = fetched(mirrors, remote)

        async def content(sha: CommitSha) -> str:
            async with mirror.checkout(sha) as directory:
                await asyncio.sleep(0)
                return (directory / "a").read_text()

        async def all_contents() -> list[str]:
            return await asyncio.gather(*(content(sha) for sha in shas))

        assert asyncio.run(all_contents()) == [str(number) for number in range(8)]

    def test_attributes_of_the_tree_hide_nothing_and_run_nothing(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
        tip = author.commit_files(
            "Add", {".gitattributes": "* export-ignore filter=lfs\n", "evil.tf": "x", "big.bin": pointer}
        )
        author.push("main")
        mirror = fetched(mirrors, remote)

        async def contents() -> tuple[str, str]:
            async with mirror.checkout(tip) as directory:
                return (directory / "evil.tf").read_text(), (directory / "big.bin").read_text()

        assert asyncio.run(contents()) == ("x", pointer)

    def test_links_within_the_tree_stay_and_those_that_leave_it_do_not(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        for name, target in {
            "modules/link": "../shared",
            "absolute": "/etc/passwd",
            "up": "../../../../etc",
            "chain": "up",
            "net/through": "../up/passwd",
            "dangling": "nowhere",
            "loop": "loop",
        }.items():
            author.link(name, target)
        tip = author.commit_files("Add", {"shared/main.tf": "x"})
        author.push("main")
        mirror = fetched(mirrors, remote)

        async def links() -> list[str]:
            async with mirror.checkout(tip) as directory:
                assert (directory / "modules/link/main.tf").read_text() == "x"
                return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_symlink())

        assert asyncio.run(links()) == ["dangling", "loop", "modules/link"]

    def test_it_is_removed_when_the_run_fails_or_is_cancelled(
        self, author: Author, mirrors: Mirrors, remote: Remote, tmp_path: Path
    ) -> None:
        tip = author.commit(a="1")
        author.push("main")
        mirror = fetched(mirrors, remote)

        async def failing() -> None:
            async with mirror.checkout(tip) as directory:
                (directory / "a").chmod(0)
                directory.chmod(0o500)
                raise RuntimeError

        async def cancelled() -> None:
            async with mirror.checkout(tip):
                await asyncio.sleep(60)

        async def cancelling() -> None:
            task = asyncio.ensure_future(cancelled())
            while not list((tmp_path / "data/checkouts").glob("checkout-*")):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        with pytest.raises(RuntimeError):
            asyncio.run(failing())
        asyncio.run(cancelling())

        assert list((tmp_path / "data/checkouts").glob("checkout-*")) == []

    def test_what_a_killed_process_left_behind_is_swept(self, tmp_path: Path) -> None:
        script = (
            "import asyncio, os, signal, sys\nfrom pathlib import Path\nfrom ghapp.processes.private_directories "
            "import private_directory\nasync def main():\n    async with private_directory(Path(sys.argv[1]), "
            "'root-run') as directory:\n        (directory / 'secrets.tfvars.json').write_text('{}')\n        "
            "os.kill(os.getpid(), signal.SIGKILL)\nasyncio.run(main())\n"
        )
        subprocess.run([sys.executable, "-c", script, str(tmp_path / "work")], check=False)

        async def swept_beside_one_in_use() -> tuple[str, ...]:
            async with private_directories.private_directory(tmp_path / "work", "mine") as mine:
                swept = private_directories.sweep(tmp_path / "work")
                assert mine.is_dir()
                return swept

        left = [path.name for path in (tmp_path / "work").glob("root-run-*")]
        assert len(left) == 1
        assert asyncio.run(swept_beside_one_in_use()) == tuple(left)
        assert list((tmp_path / "work").glob("*-*")) == []


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
"""What a run may do to its checkout."""


class TestKeptCheckouts:
    """The next run takes the checkout of the one before, and it is the tree, whatever was done to it."""

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

    def test_whatever_a_run_did_is_undone(self, tmp_path: Path, author: Author) -> None:
        author.link("link", "net")
        author.commit_files("Add", {"net/main.tf": "x\n", "run.sh": "#!/bin/sh\n"})
        author.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
        author.git("update-index", "--chmod=+x", "run.sh")
        author.git("commit", "--quiet", "--message", "Add a submodule")
        tip = CommitSha(author.git("rev-parse", "HEAD"))
        mirror = mirror_of(author, tmp_path)
        (tmp_path / "outside").mkdir()
        environ = {**_ENVIRON, "OUTSIDE": str(tmp_path / "outside")}

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

    def test_a_file_that_a_run_changed_with_the_index_is_not_there_for_the_next(
        self, tmp_path: Path, author: Author
    ) -> None:
        tip = author.commit_files("Add", {"net/main.tf": "reviewed"})
        mirror = mirror_of(author, tmp_path)

        async def seen(damage: str = "true") -> str:
            async with mirror.checkout(tip) as directory:
                content = (directory / "net/main.tf").read_text()
                environ = {**_ENVIRON, "GIT_DIR": str(mirror.path), "GIT_WORK_TREE": str(directory)}
                environ["GIT_INDEX_FILE"] = str(directory.parent / "index")
                subprocess.run(["sh", "-ec", damage], cwd=directory, env=environ, check=True)  # noqa: ASYNC221
                return content

        async def seen_by_two() -> tuple[str, str]:
            # Git finds nothing to put right: the file is as the index has it.
            return await seen("echo evil > net/main.tf; git update-index net/main.tf"), await seen()

        assert asyncio.run(seen_by_two()) == ("reviewed", "reviewed")

    @pytest.mark.parametrize(
        "damage",
        ["echo evil > tree/net/main.tf", "echo evil > tree/net/evil.tf", "rm tree/net/main.tf", "echo evil > index"],
    )
    def test_what_is_done_to_a_kept_one_is_noticed_by_the_next_run(
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
        subprocess.run(["sh", "-ec", damage], cwd=kept, check=True)  # as a process does that a run left behind
        after, _ = asyncio.run(seen())
        assert after == before

    def test_one_that_a_plan_had_is_not_taken_for_an_apply(self, tmp_path: Path, author: Author) -> None:
        tip = author.commit(a="1")
        mirror = mirror_of(author, tmp_path)

        async def inode(use: Use) -> int:
            async with mirror.checkout(tip, use=use) as directory:
                return directory.stat().st_ino

        plan, apply = asyncio.run(inode("plan")), asyncio.run(inode("apply"))
        assert plan != apply
        assert [asyncio.run(inode(use)) for use in get_args(Use)] == [plan, apply]

    def test_one_that_another_process_kept_is_not_taken(self, tmp_path: Path, author: Author) -> None:
        tip = author.commit(a="1")
        mirror = mirror_of(author, tmp_path)
        other = Mirror(mirror.path, tmp_path / "data/checkouts", KeptCheckouts(most=2))

        async def inode(of: Mirror) -> int:
            async with of.checkout(tip) as directory:
                return directory.stat().st_ino

        first = asyncio.run(inode(mirror))
        assert asyncio.run(inode(other)) != first
        assert asyncio.run(inode(mirror)) == first

    def test_a_run_that_broke_off_leaves_nothing_and_of_many_the_oldest_go(
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

    def test_a_mirror_that_is_removed_takes_them_along(self, tmp_path: Path, author: Author) -> None:
        tip = author.commit(a="1")
        mirror = mirror_of(author, tmp_path)

        async def removed() -> None:
            async with mirror.checkout(tip):
                shutil.rmtree(mirror.path)

        asyncio.run(removed())
        assert list((tmp_path / "data/checkouts").glob("checkout-*")) == []
        assert not mirror.path.exists()

    def test_any_row_of_trees_is_laid_out_as_if_each_were_the_first(self, tmp_path: Path, author: Author) -> None:
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


class TestTheProgram:
    def test_its_version_is_known(self) -> None:
        assert asyncio.run(require_git(WITHOUT_KEEPER)) >= (2, 38)

    def test_one_that_is_too_old_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        old = tmp_path / "git"
        old.write_text("#!/bin/sh\necho git version 2.30.2\n")
        old.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(SettingsError) as refused:
            asyncio.run(require_git(WITHOUT_KEEPER))

        assert str(refused.value) == (
            "git on PATH is 2.30, which is too old: install git 2.38 or newer (Planward makes merge results with `git "
            "merge-tree`)"
        )

    def test_none_at_all_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(SettingsError, match="git is not on PATH: install git"):
            asyncio.run(require_git(WITHOUT_KEEPER))
        with pytest.raises(GitError, match="git is not installed where Planward runs"):
            asyncio.run(Mirror(tmp_path, tmp_path, KeptCheckouts(most=0)).branches())


class TestProcesses:
    def test_lines_come_as_they_are_said_and_may_be_long(self) -> None:
        lines: list[bytes] = []
        script = "print('x' * 300_000); print('end', end='')"

        ended = asyncio.run(
            WITHOUT_KEEPER.run([sys.executable, "-c", script], environ={}, timeout_s=60, on_line=lines.append)
        )

        assert (ended.exit_code, [len(line) for line in lines]) == (0, [300_000, 3])

    def test_one_that_ignores_sigint_is_killed_with_its_children(self, tmp_path: Path) -> None:
        script = (
            "import signal, subprocess, sys, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nchild = "
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\nprint(child.pid, "
            "flush=True)\ntime.sleep(600)\n"
        )
        said: list[bytes] = []
        stop = processes.Stop(deadline_s=0.2)

        async def stopped() -> processes.Exited:
            running = asyncio.ensure_future(
                WITHOUT_KEEPER.run(
                    [sys.executable, "-c", script], environ={}, timeout_s=60, stop=stop, on_line=said.append
                )
            )
            while not said:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            stop.requested.set()
            return await running

        ended = asyncio.run(stopped())

        assert (ended.exit_code, ended.interrupted, ended.timed_out) == (-9, True, False)
        assert not _is_running(int(said[0]))

    def test_one_over_its_time_gets_sigint_first(self) -> None:
        script = "import time\ntry:\n    time.sleep(600)\nexcept KeyboardInterrupt:\n    print('released')\n"

        ended = asyncio.run(WITHOUT_KEEPER.run([sys.executable, "-c", script], environ={}, timeout_s=0.5))

        assert (ended.stdout, ended.timed_out, ended.interrupted) == (b"released\n", True, False)


def _is_running(pid: int) -> bool:
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        time.sleep(0.01)
    return True
