"""Objects and refs of a bare repository, read and written without starting git.

It reads loose objects and loose refs only. For everything else (packed objects, packed refs, long histories), it
raises `Unread`, and the caller asks git.

https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

TREE_MODE = "40000"
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_SHA = re.compile(r"[0-9a-f]{40}")
_REF = re.compile(r"refs(/(?![.])[\w.+-]+(?<![.])(?<!\.lock))+", re.ASCII)
_PERSON = re.compile(r"(?P<name>[^<>\n]*) <(?P<email>[^<>\n]*)> (?P<seconds>\d+) (?P<zone>[+-]\d{4})")
_CRUD = "".join(map(chr, range(33))) + ".,:;<>\"\\'"
"""What git removes from both ends of a name and an address."""
_MOST_KEPT = 2_000
_MOST_KEPT_BYTES = 65_536
_MOST_WALKED = 500


class Unread(Exception):
    """Only git can answer this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    name: str
    email: str
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry of a tree: a file, a symlink, a submodule or, with TREE_MODE, a directory."""

    mode: str
    sha: str


class Objects:
    """The object store and the refs of one bare repository. Every method but the constructor may raise Unread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._commits: dict[str, Commit] = {}
        self._counts: dict[str, int] = {}

    # -- objects -------------------------------------------------------------------------------------------------------

    def read(self, sha: str, kind: str) -> bytes:
        """Return the content of an object of this kind."""
        kept = self._kept.get(sha)
        if kept is None:
            if _SHA.fullmatch(sha) is None:
                raise Unread(sha)
            try:
                raw = zlib.decompress(self._place(sha).read_bytes())
            except (OSError, zlib.error):
                raise Unread(sha) from None
            head, _, content = raw.partition(b"\0")
            kept = (head.split(b" ")[0].decode(), content)
            self._keep(sha, *kept)
        if kept[0] != kind:
            raise Unread(sha)
        return kept[1]

    def write(self, kind: str, content: bytes) -> str:
        """Write an object and return its id."""
        raw = b"%s %d\0%s" % (kind.encode(), len(content), content)
        sha = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
        place = self._place(sha)
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            half = place.parent / f"tmp_obj_{secrets.token_hex(8)}"
            half.write_bytes(zlib.compress(raw, 1))
            half.chmod(0o444)
            half.rename(place)
        self._keep(sha, kind, content)
        return sha

    def _place(self, sha: str) -> Path:
        return self._path / "objects" / sha[:2] / sha[2:]

    def _keep(self, sha: str, kind: str, content: bytes) -> None:
        if kind != "blob" and len(content) < _MOST_KEPT_BYTES:
            self._kept[sha] = (kind, content)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)

    # -- trees ---------------------------------------------------------------------------------------------------------

    def tree(self, sha: str) -> dict[bytes, Leaf]:
        """Return the entries of one directory, in git's order."""
        if sha == EMPTY_TREE:
            return {}
        content, at = self.read(sha, "tree"), 0
        entries: dict[bytes, Leaf] = {}
        while at < len(content):
            end = content.index(b"\0", at)
            mode, _, name = content[at:end].partition(b" ")
            at = end + 21
            entries[name] = Leaf(mode.decode(), content[end + 1 : at].hex())
        return entries

    def write_tree(self, entries: Mapping[bytes, Leaf]) -> str:
        ordered = sorted(entries.items(), key=lambda item: item[0] + (b"/" if item[1].mode == TREE_MODE else b""))
        return self.write(
            "tree", b"".join(b"%s %s\0%s" % (e.mode.encode(), name, bytes.fromhex(e.sha)) for name, e in ordered)
        )

    def changed_tree(self, tree: str | None, changes: Iterable[tuple[bytes, Leaf | None]]) -> str | None:
        """Return the tree after these changes, applied in their order, or None if nothing is left in it.

        A change is a path and its new entry. The entry is None if the path is to be deleted.
        """
        entries = {} if tree is None else self.tree(tree)
        below: dict[bytes, list[tuple[bytes, Leaf | None]]] = {}
        for path, leaf in changes:
            name, slash, rest = path.partition(b"/")
            if not name or (slash and not rest) or name in (b".", b".."):
                raise Unread(path)
            if slash:
                below.setdefault(name, []).append((rest, leaf))
                continue
            below.pop(name, None)
            if leaf is None:
                entries.pop(name, None)
            else:
                entries[name] = leaf
        for name, inner in below.items():
            before = entries.get(name)
            was_tree = before is not None and before.mode == TREE_MODE
            after = self.changed_tree(before.sha if before is not None and was_tree else None, inner)
            if after is not None:
                entries[name] = Leaf(TREE_MODE, after)
            elif was_tree:
                del entries[name]
        return self.write_tree(entries) if entries else None

    def find(self, tree: str, path: str) -> Leaf | None:
        """Return the entry of a path."""
        found: Leaf | None = Leaf(TREE_MODE, tree)
        for name in path.encode().split(b"/"):
            if not name or name in (b".", b".."):
                raise Unread(path)
            if found is None or found.mode != TREE_MODE:
                return None
            found = self.tree(found.sha).get(name)
        return found

    def changes(self, before: str, after: str, prefix: bytes = b"") -> list[tuple[str, bytes]]:
        """Return (status, path) of each changed file, sorted by path. Status: `added`, `removed` or `modified`."""
        if before == after:
            return []
        old, new = self.tree(before), self.tree(after)
        found: list[tuple[str, bytes]] = []
        for name in sorted(old.keys() | new.keys()):
            was, now, path = old.get(name), new.get(name), prefix + name
            if was == now:
                continue
            if was is not None and now is not None and was.mode == now.mode == TREE_MODE:
                found += self.changes(was.sha, now.sha, path + b"/")
            elif was is not None and now is not None and TREE_MODE not in (was.mode, now.mode):
                found.append(("modified", path))
            else:
                found += [("removed", each) for each in self._files(was, path)]
                found += [("added", each) for each in self._files(now, path)]
        return sorted(found, key=lambda change: change[1])

    def count_files(self, tree: str) -> int:
        """Return the number of files of a tree. The number is cached, since many trees contain the same subtree."""
        if tree not in self._counts:
            self._counts[tree] = sum(
                self.count_files(entry.sha) if entry.mode == TREE_MODE else 1 for entry in self.tree(tree).values()
            )
        return self._counts[tree]

    def _files(self, entry: Leaf | None, path: bytes) -> list[bytes]:
        if entry is None:
            return []
        if entry.mode != TREE_MODE:
            return [path]
        return [each for name, below in self.tree(entry.sha).items() for each in self._files(below, path + b"/" + name)]

    # -- commits -------------------------------------------------------------------------------------------------------

    def commit(self, sha: str) -> Commit:
        found = self._commits.get(sha)
        if found is None:
            found = self._commits[sha] = _read_commit(sha, self.read(sha, "commit"))
        return found

    def write_commit(
        self, tree: str, parents: Iterable[str], message: str, *, author: Signature, committer: Signature
    ) -> str:
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in dict.fromkeys(parents))]
        lines += [f"author {written(author)}", f"committer {written(committer)}", "", message]
        return self.write("commit", "\n".join(lines).encode())

    def ancestors(self, sha: str) -> set[str]:
        """Return a commit and all its ancestors."""
        found, rest = {sha}, [sha]
        while rest:
            for parent in self.commit(rest.pop()).parents:
                if parent not in found:
                    found.add(parent)
                    rest.append(parent)
            if len(found) > _MOST_WALKED:
                raise Unread(sha)
        return found

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        self.commit(ancestor)
        return ancestor in self.ancestors(descendant)

    def merge_base(self, a: str, b: str) -> str | None:
        common = self.ancestors(a) & self.ancestors(b)
        best = common - {parent for each in common for parent in self.commit(each).parents}
        if len(best) > 1:
            raise Unread(a)
        return best.pop() if best else None

    def between(self, tips: Iterable[str], excluded: Iterable[str]) -> set[str]:
        """Return the commits that the tips reach and the excluded ones do not."""
        found = set().union(*map(self.ancestors, tips))
        return found.difference(*map(self.ancestors, excluded))

    def chain(self, tip: str, excluded: Iterable[str]) -> list[str]:
        """Return `between` for one tip, newest first. Raises Unread if a commit has two parents among them."""
        left = self.between([tip], excluded)
        found: list[str] = []
        at: str | None = tip if tip in left else None
        while at is not None:
            found.append(at)
            parents = [parent for parent in self.commit(at).parents if parent in left]
            if len(parents) > 1:
                raise Unread(tip)
            at = parents[0] if parents else None
        return found

    # -- refs ----------------------------------------------------------------------------------------------------------

    def ref(self, name: str) -> str | None:
        """Return the object that a ref names."""
        if not is_plain_ref(name):
            raise Unread(name)
        try:
            content = (self._path / name).read_text().strip()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            if (self._path / "packed-refs").exists():
                raise Unread(name) from None
            return None
        if _SHA.fullmatch(content) is None:
            raise Unread(name)
        return content

    def refs(self, prefix: str) -> dict[str, str]:
        """Return all refs below `prefix`, which ends with a slash, sorted by name."""
        if (self._path / "packed-refs").exists():
            raise Unread(prefix)
        found: dict[str, str] = {}
        for directory, _, files in os.walk(self._path / prefix):
            for file in files:
                name = f"{Path(directory).relative_to(self._path).as_posix()}/{file}"
                sha = None if file.endswith(".lock") else self.ref(name)
                if sha is not None:
                    found[name] = sha
        return dict(sorted(found.items()))

    def update_ref(self, name: str, sha: str) -> None:
        """Point a ref to a commit."""
        self.commit(sha)
        with self._lock(name) as lock:
            lock.write_text(f"{sha}\n")
            try:
                lock.rename(self._path / name)
            except OSError:
                raise Unread(name) from None

    def delete_ref(self, name: str) -> None:
        with self._lock(name):
            try:
                (self._path / name).unlink()
            except OSError:
                raise Unread(name) from None

    @contextlib.contextmanager
    def _lock(self, name: str) -> Iterator[Path]:
        """Hold the lock of a ref, as git does."""
        if not is_plain_ref(name) or (self._path / "packed-refs").exists():
            raise Unread(name)
        place = self._path / name
        lock = place.with_name(f"{place.name}.lock")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            lock.touch(exist_ok=False)
        except OSError:
            raise Unread(name) from None
        try:
            yield lock
        finally:
            lock.unlink(missing_ok=True)


def is_plain_ref(name: str) -> bool:
    """Whether this is a ref's name without unusual characters."""
    return _REF.fullmatch(name) is not None and ".." not in name


def written(signature: Signature) -> str:
    """Return a signature in the form in which git writes it into a commit."""
    name, email = (re.sub(r"[<>\n]", "", text).strip(_CRUD) for text in (signature.name, signature.email))
    if not name:
        raise Unread(signature.name)
    date = datetime.fromisoformat(signature.date)
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return f"{name} <{email}> {int(date.timestamp())} {date:%z}"


def _read_commit(sha: str, content: bytes) -> Commit:
    head, _, message = content.decode(errors="replace").partition("\n\n")
    facts: dict[str, list[str]] = {}
    for line in head.split("\n"):
        name, _, value = line.partition(" ")
        facts.setdefault(name, []).append(value)
    if "encoding" in facts:
        raise Unread(sha)
    return Commit(
        sha=sha,
        tree=facts["tree"][0],
        parents=tuple(facts.get("parent", ())),
        author=_read_signature(facts["author"][0]),
        committer=_read_signature(facts["committer"][0]),
        message=message.rstrip("\n"),
    )


def _read_signature(line: str) -> Signature:
    read = _PERSON.fullmatch(line)
    if read is None:
        raise Unread(line)
    zone = read["zone"]
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:])) * (-1 if zone[0] == "-" else 1)
    date = datetime.fromtimestamp(int(read["seconds"]), timezone(offset) if offset else UTC)
    return Signature(name=read["name"], email=read["email"], date=date.isoformat())
