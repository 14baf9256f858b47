"""Run git on one bare repository. Answers that can never change are cached."""

from __future__ import annotations

import os
import re
import subprocess
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

_ENVIRON = {
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}

_FIXED = re.compile(r"-.*|(blob)|[0-9a-f]{40}(\^\{\w+\}|:.*|\.\.[0-9a-f]{40})?", re.DOTALL)
"""Arguments whose meaning never changes: options, and objects that are named by their full SHA."""
_LASTING = {
    "cat-file": (0,),
    "diff": (0,),
    "diff-tree": (0,),
    "log": (0,),
    "merge-base": (0, 1),
    "rev-list": (0,),
    "rev-parse": (0,),
}
"""The commands whose answers about fixed objects never change, with the exit statuses of such answers. Other statuses
can change, since a missing object may still arrive."""
_MOST_KEPT = 1_000
_MOST_KEPT_BYTES = 65_536


class GitFailed(Exception):
    """git ended with a status that the caller did not expect."""


class GitProgram:
    """Runs git on one bare repository. Methods raise GitFailed if git fails unexpectedly."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._kept: OrderedDict[tuple[str, ...], subprocess.CompletedProcess[bytes]] = OrderedDict()

    def run(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        environ: Mapping[str, str] | None = None,
        ok: Sequence[int] = (0,),
    ) -> subprocess.CompletedProcess[bytes]:
        if stdin is not None or environ or not _is_lasting(arguments):
            return self._run(arguments, stdin, environ, ok)
        kept = self._kept.get(arguments)
        if kept is None or kept.returncode not in ok:
            kept = self._run(arguments, None, None, ok)
            if kept.returncode in _LASTING[arguments[0]] and len(kept.stdout) < _MOST_KEPT_BYTES:
                self._kept[arguments] = kept
                if len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        return kept

    def _run(
        self, arguments: Sequence[str], stdin: bytes | None, environ: Mapping[str, str] | None, ok: Sequence[int]
    ) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            ["git", "-c", "core.quotePath=false", "--git-dir", str(self.path), *arguments],
            cwd=self.path,
            input=stdin if stdin is not None else b"",
            capture_output=True,
            env={**_ENVIRON, **(environ or {})},
            check=False,
        )
        if done.returncode not in ok:
            raise GitFailed(f"git {arguments[0]}: {done.stderr.decode(errors='replace')}")
        return done

    def text(self, *arguments: str) -> str:
        return self.run(*arguments).stdout.decode(errors="replace").strip()

    def first_paths(self, treeish: str, most: int) -> list[tuple[str, str]]:
        """Return path and blob of the first `most` files of a tree. git is stopped once it has listed them."""
        words = ["git", "--git-dir", str(self.path), "ls-tree", "-r", "-z", treeish]
        found: list[tuple[str, str]] = []
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_ENVIRON) as git:
            assert git.stdout is not None
            rest = b""
            while len(found) < most and (chunk := git.stdout.read(65_536)):
                *lines, rest = (rest + chunk).split(b"\0")
                for line in lines[: most - len(found)]:
                    facts, _, path = line.decode(errors="replace").partition("\t")
                    found.append((path, facts.rpartition(" ")[2]))
            git.kill()
        return found


def _is_lasting(arguments: Sequence[str]) -> bool:
    return arguments[0] in _LASTING and all(map(_FIXED.fullmatch, arguments[1:]))
