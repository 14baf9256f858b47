"""A person's repository, mirrors of it, and the contents of a directory."""

import asyncio
import os
import stat
import subprocess
from pathlib import Path

from ghapp.git import Mirror, Mirrors, Remote
from ghapp.git.kept_checkouts import KeptCheckouts
from ghapp.values import CommitSha

ENVIRON = {
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
    """A person who commits in a clone and pushes directly into the server's repository."""

    def __init__(self, directory: Path, bare: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("remote", "add", "origin", str(bare))

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.directory, env=ENVIRON, check=True, capture_output=True)
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


def mirror_of(author: Author, directory: Path, name: str = "7", *, most_kept: int = 2) -> Mirror:
    """A mirror of the author's repository, made without a server."""
    path = directory / "data" / f"{name}.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", author.directory, path], env=ENVIRON, check=True)
    return Mirror(path, directory / "data/checkouts", KeptCheckouts(most=most_kept))


def contents(directory: Path) -> dict[str, object]:
    """The contents of a directory: mode and content of each file, target of each symlink."""
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
