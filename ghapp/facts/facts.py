"""Turn the entries of a tree into its configuration, parsing only blobs that were never parsed before."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from checks.configuration import Configuration, discover
from checks.configuration.file_facts import FileFacts, Problem
from checks.configuration.module import is_terraform_file
from ghapp.facts.kept import KeptFacts
from ghapp.git import TreeEntry
from ghapp.reading import LARGEST_BYTES, TOO_LARGE, Parser
from ghapp.repository_config import RepositoryConfig

_READ_AT_ONCE = 1_000
_SYMLINK = "120000"
_REGULAR = "100"
_LONGEST_LINK_BYTES = 4_096

log = structlog.get_logger()


class Blobs(Protocol):
    """The source of contents: a mirror."""

    async def read_blobs(self, blob_ids: Iterable[str]) -> dict[str, bytes]: ...


class Facts:
    """The facts of configuration files, cached below a directory."""

    def __init__(self, directory: Path, *, parser: Parser | None = None) -> None:
        self._kept = KeptFacts(directory)
        self._parser = parser or Parser()

    async def configuration(
        self, mirror: Blobs, entries: Sequence[TreeEntry], config: RepositoryConfig | None = None
    ) -> Configuration:
        """Find the root modules of a tree, or use those that the repository's config names.

        Raises the mirror's exceptions for a missing blob. A file that cannot be read raises nothing: it is listed in
        the result's `problems`.
        """
        explicit = None
        if config is not None and config.root_modules is not None:
            explicit = [root_module.dir for root_module in config.root_modules]
        links = await _links(mirror, entries)
        files = await self.of_files(mirror, entries)
        return await asyncio.to_thread(discover, files, explicit=explicit, links=links)

    async def of_files(self, mirror: Blobs, entries: Sequence[TreeEntry]) -> dict[str, FileFacts]:
        """The facts of all configuration files among the entries, by path."""
        files = [entry for entry in entries if entry.mode.startswith(_REGULAR) and is_terraform_file(entry.path)]
        too_large = {entry.path: TOO_LARGE for entry in files if entry.size_bytes > LARGEST_BYTES}
        wanted = {entry.path: _key(entry) for entry in files if entry.path not in too_large}
        keys = list(dict.fromkeys(wanted.values()))
        known = await asyncio.to_thread(self._kept.read, keys)
        missing = [key for key in keys if key not in known]
        for start in range(0, len(missing), _READ_AT_ONCE):
            known |= await self._parse(mirror, missing[start : start + _READ_AT_ONCE])
        if missing:
            log.info("facts_parsed", files=len(keys), parsed=len(missing))
        return too_large | {path: known[key] for path, key in wanted.items()}

    def forget(self) -> None:
        """Delete all cached facts; files are parsed again when needed."""
        self._kept.forget()

    def close(self) -> None:
        """Stop the parsing processes."""
        self._parser.close()

    async def _parse(self, mirror: Blobs, keys: Sequence[str]) -> dict[str, FileFacts]:
        contents = await mirror.read_blobs([_blob_id(key) for key in keys])
        parsed = await self._parser.read([(key, contents[_blob_id(key)]) for key in keys])
        facts = {key: each for key, each in zip(keys, parsed, strict=True) if each is not None}
        await asyncio.to_thread(self._kept.write, facts)
        # A file that took too long is not cached as unreadable: it may be faster next time.
        return {key: facts.get(key, _UNREAD) for key in keys}


_UNREAD = FileFacts(read=False, problem=Problem(line=1, message="reading it took too long, so Planward gave up"))


def _key(entry: TreeEntry) -> str:
    """The blob id and the syntax that the name implies: the same bytes mean different things as HCL and as JSON."""
    return f"{entry.blob_id}.{'tf.json' if entry.path.endswith('.json') else 'tf'}"


def _blob_id(key: str) -> str:
    return key.partition(".")[0]


async def _links(mirror: Blobs, entries: Sequence[TreeEntry]) -> dict[str, str]:
    # Longer links are left out: no operating system follows them.
    symlinks = [entry for entry in entries if entry.mode == _SYMLINK and entry.size_bytes <= _LONGEST_LINK_BYTES]
    targets = await mirror.read_blobs({entry.blob_id for entry in symlinks}) if symlinks else {}
    return {entry.path: targets[entry.blob_id].decode(errors="backslashreplace") for entry in symlinks}
