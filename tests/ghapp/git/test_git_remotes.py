"""Remotes that are refused, and those that are unavailable for now."""

import asyncio
from pathlib import Path

import pytest

from ghapp.errors import JobError
from ghapp.git import FetchFailed, Mirrors, Remote, RemoteRefused, RemoteUnavailable
from tests.ghapp.git.repositories import Author, fetched
from tests.git_server import GitServer
from tests.stories.faults.proxies import fates, once_each


class TestRemotesThatAreRefused:
    @pytest.mark.parametrize(
        ("clone_url", "said"),
        [
            (
                "http://github.com/acme/infra.git",
                "the repository's clone_url is plain http at 'github.com', which is allowed only on loopback: "
                "the operator has to serve GitHub Enterprise over https",
            ),
            (
                "https://github.example/acme/infra.git",
                "the repository's clone_url points at 'github.example', but credentials are only sent to 'github.com': "
                "the operator has to check that PLANWARD_GITHUB_API_URL names the GitHub that sent this delivery",
            ),
            (
                "file:///etc",
                "the repository's clone_url has the scheme 'file', but Planward fetches only over https: ask the "
                "operator to find out what sends Planward such deliveries",
            ),
            (
                "ext::sh",
                "the repository's clone_url has the scheme 'ext', but Planward fetches only over https: ask the "
                "operator to find out what sends Planward such deliveries",
            ),
            (
                "https://github.com/acme\n/infra.git",
                "the repository's clone_url cannot be read as a URL, so nothing was fetched: ask the operator "
                "to find out what sends Planward such deliveries",
            ),
            (
                "--upload-pack=touch x",
                "the repository's clone_url cannot be read as a URL, so nothing was fetched: ask the operator "
                "to find out what sends Planward such deliveries",
            ),
            (
                "git@github.com:acme/infra.git",
                "the repository's clone_url has the scheme '', but Planward fetches only over https: ask the operator "
                "to find out what sends Planward such deliveries",
            ),
            (
                "https://someone:password@github.com/acme/infra.git",
                "the repository's clone_url contains more than an address, so nothing was fetched: ask the "
                "operator to find out what sends Planward such deliveries",
            ),
            (
                "https://github.com:8443/acme/infra.git",
                "the repository's clone_url points at 'github.com:8443', but credentials are only sent to "
                "'github.com': the operator has to check that PLANWARD_GITHUB_API_URL names the GitHub that sent this "
                "delivery",
            ),
            (
                "https://[::1/x",
                "the repository's clone_url cannot be read as a URL, so nothing was fetched: ask the operator "
                "to find out what sends Planward such deliveries",
            ),
        ],
    )
    def test_each_says_why(self, tmp_path: Path, clone_url: str, said: str) -> None:
        mirrors = Mirrors(tmp_path / "data", allowed_host="github.com")

        with pytest.raises(RemoteRefused) as refused:
            fetched(mirrors, Remote(repository_id=1, clone_url=clone_url, token="t"))

        assert str(refused.value) == said
        assert not (tmp_path / "data").exists()

    def test_a_token_that_github_refuses(self, mirrors: Mirrors, server: GitServer) -> None:
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
    def test_a_refusal_of_a_new_token_counts_as_temporary(
        self, mirrors: Mirrors, server: GitServer, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ghapp.git.mirrors._ATTEMPTS", 1)
        token = "dead" if name == "infra.git" else server.token

        async def renew(_: str) -> str:
            return token

        with pytest.raises(RemoteUnavailable, match=r"the App is still installed"):
            fetched(mirrors, Remote(repository_id=1, clone_url=server.url(name), token=token, renew=renew))

    def test_if_there_is_no_other_token_the_fetch_ends_with_the_reason(
        self, mirrors: Mirrors, server: GitServer
    ) -> None:
        async def renew(_: str) -> str:
            raise JobError("the App is not installed on this account any more")

        with pytest.raises(JobError, match="not installed on this account any more"):
            fetched(mirrors, Remote(repository_id=1, clone_url=server.url("infra.git"), token="dead", renew=renew))

    def test_a_repository_that_is_gone(self, mirrors: Mirrors, server: GitServer) -> None:
        with pytest.raises(FetchFailed) as refused:
            fetched(mirrors, Remote(repository_id=1, clone_url=server.url("gone.git"), token=server.token))

        assert str(refused.value) == (
            "GitHub does not know the repository at its clone_url: if it was renamed, push again; otherwise an owner "
            "has to check that the App is still installed on it"
        )


class TestRemotesThatAreAwayForNow:
    def test_a_remote_that_stays_unreachable_counts_as_temporarily_unavailable(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ghapp.git.mirrors._ATTEMPTS", 2)
        mirrors = Mirrors(tmp_path / "data", allowed_host="127.0.0.1:9")

        with pytest.raises(RemoteUnavailable) as refused:
            fetched(mirrors, Remote(repository_id=1, clone_url="http://127.0.0.1:9/infra.git", token="t"))

        assert str(refused.value) == "GitHub could not be reached to fetch the repository"

    @pytest.mark.parametrize("fate", [fates.REFUSED, fates.RESET, fates.LOST, fates.CUT, fates.FAILED_AFTERWARDS])
    def test_a_fetch_succeeds_though_each_request_fails_once(
        self, author: Author, tmp_path: Path, server: GitServer, monkeypatch: pytest.MonkeyPatch, fate: str
    ) -> None:
        monkeypatch.setattr("ghapp.git.mirrors._FIRST_PAUSE_S", 0.01)
        mirrors = Mirrors(tmp_path / "data", allowed_host="127.0.0.1")
        tip = author.commit(a="1")
        author.push("main")

        with once_each(fate, f"http://{server.host}") as (address, _):
            remote = Remote(repository_id=1, clone_url=f"{address}/infra.git", token=server.token)
            mirror = fetched(mirrors, remote)

        assert asyncio.run(mirror.tip("main")) == tip
