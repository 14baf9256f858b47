"""In which order root modules are run: those that others build on first, independent ones side by side."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from checks.configuration import Configuration, RootModule
from checks.errors import ConfigurationError
from checks.file_facts import RemoteState, Values
from checks.repository_paths import below

_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "s3": ("key", "bucket"),
    "gcs": ("prefix", "bucket"),
    "azurerm": ("key", "container_name", "storage_account_name"),
    "http": ("address",),
    "consul": ("path", "address"),
    "kubernetes": ("secret_suffix", "namespace"),
    "pg": ("schema_name", "conn_str"),
    "oss": ("key", "prefix", "bucket"),
    "cos": ("key", "prefix", "bucket"),
    "remote": ("workspaces.name", "workspaces.prefix", "organization", "hostname"),
}
"""The attributes of each backend that say where a state lies. https://developer.hashicorp.com/terraform/language/backend"""


def dependencies(
    configuration: Configuration,
    depends_on: Mapping[str, Sequence[str]] | None = None,
    backends: Mapping[str, Values] | None = None,
) -> Mapping[str, frozenset[str]]:
    """The root modules that each root module builds on directly: whose state it reads, or as `depends_on` says.

    A read is matched by the backend's type and its literal values; `backends` holds those that a root module gets from
    `-backend-config` files, over the ones in its block. Directories that are no root modules are left out.
    """
    roots = configuration.by_dir
    places = [
        (root.dir, place) for root in configuration.root_modules for place in [_place(root, backends or {})] if place
    ]
    found: dict[str, frozenset[str]] = {}
    for root in configuration.root_modules:
        named = {directory for directory in (depends_on or {}).get(root.dir, ()) if directory in roots}
        read = {directory for state in root.remote_states for directory in _read_from(state, root, places)}
        found[root.dir] = frozenset(named | (read - {root.dir}))
    return found


def layers(
    configuration: Configuration,
    dirs: Iterable[str],
    depends_on: Mapping[str, Sequence[str]] | None = None,
    backends: Mapping[str, Values] | None = None,
) -> tuple[tuple[str, ...], ...]:
    """These root modules in layers: each builds, also through others, only on those in layers before its own.

    Raises ConfigurationError, naming the cycle, where root modules build on each other in a circle.
    """
    wanted = frozenset(dirs)
    graph = dependencies(configuration, depends_on, backends)
    levels: dict[str, int] = {}
    for directory in _lowest_first(graph, sorted(wanted)):
        below_it = [levels[other] + (other in wanted) for other in graph.get(directory, ())]
        levels[directory] = max(below_it, default=0)
    by_level: dict[int, list[str]] = {}
    for directory in sorted(wanted):
        by_level.setdefault(levels[directory], []).append(directory)
    return tuple(tuple(by_level[level]) for level in sorted(by_level))


def _lowest_first(graph: Mapping[str, frozenset[str]], wanted: Sequence[str]) -> Iterator[str]:
    """The wanted directories and all that they build on, each after what it builds on."""
    done: set[str] = set()
    for start in wanted:
        way: list[tuple[str, Iterator[str]]] = [] if start in done else [(start, iter(sorted(graph.get(start, ()))))]
        on_way = [start]
        while way:
            directory, rest = way[-1]
            following = next((other for other in rest if other not in done), None)
            if following is None:
                way.pop()
                on_way.pop()
                done.add(directory)
                yield directory
            elif following in on_way:
                cycle = [*on_way[on_way.index(following) :], following]
                raise ConfigurationError(f"root modules depend on each other in a circle: {' -> '.join(cycle)}")
            else:
                way.append((following, iter(sorted(graph.get(following, ())))))
                on_way.append(following)


def _place(root: RootModule, backends: Mapping[str, Values]) -> tuple[str, Values] | None:
    if root.backend is None:
        return None
    values = {**root.backend.values, **backends.get(root.dir, {})}
    return _normal(root.backend.type, values, root.dir)


def _normal(type_: str, values: Values, directory: str) -> tuple[str, Values]:
    """A backend with its values in one form: HCP Terraform has two names, a local path depends on the directory."""
    flat: dict[str, Any] = {name: value for name, value in values.items() if not isinstance(value, dict)}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": inner_value for inner, inner_value in value.items()}
    if type_ == "local":
        flat["path"] = below(directory, str(flat.get("path", "terraform.tfstate")))
    return ("remote" if type_ == "cloud" else type_), flat


def _read_from(
    state: RemoteState, reader: RootModule, places: Iterable[tuple[str, tuple[str, Values]]]
) -> Iterator[str]:
    if state.backend is None:
        return
    type_, values = _normal(state.backend, state.values, reader.dir)
    for directory, (other_type, other) in places:
        if type_ == other_type and _same_place(type_, values, other):
            yield directory


def _same_place(type_: str, read: Values, written: Values) -> bool:
    """Whether what says where a state lies is equal as far as both say it, and the first of it is said by both."""
    names = ("path",) if type_ == "local" else _PLACES.get(type_, ())
    known = [name for name in names if name in read and name in written]
    return bool(known) and known[0] in names[:2] and all(read[name] == written[name] for name in known)
