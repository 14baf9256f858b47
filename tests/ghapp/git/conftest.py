"""A git server on loopback, a person who pushes to it, and mirrors of it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghapp.git import Mirrors, Remote
from tests.ghapp.git.repositories import ENVIRON, Author
from tests.git_server import GitServer, git_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    root = tmp_path / "server"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet", "--bare", "infra.git"], cwd=root, env=ENVIRON, check=True)
    subprocess.run(
        ["git", "--git-dir", "infra.git", "config", "uploadpack.allowAnySHA1InWant", "true"],
        cwd=root,
        env=ENVIRON,
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
