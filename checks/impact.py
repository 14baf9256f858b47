"""Which root modules a change of paths touches, and why, in words."""

import posixpath
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from checks.configuration import Configuration, RootModule
from checks.file_facts import Reference
from checks.module import is_terraform_file
from checks.repository_paths import TOP, below, directory_of, follow, leaves

LOCK_FILE = ".terraform.lock.hcl"


@dataclass(frozen=True, kw_only=True)
class Touched:
    """What a change touches.

    `root_modules` are directories, each with the first reason; `deleted` are the root modules of the base that are
    none any more, whose state is left behind.
    """

    root_modules: tuple[tuple[str, str], ...]
    deleted: tuple[str, ...]

    @property
    def dirs(self) -> tuple[str, ...]:
        return tuple(directory for directory, _ in self.root_modules)


def touched(
    configuration: Configuration,
    changed_paths: Collection[str],
    *,
    extra: Mapping[str, Collection[str]] | None = None,
    base: Configuration | None = None,
) -> Touched:
    """The root modules that a change of paths (created, changed and deleted ones alike) touches.

    A root module is touched by its own configuration, automatic variable and lock files; by the configuration of a
    local module that it calls at any depth; by its `extra` files (variables and backends of environments); by what
    its files name, literally or by the literal beginning of a name; by a symlink on the way to any of these and by
    the symlink's target. Where a file reads others by names that Terraform works out, every file below its directory
    counts up to the next directory with configuration, except Markdown and hidden ones. A root module that could not
    be read counts as touched by every change: what it uses is unknown.
    """
    changes = _Changes(changed_paths, configuration)
    found: list[tuple[str, str]] = []
    for root in configuration.root_modules:
        reason = _reason(root, changes, (extra or {}).get(root.dir, ())) if changes.paths else None
        if reason is not None:
            found.append((root.dir, reason))
    before = base.by_dir if base is not None else {}
    return Touched(
        root_modules=tuple(found),
        deleted=tuple(sorted(directory for directory in before if directory not in configuration.by_dir)),
    )


class _Changes:
    """The changed paths, ready to be asked many times."""

    def __init__(self, paths: Collection[str], configuration: Configuration) -> None:
        self.paths = frozenset(paths)
        self._ordered = sorted(self.paths)
        self._configuration = configuration
        self._by_dir: dict[str, list[str]] = {}
        for path in self._ordered:
            self._by_dir.setdefault(directory_of(path), []).append(path)

    def directly_in(self, directory: str) -> list[str]:
        return self._by_dir.get(directory, [])

    def at_or_above(self, path: str) -> str | None:
        """A changed path that is the path itself or holds it: a file, or a directory that is a submodule or symlink."""
        while path and path != TOP:
            if path in self.paths:
                return path
            path = posixpath.dirname(path)
        return None

    def beginning_with(self, start: str) -> str | None:
        at = bisect_left(self._ordered, start)
        return self._ordered[at] if at < len(self._ordered) and self._ordered[at].startswith(start) else None

    @cached_property
    def _readable(self) -> Mapping[str, str]:
        """For each directory the first changed file that a configuration there could read by a worked out name."""
        found: dict[str, str] = {}
        for path in self._ordered:
            if path.endswith(".md") or any(part.startswith(".") for part in path.split("/")):
                continue
            directory = directory_of(path)
            while True:
                found.setdefault(directory, path)
                if directory == TOP or directory in self._configuration.modules:
                    break
                directory = directory_of(directory)
        return found

    def readable_below(self, directory: str) -> str | None:
        return self._readable.get(directory)


def _reason(root: RootModule, changes: _Changes, extra: Collection[str]) -> str | None:
    for reasons in (
        _own(root, changes),
        _extra(changes, extra),
        _modules(root, changes),
        _unread(root),
        _named(root, changes),
    ):
        for reason in reasons:
            return reason
    return None


def _own(root: RootModule, changes: _Changes) -> Iterator[str]:
    for path in changes.directly_in(root.dir):
        if _is_own(path):
            yield f"its own file {path}"
    yield from _through_links(root, root.dir, changes)
    above = changes.at_or_above(root.dir)
    if above is not None:
        yield f"its own directory {above}"


def _is_own(path: str) -> bool:
    name = posixpath.basename(path)
    return (
        is_terraform_file(path)
        or name in (LOCK_FILE, "terraform.tfvars", "terraform.tfvars.json")
        or name.endswith((".auto.tfvars", ".auto.tfvars.json"))
    )


def _through_links(root: RootModule, directory: str, changes: _Changes) -> Iterator[str]:
    """Configuration files of a directory that are symlinks, and changed where they lead."""
    module = root.modules.get(directory)
    if module is None or not module.links:
        return
    for path, _ in module.files:
        if path in module.links:
            target, passed = follow(path, module.links)
            for changed in (target, *passed):
                if changed in changes.paths:
                    yield f"{changed}, to which {path} is a symlink"


def _extra(changes: _Changes, extra: Collection[str]) -> Iterator[str]:
    for path in extra:
        if posixpath.normpath(path) in changes.paths:
            yield f"{posixpath.normpath(path)}, which it is configured with"


def _modules(root: RootModule, changes: _Changes) -> Iterator[str]:
    for directory, passed in sorted(root.uses.items()):
        by_link = next((link for link in passed if link in changes.paths), None)
        changed = any(is_terraform_file(path) for path in changes.directly_in(directory))
        if changed or by_link or changes.at_or_above(directory):
            yield f"module {directory}, which it calls"
        for reason in _through_links(root, directory, changes):
            yield f"module {directory}, which it calls: {reason}"


def _unread(root: RootModule) -> Iterator[str]:
    for problem in root.problems:
        yield f"{problem.path} could not be read (line {problem.line}), so what it uses is unknown"


def _named(root: RootModule, changes: _Changes) -> Iterator[str]:
    for directory in (root.dir, *sorted(root.module_dirs - {root.dir})):
        module = root.modules.get(directory)
        for path, facts in module.files if module else ():
            for reference in facts.references:
                changed = _matches(reference, root.dir if reference.from_root else directory, root, changes)
                if changed is not None:
                    yield f"{changed}, which {path} reads"


def _matches(reference: Reference, directory: str, root: RootModule, changes: _Changes) -> str | None:
    if not reference.path:
        return changes.readable_below(directory)
    written = below(directory, reference.path)
    target, passed = follow(written, root.modules[root.dir].links)
    if leaves(target):
        return None
    for link in passed:
        if link in changes.paths:
            return link
    if not reference.prefix:
        return changes.at_or_above(target) or changes.beginning_with(f"{target}/")
    start = f"{target}/" if reference.path.endswith("/") else target
    return changes.beginning_with("" if target == TOP else start)
