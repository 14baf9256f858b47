"""Read and write Terraform's dependency lock file, which lists the accepted provider packages.

https://developer.hashicorp.com/terraform/language/files/dependency-lock
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LOCK_FILE = ".terraform.lock.hcl"
_MOST_BYTES = 4 * 1024 * 1024
_NOT_FOLLOWED = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """The version of one provider, and the accepted checksums of its package (`h1:…`, `zh:…`)."""

    version: str
    checksums: frozenset[str]
    takes_more: bool
    """Whether checksums can be added: the list is in Terraform's format, with each checksum on its own line."""


@dataclass(frozen=True, slots=True)
class LockFile:
    """A lock file as it was read. `content` is None if there is none that can be used."""

    content: bytes | None
    providers: Mapping[str, Locked]
    """By address, HOST/NAMESPACE/TYPE."""

    def of(self, address: str, version: str) -> frozenset[str] | None:
        """The accepted checksums of this version; None if this version is not locked."""
        locked = self.providers.get(address)
        return locked.checksums if locked is not None and locked.version == version else None


def read_lock_file(root_module: Path) -> LockFile:
    """Read a root module's lock file; entries that are not in Terraform's format are ignored."""
    try:
        with open(os.open(root_module / LOCK_FILE, _NOT_FOLLOWED), "rb") as file:  # noqa: PTH123
            content = file.read(_MOST_BYTES + 1)
    except OSError:
        return LockFile(None, {})
    if len(content) > _MOST_BYTES:
        return LockFile(None, {})
    return LockFile(content, dict(_blocks(content.decode(errors="replace").splitlines())))


def restore(root_module: Path, lock_file: LockFile) -> None:
    """Restore a lock file to the content that was read."""
    if lock_file.content is None:
        (root_module / LOCK_FILE).unlink(missing_ok=True)
    else:
        write_new(root_module / LOCK_FILE, lock_file.content)


def accept(root_module: Path, lock_file: LockFile, checksums: Mapping[str, str]) -> None:
    """Add a checksum to some providers of a lock file. The keys of `checksums` are the addresses of these providers."""
    if lock_file.content is None or not checksums:
        return
    written, address = [], ""
    for line in lock_file.content.decode(errors="surrogateescape").splitlines():
        written.append(line)
        words = line.strip()
        if words.startswith("provider "):
            address = words.split('"')[1] if '"' in words else ""
        elif _begins_list(line) and address in checksums:
            written.append(f'    "{checksums[address]}",')
    write_new(root_module / LOCK_FILE, ("\n".join(written) + "\n").encode(errors="surrogateescape"))


def write_new(path: Path, content: bytes) -> None:
    """Write a file in a directory that a run can write to, replacing anything there. Raises OSError."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "wb") as file:  # noqa: PTH123
        os.fchmod(file.fileno(), 0o644)  # the run may have its own user, who must be able to read it
        file.write(content)


def _blocks(lines: list[str]) -> Iterator[tuple[str, Locked]]:
    address, version, checksums, takes_more = "", "", set[str](), False
    for line in map(str.strip, lines):
        quoted = line.split('"')[1::2]
        if line.startswith("provider ") and quoted:
            address, version, checksums, takes_more = quoted[0], "", set(), False
        elif line.startswith("version") and quoted:
            version = quoted[0]
        elif line == "}" and address:
            yield address, Locked(version=version, checksums=frozenset(checksums), takes_more=takes_more)
            address = ""
        else:
            takes_more = takes_more or _begins_list(line)
            checksums.update(each for each in quoted if each.startswith(("h1:", "zh:")))


def _begins_list(line: str) -> bool:
    return line.replace(" ", "").strip() == "hashes=["
