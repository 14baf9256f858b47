"""Keep this machine's data directory below its budget: remove what was least recently used, but nothing in use.

Mirrors, downloaded providers and facts (what was read from Terraform files) can all be rebuilt. Work directories are
removed at the end of their runs, and those of a killed process are swept.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ghapp.facts import Facts
from ghapp.git import Mirrors
from ghapp.log import log
from ghapp.processes.private_directories import sweep
from ghapp.processes.same_path import PATHS
from ghapp.store import Store
from ghapp.terraform import cached_providers, remove_provider

EVERY_S = 300
_TARGET_FRACTION = 0.9
"""A disk above its budget is cleaned down to this fraction of the budget, so that cleaning is rare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """Something that may be removed: its size, its last use, and its removal, which returns False if it is in use."""

    path: Path
    size_bytes: int
    used_at: float
    remove: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """One data directory, without its database."""

    data_dir: Path
    mirrors: Mirrors
    facts: Facts
    budget_bytes: int
    """0 means no limit."""

    @contextlib.asynccontextmanager
    async def kept_clean(self, store: Store) -> AsyncIterator[None]:
        """Clean the disk now and every five minutes during the context. After an error, which is logged, try again."""
        cleaning = asyncio.create_task(self._keep_clean(store))
        try:
            yield
        finally:
            cleaning.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await cleaning

    async def _keep_clean(self, store: Store) -> None:
        while True:
            try:
                await erase_left_mirrors(self.mirrors, store)
                await asyncio.to_thread(self.clean)
            except Exception:
                log.exception("disk_not_cleaned")
            await asyncio.sleep(EVERY_S)

    def clean(self) -> int:
        """Sweep left-over directories and bring the disk below its budget. Returns how many bytes were removed."""
        swept = (*self.mirrors.sweep(), *sweep(self.data_dir / "runs"))
        if swept:
            log.info("directories_swept", directories=list(swept))
        if not self.budget_bytes:
            return 0
        used = sum(size_bytes(self.data_dir / name) for name in ("mirrors", "providers", "facts", "runs", PATHS))
        if used <= self.budget_bytes:
            return 0
        removed = self._remove(used - int(self.budget_bytes * _TARGET_FRACTION))
        if used - removed > self.budget_bytes:
            log.warning("disk_over_budget", used_bytes=used - removed, budget_bytes=self.budget_bytes)
        return removed

    def _remove(self, wanted_bytes: int) -> int:
        removed = 0
        for each in sorted(self._candidates(), key=lambda each: each.used_at):
            if removed >= wanted_bytes:
                break
            if each.remove():
                log.info("removed_from_disk", path=str(each.path.relative_to(self.data_dir)), bytes=each.size_bytes)
                removed += each.size_bytes
        return removed

    def _candidates(self) -> Iterator[_Candidate]:
        for mirror in self.mirrors.stored():
            yield _Candidate(
                path=mirror.path,
                size_bytes=size_bytes(mirror.path),
                used_at=mirror.used_at,
                remove=partial(self.mirrors.remove, mirror.repository_id),
            )
        providers, runs = self.data_dir / "providers", self.data_dir / "runs"
        for provider in cached_providers(providers):
            yield _Candidate(
                path=provider.path,
                size_bytes=size_bytes(provider.path),
                used_at=provider.used_at,
                remove=partial(remove_provider, providers, provider, runs),
            )
        facts = self.data_dir / "facts"
        if facts.is_dir():
            yield _Candidate(
                path=facts,
                size_bytes=size_bytes(facts),
                used_at=max((each.stat().st_mtime for each in facts.iterdir()), default=0),
                remove=self._forget_facts,
            )

    def _forget_facts(self) -> bool:
        self.facts.forget()
        return True


async def erase_left_mirrors(mirrors: Mirrors, store: Store) -> bool:
    """Erase this machine's mirrors of repositories that removed the App. Returns False if some are still in use."""
    here = [mirror.repository_id for mirror in mirrors.stored()]
    erased_all = True
    for id in await store.repositories.uninstalled(here) if here else ():
        if await asyncio.to_thread(mirrors.remove, id):
            log.info("mirror_erased", repository=id)
        else:
            erased_all = False
    return erased_all


def size_bytes(directory: Path) -> int:
    """The disk usage of a directory, without following symlinks; files that disappear meanwhile count as zero."""
    total, below = 0, [str(directory)]
    while below:
        with contextlib.suppress(OSError), os.scandir(below.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        below.append(entry.path)
    return total
