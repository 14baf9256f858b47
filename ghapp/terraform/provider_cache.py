"""Terraform's provider cache, shared by runs side by side, written by one `init` at a time.

Terraform itself does not lock it: of four inits that filled one cache at the same time one failed.
"""

import asyncio
import fcntl
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ghapp.processes import Stop
from ghapp.processes.private_directories import locked, make_private, remove_whole
from ghapp.processes.same_path import PATHS
from ghapp.terraform.environment import operator_config

_POLL_S = 0.02
_HAS_MIRROR = re.compile(r"^[ \t]*(filesystem_mirror|dev_overrides)\b", re.MULTILINE)
_HAS_CACHE = re.compile(r"^[ \t]*plugin_cache_dir\b", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCache:
    """The variables that make Terraform use a cache, and the file that its writers lock."""

    variables: Mapping[str, str]
    lock: Path | None


def provider_cache(directory: Path | None) -> ProviderCache:
    """Give the cache at `directory`, or the one that the operator has set up.

    There is none where the operator's own CLI configuration names a mirror: its providers are linked to.
    """
    config = operator_config()
    said = config.read_text(errors="replace") if config else ""
    if directory is None or (_HAS_MIRROR.search(said) and not _HAS_CACHE.search(said)):
        return ProviderCache(variables={}, lock=None)
    lock = make_private(directory) / ".lock"
    if _HAS_CACHE.search(said):
        return ProviderCache(variables={}, lock=lock)
    variables = {
        "TF_PLUGIN_CACHE_DIR": os.environ.get("TF_PLUGIN_CACHE_DIR") or str(directory),
        # Without it the cache is not used where the repository has no lock file. What it breaks is the lock file that
        # init writes, which goes with the checkout.
        "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1",
    }
    return ProviderCache(variables=variables, lock=lock)


@asynccontextmanager
async def one_writer(lock: Path | None, stop: Stop | None = None) -> AsyncIterator[None]:
    """Hold the cache's lock, across processes too; nothing where there is no cache.

    Where `stop` is requested meanwhile it goes on without: nothing is started then that could write.
    """
    if lock is None:
        yield
        return
    held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Asked again and again: the holder may be another process.
        while not _locked(held) and not (stop and stop.requested.is_set()):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        yield
    finally:
        os.close(held)


def note_use(data_dir: Path, lock: Path | None) -> None:
    """Note that the providers of the cache which an init has linked below `data_dir` are used now."""
    if lock is None:
        return
    for provider in _linked(data_dir):
        if provider.is_relative_to(lock.parent.resolve()):
            os.utime(provider)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptProvider:
    """A version of a provider in the cache, with when an init last linked it."""

    path: Path
    used_at: float


def kept_providers(directory: Path) -> tuple[KeptProvider, ...]:
    """Every version of every provider in the cache at `directory`: HOST/NAMESPACE/TYPE/VERSION/PLATFORM."""
    found = (path for path in directory.glob("[!.]*/*/*/*/*") if path.is_dir() and not path.is_symlink())
    return tuple(KeptProvider(path=path, used_at=path.stat().st_mtime) for path in sorted(found))


def remove_provider(directory: Path, provider: KeptProvider, runs: Path) -> bool:
    """Remove a version from the cache; it is installed anew when it is asked for. False: it is in use.

    In use is what a run below `runs` has linked, and everything while an init goes on.
    """
    with locked(make_private(directory) / ".lock") as no_init:
        if not no_init or provider.path.resolve() in {
            linked
            for data_dir in (*runs.glob("*/d/own/data"), *(runs.parent / PATHS).glob("*/run/data"))
            for linked in _linked(data_dir)
        }:
            return False
        # At once: Terraform would take what is left of a removal that broke off for the provider.
        remove_whole(provider.path, runs)
    return True


def _linked(data_dir: Path) -> set[Path]:
    return {path.resolve() for path in (data_dir / "providers").glob("*/*/*/*/*")}


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
