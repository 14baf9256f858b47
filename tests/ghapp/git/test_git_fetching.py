"""Mirrors are fetched from a real git server on loopback, and only that server gets the token."""

import asyncio
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ghapp.git import FetchFailed, Mirror, Mirrors, MissingObject, Remote, program
from ghapp.processes.child import Child
from ghapp.values import CommitSha
from tests.ghapp.git.repositories import Author, fetched
from tests.git_server import GitServer, git_server


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

    def test_a_commit_that_is_nowhere_is_reported_as_missing(
        self, author: Author, mirrors: Mirrors, remote: Remote
    ) -> None:
        author.commit(a="1")
        author.push("main")

        with pytest.raises(MissingObject) as refused:
            fetched(mirrors, remote, commits=[CommitSha("d" * 40)])

        assert str(refused.value) == (
            f"commit {'d' * 40} is not in the repository any more, or GitHub does not return it: "
            "push it again, or push a newer commit"
        )

    def test_fetches_of_one_mirror_wait_for_each_other(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
        tip = author.commit(a="1")
        author.push("main")
        other = Mirrors(mirrors._directory, allowed_host=mirrors._allowed_host)  # as in another process

        async def side_by_side() -> list[Mirror]:
            return await asyncio.gather(*(one.fetch(remote) for one in (mirrors, other) * 4))

        assert [asyncio.run(mirror.tip("main")) for mirror in asyncio.run(side_by_side())] == [tip] * 8

    def test_fetches_that_wait_at_the_same_time_are_served_by_one(
        self, author: Author, mirrors: Mirrors, remote: Remote, server: GitServer
    ) -> None:
        tip = author.commit(a="1")
        author.push("main", *(f"main:refs/pull/{number}/head" for number in range(1, 9)))

        async def side_by_side() -> list[Mirror]:
            return await asyncio.gather(*(mirrors.fetch(remote, pull_requests=[number]) for number in range(1, 9)))

        (mirror, *_) = asyncio.run(side_by_side())

        assert [asyncio.run(mirror.pull_request_head(number)) for number in range(1, 9)] == [tip] * 8
        assert len([path for path, _ in server.requests if path.endswith("/info/refs")]) == 2

    def test_a_failed_fetch_does_not_fail_other_fetches(
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

    def test_a_mirror_that_was_never_fetched_does_not_exist(self, mirrors: Mirrors) -> None:
        assert mirrors.open(99) is None

    def test_a_mirror_is_for_its_owner_alone(self, author: Author, mirrors: Mirrors, remote: Remote) -> None:
        author.commit(a="1")
        author.push("main")

        assert stat.S_IMODE(fetched(mirrors, remote).path.stat().st_mode) == 0o700


class TestTheToken:
    def test_the_token_reaches_the_server_and_no_file(
        self, author: Author, mirrors: Mirrors, remote: Remote, server: GitServer, tmp_path: Path
    ) -> None:
        author.commit(a="1")
        author.push("main")
        fetched(mirrors, remote)

        kept = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
        assert {bool(authorization) for _, authorization in server.requests} == {True}
        assert server.token.encode() not in kept
        assert server.url("infra.git").encode() not in kept

    def test_the_token_is_never_in_argv(
        self, author: Author, mirrors: Mirrors, remote: Remote, server: GitServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        author.commit(a="1")
        author.push("main")
        seen: list[str] = []
        start = Child.started

        def watched(argv: Sequence[str], **options: Any) -> Child:
            seen.extend(argv)
            return start(argv, **options)

        monkeypatch.setattr(Child, "started", watched)
        fetched(mirrors, remote)

        assert "fetch" in seen
        assert not [word for word in seen if server.token in word]

    def test_the_token_is_not_in_the_repr_of_a_remote(self, remote: Remote) -> None:
        assert "installation-token" not in repr(remote)

    def test_the_token_does_not_follow_a_redirect(
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
