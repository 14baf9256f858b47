"""A cache of providers for all runs: Terraform reads it as a mirror, and only Planward writes to it.

A run installs missing providers into its own directory. After its init, before any program of the repository runs,
Planward copies them and compares each copy with its checksum in the lock file. The checksum was there before the init,
or Terraform has verified it by the registry's signature. A copy that matches goes into the cache, with this checksum in
a record beside it. In a sandbox, runs cannot write to the cache. Without a sandbox, a package whose checksum has
changed is noticed and removed after the next init that uses it.
"""

import asyncio
import base64
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from ghapp.foreign_json import UnreadableJson, read_json
from ghapp.processes import Stop
from ghapp.processes.private_directories import locked, make_private, remove_tree, remove_whole
from ghapp.processes.same_path import PATHS
from ghapp.terraform.cli_config import cli_config
from ghapp.terraform.environment import CLI_CONFIG, changes_trust, operator_config
from ghapp.terraform.installed import installed_providers
from ghapp.terraform.lock_file import LockFile, accept, read_lock_file, restore, write_new

log = structlog.get_logger()

_POLL_S = 0.02
_RECORDS = ".checksums"
_INCOMING = ".incoming-"
_REMOVED = ".removed"
_MOST_ACCEPTED = 20


class _Record(msgspec.Struct, frozen=True):
    """The record of a package in the cache."""

    checksum: str
    accepted_by: tuple[tuple[str, ...], ...] = ()
    """Entries for the newest lock files that do not list `checksum`, but with which Terraform accepted the package.

    An entry has all checksums that such a lock file lists for this package. One of them is the checksum of the archive
    (`zh:…`). Only Terraform could compare it, during the download: Planward sees only the unpacked package.
    """

    def is_accepted(self, checksums: frozenset[str]) -> bool:
        """Whether a lock file with these checksums accepts the package."""
        return self.checksum in checksums or any(checksums.issuperset(each) for each in self.accepted_by)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProviders:
    """The sources of providers of one root run. `cache` is None if it does not use the cache."""

    config: Path
    """The CLI configuration for the run's commands."""
    data_dir: Path
    root_module: Path
    cache: Path | None
    fills: bool = True
    """Whether providers that this run installs may go into the cache.

    They may not if one of the run's own variables can change which downloads Terraform trusts or can access.
    """

    @property
    def lock(self) -> Path | None:
        """The lock for writing to the cache."""
        return None if self.cache is None else self.cache / ".lock"

    def write_config(self, offered: Collection[str] = ()) -> None:
        """Write the CLI configuration, which offers these cached providers."""
        config = operator_config()
        operators = None if config is None else config.read_text(errors="replace")
        write_new(self.config, cli_config(operators, self.cache, sorted(offered)).encode())

    def offer(self) -> LockFile:
        """Offer this root module the cached providers. Returns its lock file as it was before."""
        lock_file = read_lock_file(self.root_module)
        offered = {} if self.cache is None else _offered(self.cache, lock_file)
        self.write_config(offered)
        accept(self.root_module, lock_file, {address: each for address, each in offered.items() if each is not None})
        return lock_file

    def add_installed(self, before: LockFile) -> None:
        """Copy newly installed providers into the cache, and record which cached ones init used."""
        if self.cache is None:
            return
        after = read_lock_file(self.root_module)
        for address, place in installed_providers(self.data_dir):
            path = place.relative_to(self.data_dir / "providers")
            if place.is_symlink():
                if _is_in(self.cache, place):
                    os.utime(place.resolve())
            elif self.fills and (locked_now := after.of(address, path.parts[3])):
                locked_before = before.of(address, path.parts[3])
                try:
                    _add_package(self.cache, path, place, locked_now, locked_before)
                except OSError as error:
                    log.warning("provider_not_cached", provider=str(path), why=type(error).__name__)

    def withdraw_changed(self, before: LockFile, *, thorough: bool) -> bool:
        """Remove from the cache the providers whose checksum has changed. Returns whether there were any.

        After a successful init, it is enough to compare the records with the lock file: init has added the checksums of
        the providers that it used. `thorough` means to compute the checksum of every cached provider that the lock file
        named before the init.
        """
        if self.cache is None:
            return False
        changed = list(self._differing(before) if thorough else self._linked_and_differing())
        for path in changed:
            log.warning("provider_cache_changed", provider=str(path))
            remove_whole(self.cache / path, self.cache / _REMOVED)
        if changed:
            remove_tree(self.data_dir / "providers")
            restore(self.root_module, before)
        return bool(changed)

    def _linked_and_differing(self) -> Iterator[Path]:
        assert self.cache is not None
        after = read_lock_file(self.root_module)
        for address, place in installed_providers(self.data_dir):
            if place.is_symlink() and _is_in(self.cache, place):
                path = place.relative_to(self.data_dir / "providers")
                record, checksums = _record(self.cache, path), after.of(address, path.parts[3])
                if record is None or (checksums and record.checksum not in checksums):
                    yield path

    def _differing(self, before: LockFile) -> Iterator[Path]:
        assert self.cache is not None
        for kept in cached_providers(self.cache):
            path = kept.path.relative_to(self.cache)
            if before.of("/".join(path.parts[:3]), path.parts[3]) is not None:
                record = _record(self.cache, path)
                if record is not None and checksum_of(kept.path) != record.checksum:
                    yield path


def run_providers(
    private: Path, root_module: Path, cache: Path | None, own_names: Collection[str] = ()
) -> RunProviders:
    """Return the provider sources of a run. `own_names` are the environment variables that only this run has."""
    return RunProviders(
        config=private / CLI_CONFIG,
        data_dir=private / "data",
        root_module=root_module,
        cache=None if cache is None else make_private(cache).absolute(),
        fills=not any(map(changes_trust, own_names)),
    )


def checksum_of(package: Path) -> str:
    """Return the checksum of an unpacked package in Terraform's format: `h1:…`. Raises OSError.

    https://pkg.go.dev/golang.org/x/mod/sumdb/dirhash#Hash1
    """
    lines = []
    for path in sorted(_files(package), key=lambda each: os.fsencode(each.relative_to(package))):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.relative_to(package).as_posix()}\n")
    return "h1:" + base64.b64encode(hashlib.sha256("".join(lines).encode()).digest()).decode()


def _offered(cache: Path, lock_file: LockFile) -> dict[str, str | None]:
    """The cached providers that this lock file accepts or does not mention.

    Each comes with the checksum that has to be added to the lock file, or None.
    """
    found: dict[str, str | None] = {}
    for kept in cached_providers(cache):
        path = kept.path.relative_to(cache)
        address, version = "/".join(path.parts[:3]), path.parts[3]
        record = _record(cache, path)
        if record is None:
            continue
        if address not in lock_file.providers:
            found[address] = None
        elif (checksums := lock_file.of(address, version)) and record.is_accepted(checksums):
            if record.checksum in checksums:
                found[address] = None
            elif lock_file.providers[address].takes_more:
                found[address] = record.checksum
    return found


def _add_package(cache: Path, path: Path, installed: Path, now: frozenset[str], before: frozenset[str] | None) -> None:
    """Copy an installed package into the cache, or record that a lock file accepts the cached one. Raises OSError."""
    record = _record(cache, path)
    if record is not None and (cache / path).is_dir():
        if before and not record.is_accepted(before) and checksum_of(installed) == record.checksum:
            accepted_by = (*record.accepted_by[1 - _MOST_ACCEPTED :], tuple(sorted(before)))
            _write_record(cache, path, _Record(record.checksum, accepted_by))
        return
    for left in (*cache.glob(f"{_INCOMING}*"), *(cache / _REMOVED).glob("removed-*")):  # left by a killed process
        remove_tree(left)
    incoming = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=cache))
    try:
        package = incoming / "package"
        _copy(installed, package)
        checksum = checksum_of(package)
        if checksum not in now:
            log.warning("provider_not_cached", provider=str(path), why="its checksum is not in the lock file")
            return
        if (cache / path).exists():  # from a version of Planward without checksums
            (cache / path).rename(incoming / "without-a-record")
        accepted_by = (tuple(sorted(before)),) if before and checksum not in before else ()
        _write_record(cache, path, _Record(checksum, accepted_by))
        (cache / path).parent.mkdir(parents=True, exist_ok=True)
        package.rename(cache / path)
    finally:
        remove_tree(incoming)


def _copy(source: Path, target: Path) -> None:
    """Copy a package. Raises OSError if it contains anything but directories and files."""
    target.mkdir(mode=0o755)
    with os.scandir(source) as entries:
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                _copy(Path(entry.path), target / entry.name)
            elif stat.S_ISREG(mode):
                shutil.copyfile(entry.path, target / entry.name, follow_symlinks=False)
                (target / entry.name).chmod(0o555 if mode & stat.S_IXUSR else 0o444)
            else:
                raise OSError("neither a file nor a directory")


def _files(package: Path) -> Iterator[Path]:
    return (path for path in package.rglob("*") if path.is_file())


def _record(cache: Path, path: Path) -> _Record | None:
    try:
        return read_json((cache / _RECORDS / path).read_bytes(), _Record)
    except (OSError, UnreadableJson):
        return None


def _write_record(cache: Path, path: Path, record: _Record) -> None:
    place = cache / _RECORDS / path
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_name(f".{place.name}")
    new.write_bytes(msgspec.json.encode(record))
    new.replace(place)


def _is_in(cache: Path, link: Path) -> bool:
    return link.resolve().is_relative_to(cache.resolve())


@asynccontextmanager
async def one_writer(lock: Path | None, stop: Stop | None = None) -> AsyncIterator[None]:
    """Hold the cache's lock, also across processes. Without a cache, this does nothing.

    If `stop` is requested, continue without the lock, since no program is started then.
    """
    if lock is None:
        yield
        return
    held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Poll, since the holder may be another process.
        while not _try_lock(held) and not (stop and stop.requested.is_set()):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        yield
    finally:
        os.close(held)


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedProvider:
    """A version of a provider in the cache, with the time when an init last linked it."""

    path: Path
    used_at: float


def cached_providers(directory: Path) -> tuple[CachedProvider, ...]:
    """Every version of every provider in the cache at `directory`: HOST/NAMESPACE/TYPE/VERSION/PLATFORM."""
    found = (path for path in directory.glob("[!.]*/*/*/*/*") if path.is_dir() and not path.is_symlink())
    return tuple(CachedProvider(path=path, used_at=path.stat().st_mtime) for path in sorted(found))


def remove_provider(directory: Path, provider: CachedProvider, runs: Path) -> bool:
    """Remove a version from the cache; it is installed again when needed. Returns False if it is in use.

    A provider is in use if a run below `runs` links to it. While an init runs, all providers are in use.
    """
    with locked(make_private(directory) / ".lock") as no_init:
        if not no_init or provider.path.resolve() in {
            linked
            for data_dir in (*runs.glob("*/d/own/data"), *(runs.parent / PATHS).glob("*/run/data"))
            for linked in _linked(data_dir)
        }:
            return False
        # Remove it atomically: Terraform would use the incomplete provider that an interrupted removal leaves.
        remove_whole(provider.path, runs)
    return True


def _linked(data_dir: Path) -> set[Path]:
    return {path.resolve() for path in (data_dir / "providers").glob("*/*/*/*/*")}


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
