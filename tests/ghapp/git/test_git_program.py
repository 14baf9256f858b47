"""The version of git that Planward needs."""

import asyncio
from pathlib import Path

import pytest

from ghapp.errors import SettingsError
from ghapp.git import GitError, Mirror, require_git
from ghapp.git.kept_checkouts import KeptCheckouts
from ghapp.processes import PROGRAMS_WITHOUT_KEEPER


class TestTheProgram:
    def test_the_version_of_git_is_known(self) -> None:
        assert asyncio.run(require_git(PROGRAMS_WITHOUT_KEEPER)) >= (2, 38)

    def test_a_git_that_is_too_old_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        old = tmp_path / "git"
        old.write_text("#!/bin/sh\necho git version 2.30.2\n")
        old.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(SettingsError) as refused:
            asyncio.run(require_git(PROGRAMS_WITHOUT_KEEPER))

        assert str(refused.value) == (
            "git on PATH is 2.30, which is too old: install git 2.38 or newer (Planward makes merge results with `git "
            "merge-tree`)"
        )

    def test_none_at_all_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

        with pytest.raises(SettingsError, match="git is not on PATH: install git"):
            asyncio.run(require_git(PROGRAMS_WITHOUT_KEEPER))
        with pytest.raises(GitError, match="git is not installed where Planward runs"):
            asyncio.run(Mirror(tmp_path, tmp_path, KeptCheckouts(most=0)).branches())
