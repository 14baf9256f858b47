"""A local GitHub with an organization, for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ghapp.local_github import LocalGitHub


@pytest.fixture
def github(tmp_path: Path) -> Iterator[LocalGitHub]:
    with LocalGitHub(tmp_path / "github") as github:
        github.create_user("grace")
        github.create_organization("acme", owners=["grace"])
        yield github
    assert github.unexpected == []
