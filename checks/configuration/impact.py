"""Which root modules are affected by changed paths, and why, as text."""

import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from checks.configuration import Configuration, RootModule
from checks.configuration.changed_paths import Changes, is_own_file
from checks.configuration.file_facts import Reference
from checks.configuration.module import is_terraform_file
from checks.configuration.repository_paths import TOP, below, follow, leaves


@dataclass(frozen=True, kw_only=True)
class Touched:
    """The root modules that a change affects.

    `root_modules` are directories, each with the first reason found. `deleted` are root modules of the base that no
    longer exist and leave their state behind.
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
    watch: Mapping[str, Collection[str] | None] | None = None,
    base: Configuration | None = None,
) -> Touched:
    """The root modules that are affected by created, changed or deleted paths.

    A root module is affected by a change to any of these:

    - its own configuration and lock file, and the variable files that Terraform reads automatically
    - the configuration of a local module that it calls at any depth
    - its `extra` files (variables and backends of environments)
    - paths that its files name, literally or by a literal prefix
    - a symlink on any of these paths, and its target
    - paths that match its `watch` patterns
    - if one of its files reads others by names that Terraform computes: every file in and below the directory that the
      names are relative to, except Markdown, hidden files and directories, and subdirectories with configuration
    - if such a name can lead out of that directory and there is no `watch`: every file of the repository, with the
      same exceptions

    A root module with an unread file (too large, or too slow to read) is affected by every change, since nobody knows
    which files it uses.
    """
    changes = Changes(changed_paths, configuration)
    found: list[tuple[str, str]] = []
    for root in configuration.root_modules:
        patterns = (watch or {}).get(root.dir)
        reason = _reason(root, changes, (extra or {}).get(root.dir, ()), patterns) if changes.paths else None
        if reason is not None:
            found.append((root.dir, reason))
    before = base.by_dir if base is not None else {}
    return Touched(
        root_modules=tuple(found),
        deleted=tuple(sorted(directory for directory in before if directory not in configuration.by_dir)),
    )


def read_by(
    configuration: Configuration,
    root_module: str,
    paths: Collection[str],
    *,
    extra: Collection[str] = (),
    watch: Collection[str] | None = None,
) -> tuple[str, ...]:
    """The members of `paths` that a root module reads or may read: a change to any of them would affect it."""
    root = configuration.by_dir[root_module]
    each = ((path, Changes((path,), configuration)) for path in paths)
    return tuple(path for path, change in each if _reason(root, change, extra, watch) is not None)


def _reason(root: RootModule, changes: Changes, extra: Collection[str], watch: Collection[str] | None) -> str | None:
    for reasons in (
        _own(root, changes),
        _extra(changes, extra),
        _modules(root, changes),
        _unread(root),
        _watched(changes, watch),
        _named(root, changes, is_watched=watch is not None),
    ):
        for reason in reasons:
            return reason
    return None


def _own(root: RootModule, changes: Changes) -> Iterator[str]:
    for path in changes.directly_in(root.dir):
        if is_own_file(path):
            yield f"its own file {path}"
    yield from changes.linked_files_in(root.dir)
    above = changes.at_or_above(root.dir)
    if above is not None:
        yield f"its own directory {above}"


def _extra(changes: Changes, extra: Collection[str]) -> Iterator[str]:
    for path in extra:
        changed = changes.on_the_way_to(posixpath.normpath(path))
        if changed is not None:
            yield f"{changed}, which it is configured with"


def _modules(root: RootModule, changes: Changes) -> Iterator[str]:
    for directory, passed in sorted(root.uses.items()):
        by_link = next((link for link in passed if link in changes.paths), None)
        changed = any(is_terraform_file(path) for path in changes.directly_in(directory))
        if changed or by_link or changes.at_or_above(directory):
            yield f"module {directory}, which it calls"
        for reason in changes.linked_files_in(directory):
            yield f"module {directory}, which it calls: {reason}"


def _unread(root: RootModule) -> Iterator[str]:
    for path in root.unread:
        yield f"{path} was not read, so what it uses is unknown"


def _watched(changes: Changes, watch: Collection[str] | None) -> Iterator[str]:
    for pattern in watch or ():
        changed = changes.watched(pattern)
        if changed is not None:
            yield f"{changed}, which it watches"


def _named(root: RootModule, changes: Changes, *, is_watched: bool) -> Iterator[str]:
    for directory in (root.dir, *sorted(root.module_dirs - {root.dir})):
        module = root.modules.get(directory)
        for path, facts in module.files if module else ():
            for reference in facts.references:
                changed = _matches(reference, root.dir if reference.from_root else directory, changes)
                if changed is not None:
                    yield f"{changed}, which {path} reads"
                elif reference.anywhere and not is_watched:
                    around = changes.readable_around(root.dir)
                    if around is not None:
                        yield f"{around}, which {path} may read by a path that Terraform works out"


def _matches(reference: Reference, directory: str, changes: Changes) -> str | None:
    if not reference.path:
        return changes.readable_below(directory)
    target, passed = follow(below(directory, reference.path), changes.links)
    if leaves(target):
        return None
    by_link = next((link for link in passed if link in changes.paths), None)
    if by_link is not None:
        return by_link
    if not reference.prefix:
        return changes.at_or_above(target) or changes.beginning_with("" if target == TOP else f"{target}/")
    start = f"{target}/" if reference.path.endswith("/") else target
    return changes.beginning_with("" if target == TOP else start)
