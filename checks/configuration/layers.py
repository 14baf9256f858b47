"""Order root modules in layers: those that others build on come first, and independent ones run in parallel."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from checks.configuration import Configuration, RootModule
from checks.configuration.file_facts import RemoteState, Values
from checks.configuration.repository_paths import below
from checks.errors import ConfigurationError

_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "azurerm": ("key", "container_name", "storage_account_name"),
    "consul": ("path", "address"),
    "cos": ("key", "prefix", "bucket"),
    "gcs": ("prefix", "bucket"),
    "http": ("address",),
    "kubernetes": ("secret_suffix", "namespace"),
    "local": ("path",),
    "oss": ("key", "prefix", "bucket"),
    "pg": ("schema_name", "conn_str"),
    "remote": ("workspaces.name", "organization", "hostname"),
    "s3": ("key", "bucket"),
}
"""The settings of each backend type that locate a state.

A `terraform_remote_state` counts as a read of a root module's state under two conditions. The first setting must be
known on both sides and equal. Each other setting must be equal if it is known on both sides.

https://developer.hashicorp.com/terraform/language/backend
"""


def dependencies(
    configuration: Configuration,
    depends_on: Mapping[str, Sequence[str]] | None = None,
    backends: Mapping[str, Values] | None = None,
) -> Mapping[str, frozenset[str]]:
    """The root modules that each root module builds on directly: by reading their state, or by `depends_on`.

    A read is matched by the backend's type and its literal values. `backends` has the values from a root module's
    `-backend-config` files, which override those in its block. Directories that are not root modules are left out. So
    are reads that contradict `depends_on`: if two root modules read each other's state, `depends_on` says which one
    comes first.
    """
    roots = configuration.by_dir
    places = _Places(configuration.root_modules, backends or {})
    said = {root.dir: frozenset((depends_on or {}).get(root.dir, ())) & roots.keys() for root in roots.values()}
    found: dict[str, frozenset[str]] = {}
    for root in configuration.root_modules:
        read = {directory for state in root.remote_states for directory in places.read_by(root, state)}
        against = {directory for directory in read if root.dir in _paths_to(said, directory, {root.dir})}
        found[root.dir] = said[root.dir] | (read - against - {root.dir})
    return found


def layers(
    configuration: Configuration,
    dirs: Iterable[str],
    depends_on: Mapping[str, Sequence[str]] | None = None,
    backends: Mapping[str, Values] | None = None,
) -> tuple[tuple[str, ...], ...]:
    """These root modules in layers: each builds, directly or indirectly, only on members of earlier layers.

    Raises ConfigurationError, naming the cycle, if some of them form one. A cycle that contains only one of `dirs` is
    ignored.
    """
    wanted = frozenset(dirs)
    graph = dependencies(configuration, depends_on, backends)
    paths = {directory: _paths_to(graph, directory, wanted) for directory in sorted(wanted)}
    levels: dict[str, int] = {}
    for directory in _lowest_first(paths):
        levels[directory] = max((levels[other] + 1 for other in paths[directory]), default=0)
    by_level: dict[int, list[str]] = {}
    for directory in sorted(wanted):
        by_level.setdefault(levels[directory], []).append(directory)
    return tuple(tuple(by_level[level]) for level in sorted(by_level))


_Paths = Mapping[str, tuple[str, ...]]
"""The directories that one directory builds on. Each has the chain of directories that leads to it, itself last."""


def _paths_to(graph: Mapping[str, frozenset[str]], start: str, wanted: Collection[str]) -> _Paths:
    """The wanted directories that `start` builds on, directly or through others that are not wanted."""
    found: dict[str, tuple[str, ...]] = {}
    seen = {start}
    pending: deque[tuple[str, tuple[str, ...]]] = deque([(start, ())])
    while pending:
        directory, way = pending.popleft()
        for other in sorted(graph.get(directory, ())):
            if other in wanted:
                if other != start or not way:
                    found.setdefault(other, (*way, other))
            elif other not in seen:
                seen.add(other)
                pending.append((other, (*way, other)))
    return found


def _lowest_first(paths: Mapping[str, _Paths]) -> Iterator[str]:
    """All directories, each after the directories that it builds on."""
    done: set[str] = set()
    for start in paths:
        trail: list[tuple[str, Iterator[str]]] = [] if start in done else [(start, iter(paths[start]))]
        on_trail = [start]
        while trail:
            directory, rest = trail[-1]
            following = next((other for other in rest if other not in done), None)
            if following is None:
                trail.pop()
                on_trail.pop()
                done.add(directory)
                yield directory
            elif following in on_trail:
                cycle = [*on_trail[on_trail.index(following) :], following]
                steps = [step for one, other in pairwise(cycle) for step in paths[one][other]]
                raise ConfigurationError(
                    f"root modules depend on each other in a circle: {' -> '.join([following, *steps])}; "
                    "use depends_on in .github/planward.yml to say which of them comes first"
                )
            else:
                trail.append((following, iter(paths[following])))
                on_trail.append(following)


class _Places:
    """The locations of the root modules' states, for finding the one that a `terraform_remote_state` reads."""

    def __init__(self, roots: Iterable[RootModule], backends: Mapping[str, Values]) -> None:
        self._found: dict[tuple[str, str], list[tuple[str, Values]]] = {}
        for root in roots:
            if root.backend is not None:
                values = {**root.backend.values, **backends.get(root.dir, {})}
                type_, place = _place(root.backend.type, values, root.dir)
                if place:
                    self._found.setdefault((type_, place[_PLACES[type_][0]]), []).append((root.dir, place))

    def read_by(self, reader: RootModule, state: RemoteState) -> Iterator[str]:
        """The root modules whose state this data source reads."""
        type_, place = _place(state.backend or "", state.values, reader.dir)
        if place:
            for directory, other in self._found.get((type_, place[_PLACES[type_][0]]), ()):
                if all(other[name] == value for name, value in place.items() if name in other):
                    yield directory


def _place(type_: str, values: Values, directory: str) -> tuple[str, Values]:
    """The settings that locate a state, under uniform names; empty if the first setting is unknown."""
    type_ = "remote" if type_ == "cloud" else type_
    flat = {name: value for name, value in values.items() if isinstance(value, str)}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": text for inner, text in value.items() if isinstance(text, str)}
    if type_ == "local":
        flat["path"] = below(directory, flat.get("path", "terraform.tfstate"))
    names = _PLACES.get(type_, ())
    return type_, {name: flat[name] for name in names if name in flat} if names and names[0] in flat else {}
