"""Run git with a minimal environment, and check its version."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from ghapp.errors import SettingsError
from ghapp.git.errors import GitError, TooLargeForGit
from ghapp.processes import Exited, Limits, NotConfined, ProgramMissing, Programs
from ghapp.processes.sandbox import UNCONFINED, Confined

_VERSION = re.compile(rb"(\d{1,9})\.(\d{1,9})")
MOST_OUTPUT_BYTES = 64_000_000
"""The limit for one output of git. The paths of a hundred thousand files take a tenth of it."""
MOST_MEMORY_BYTES = 2_000_000_000
"""The memory limit of every git command that does not fetch."""
MINIMUM = (2, 38)
"""The first version with `git merge-tree --write-tree`."""

# Of the server's environment, git inherits only these variables and the operator's settings for the network.
_PASSED_ON = frozenset({"PATH", "TMPDIR"})
_CA_FILES = frozenset({"GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"})
_FOR_THE_NETWORK = _CA_FILES | frozenset(
    {
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "all_proxy",
    }
)
_SYSTEM = ("/usr", "/bin", "/sbin", "/nix/store")
"""Directories that every sandbox contains."""

_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.attributesFile": "/dev/null",
    "core.symlinks": "true",
    "core.quotePath": "false",
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "fetch.fsckObjects": "false",
    "fetch.unpackLimit": "1",
    "safe.bareRepository": "all",
    "advice.detachedHead": "false",
}


def environment(
    settings: Mapping[str, str] | None = None, *, uses_network: bool = False, **more: str
) -> dict[str, str]:
    """Return git's environment: no configuration of the machine, no prompt, and no protocol for remotes.

    `more` are further variables; GIT_ALLOW_PROTOCOL among them allows a protocol.

    `settings` are configuration for this process alone. They are passed in GIT_CONFIG_* variables, so that they are
    neither in the process list nor in a file. The operator's proxies and CA files are passed only if git
    `uses_network`.

    https://git-scm.com/docs/git-config#Documentation/git-config.txt-GITCONFIGCOUNT
    """
    passed_on = _PASSED_ON | _FOR_THE_NETWORK if uses_network else _PASSED_ON
    environ = {name: os.environ[name] for name in passed_on if name in os.environ}
    environ |= {
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "HOME": "/nonexistent",
        "LC_ALL": "C",
    }
    configuration = {**_SETTINGS, **(settings or {})}
    environ["GIT_CONFIG_COUNT"] = str(len(configuration))
    for number, (key, value) in enumerate(configuration.items()):
        environ[f"GIT_CONFIG_KEY_{number}"] = key
        environ[f"GIT_CONFIG_VALUE_{number}"] = value
    return environ | more


async def git(
    programs: Programs,
    *words: str | Path,
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    timeout_s: float = 120.0,
    memory_bytes: int | None = MOST_MEMORY_BYTES,
    output_bytes: int | None = None,
    confined: Confined = UNCONFINED,
    cwd: Path | None = None,
) -> Exited:
    """Run git. Raises GitError if it is missing or takes too long.

    Raises TooLargeForGit if git uses too much memory or prints too much. The caller checks git's exit status. With a
    sandbox (`confined`), `words` and `environ` must contain the paths that git sees in it.
    """
    # The sandbox `uid` can only start a program by its absolute path.
    program = "git" if confined is UNCONFINED else shutil.which("git") or "git"
    try:
        ended = await programs.run(
            [program, *words],
            environ=environ or environment(),
            cwd=cwd,
            stdin=stdin,
            timeout_s=timeout_s,
            limits=Limits(output_bytes=output_bytes or MOST_OUTPUT_BYTES, memory_bytes=memory_bytes),
            confined=confined,
        )
    except NotConfined as error:
        raise GitError(
            f"the sandbox for git could not be set up, and nothing was run ({error}): the operator has to find out "
            "what changed on this machine, and whether git is below /usr. Press Re-run afterwards"
        ) from error
    except ProgramMissing as error:
        raise GitError(
            "git is not installed where Planward runs: the operator has to install git 2.38 or newer"
        ) from error
    if ended.exceeded is not None:
        asked = next(word for word in map(str, words) if not word.startswith("-"))
        raise TooLargeForGit(
            f"`git {asked}` took more than {ended.exceeded.allowed_bytes // 1_000_000} MB of {ended.exceeded.limit}: "
            "the commit has more files than Planward reads, or larger ones; push a commit without them"
        )
    if ended.timed_out:
        raise GitError(f"git took longer than {timeout_s:.0f} s and was stopped: press Re-run to try again")
    return ended


def program_files() -> tuple[Path, ...]:
    """The paths of git and git-lfs, without those in the system's directories, which every sandbox contains anyway."""
    found = [Path(place).absolute() for name in ("git", "git-lfs") if (place := shutil.which(name)) is not None]
    paths = dict.fromkeys(each for path in found for each in (path, path.resolve()))
    return tuple(path for path in paths if not any(path.is_relative_to(place) for place in _SYSTEM))


def ca_files() -> tuple[Path, ...]:
    """The CA files and directories that the operator's variables name."""
    named = (os.environ.get(name) for name in sorted(_CA_FILES))
    return tuple(Path(path) for path in named if path and os.path.isabs(path))  # noqa: PTH117


async def require_git(programs: Programs) -> tuple[int, int]:
    """Return git's version. Raises SettingsError if git is missing or older than Planward needs."""
    way_out = f"install git {MINIMUM[0]}.{MINIMUM[1]} or newer (Planward makes merge results with `git merge-tree`)"
    try:
        ended = await git(programs, "version")
    except GitError as error:
        raise SettingsError(f"git is not on PATH: {way_out}") from error
    found = _VERSION.search(ended.stdout)
    if ended.exit_code or not found:
        raise SettingsError(f"`git version` printed no version: {way_out}")
    version = int(found[1]), int(found[2])
    if version < MINIMUM:
        raise SettingsError(f"git on PATH is {version[0]}.{version[1]}, which is too old: {way_out}")
    return version
