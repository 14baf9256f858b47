"""Read a repository on a disk: its files, branches and name. For commands that work without GitHub."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from checks.configuration import Configuration, discover, read_file
from checks.configuration.module import is_terraform_file
from ghapp.git import is_pointer
from ghapp.repository_config import CONFIG_PATH, ConfigInvalid, RepositoryConfig, misplaced_config
from ghapp.root_modules import Layout, configure_root_modules, files_to_read

_SKIPPED = frozenset({".git", ".terraform"})
_ORIGIN = re.compile(r'^\[remote "origin"\][^\[]*?^[ \t]*url[ \t]*=[ \t]*(\S+)', re.MULTILINE)
_SEPARATOR = re.compile(r"[/:]")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingCopy:
    """The files below `directory`, by their paths in the repository, and the targets of its symlinks."""

    directory: Path
    paths: frozenset[str]
    links: Mapping[str, str]
    branches: frozenset[str]
    name: str

    @property
    def config(self) -> bytes | None:
        """The content of the config file, None if there is none. Raises ConfigInvalid if it is in a wrong place."""
        misplaced = misplaced_config(self.paths)
        if misplaced is not None:
            raise ConfigInvalid((misplaced,))
        path = self.directory / CONFIG_PATH
        return path.read_bytes() if path.is_file() else None

    @property
    def pointers(self) -> tuple[str, ...]:
        """Git LFS pointer files whose contents were not pulled."""
        attributes = [path for path in self.paths if path.rpartition("/")[2] == ".gitattributes"]
        if not any(b"filter=lfs" in (self.directory / path).read_bytes() for path in attributes):
            return ()
        return tuple(path for path in sorted(self.paths - self.links.keys()) if is_pointer(self.directory / path))

    def configuration(self, explicit: Collection[str] | None = None) -> Configuration:
        """The configuration in its Terraform files. `explicit` lists the root modules; without it they are searched
        for."""
        files = {
            path: read_file(path, (self.directory / path).read_bytes())
            for path in sorted(self.paths - self.links.keys())
            if is_terraform_file(path)
        }
        return discover(files, explicit=None if explicit is None else sorted(explicit), links=self.links)

    def lay_out(self, config: RepositoryConfig) -> tuple[Configuration, Layout]:
        """The root modules, and how each environment runs them."""
        explicit = None if config.root_modules is None else [entry.dir for entry in config.root_modules]
        configuration = self.configuration(explicit)
        named = files_to_read(config, configuration, paths=self.paths)
        contents = {path: (self.directory / path).read_bytes() for path in named}
        return configuration, configure_root_modules(config, configuration, paths=self.paths, contents=contents)


def read_working_copy(directory: Path) -> WorkingCopy:
    """Read the working copy that contains a directory. If there is none, read the directory itself."""
    top = next((each for each in (directory, *directory.resolve().parents) if (each / ".git").exists()), directory)
    paths: set[str] = set()
    links: dict[str, str] = {}
    for path in _walk(top):
        name = path.relative_to(top).as_posix()
        paths.add(name)
        if path.is_symlink():
            links[name] = path.readlink().as_posix()
    git = _git_directory(top)
    return WorkingCopy(
        directory=top,
        paths=frozenset(paths),
        links=links,
        branches=frozenset(_branches(git)) if git else frozenset(),
        name=_name(git) or top.resolve().name or "repository",
    )


def _walk(top: Path) -> Iterator[Path]:
    for parent, directories, files in os.walk(top):
        directories[:] = sorted(name for name in directories if name not in _SKIPPED)
        linked = (name for name in directories if (Path(parent) / name).is_symlink())
        yield from (Path(parent) / name for name in (*linked, *sorted(files)))


def _git_directory(top: Path) -> Path | None:
    """The directory with branches and remotes. In a linked work tree, `.git` is a file that points to it.

    https://git-scm.com/docs/gitrepository-layout
    """
    git = top / ".git"
    if git.is_file():
        git = top / git.read_text(errors="replace").removeprefix("gitdir:").strip()
        common = git / "commondir"
        git = git / common.read_text(errors="replace").strip() if common.is_file() else git
    return git if git.is_dir() else None


def _branches(git: Path) -> Iterator[str]:
    for kept in (git / "refs/heads", git / "refs/remotes/origin"):
        yield from (path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file())
    packed = git / "packed-refs"
    for line in packed.read_text(errors="replace").splitlines() if packed.is_file() else ():
        _, _, name = line.partition(" ")
        for prefix in ("refs/heads/", "refs/remotes/origin/"):
            if name.startswith(prefix):
                yield name.removeprefix(prefix)


def _name(git: Path | None) -> str | None:
    config = None if git is None else git / "config"
    found = _ORIGIN.search(config.read_text(errors="replace")) if config is not None and config.is_file() else None
    if found is None:
        return None
    name = _SEPARATOR.split(found[1].rstrip("/"))[-1].removesuffix(".git")
    return name or None
