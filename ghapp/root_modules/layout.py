"""Configure all root modules of a repository for each environment, and find those that would share a state."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from checks.configuration import Configuration, RootModule
from ghapp.repository_config import Environment, RepositoryConfig, RootModuleConfig
from ghapp.root_modules.settings import RootModuleSettings, Tree, configure_root_module
from ghapp.root_modules.state import StateLocation, literal_values, locate, lost_state_cause
from ghapp.root_modules.version_files import read_pins, version_files
from ghapp.values import TESTING, EnvironmentName

Layout = Mapping[EnvironmentName, tuple[RootModuleSettings, ...]]


def files_to_read(config: RepositoryConfig, configuration: Configuration, *, paths: Collection[str]) -> frozenset[str]:
    """The files whose contents `configure_root_modules` needs, after following symlinks.

    Those are the existing backend files of all environments, and files that pin the engine's version.
    """
    tree = Tree(paths=frozenset(paths), links=configuration.links)
    found = _configure_all(config, configuration, branches={}, tree=tree)
    named = {file for settings in found.values() for each in settings for file in each.backend_config}
    real_files = frozenset(real for file in named if (real := tree.real(file)) is not None)
    return real_files | version_files([root_module.dir for root_module in configuration.root_modules], tree)


def configure_root_modules(
    config: RepositoryConfig,
    configuration: Configuration,
    *,
    branches: Mapping[EnvironmentName, str] | None = None,
    paths: Collection[str],
    contents: Mapping[str, bytes],
) -> Layout:
    """Configure all root modules for every environment, in the order in which they were found.

    `branches` maps environments to values of `{branch}`; the default is the environment's own branch, and "testing"
    for testing. `paths` are the files of the commit, and `contents` the contents of the files that `files_to_read`
    returns. A mistake in a root module becomes the `cause` in its settings. If two environments or two root modules
    share a state, both get a `cause`.
    """
    tree = Tree(paths=frozenset(paths), links=configuration.links)
    configured = _configure_all(config, configuration, branches=branches or {}, tree=tree)
    pins = {each.dir: read_pins(each.dir, tree, contents) for each in configuration.root_modules}
    locations: dict[tuple[EnvironmentName, str], StateLocation] = {}
    layout: dict[EnvironmentName, tuple[RootModuleSettings, ...]] = {}
    for name, all_settings in configured.items():
        checked: list[RootModuleSettings] = []
        for root_module, settings in zip(configuration.root_modules, all_settings, strict=True):
            reals = (tree.real(file) for file in settings.backend_config)
            files = [contents[real] for real in reals if real is not None]
            cause = lost_state_cause(root_module.dir, name, root_module.backend, files, settings.workspace)
            values = literal_values(root_module.backend, files)
            identity: str | None = None
            if root_module.backend is not None and cause is None and settings.settings_cause is None:
                location = locate(root_module.backend, files, settings.workspace)
                locations[name, root_module.dir] = location
                identity = location.identity
            checked.append(
                replace(
                    settings,
                    lost_state_cause=cause,
                    backend_values=values,
                    pins=pins[root_module.dir],
                    state_identity=identity,
                )
            )
        layout[name] = tuple(checked)
    # With `plan: never`, nothing runs in testing, so no state can be shared with it.
    unused = TESTING if config.testing.plan == "never" else None
    used = {one: location for one, location in locations.items() if one[0] != unused}
    shared = _shared_states(configuration.by_dir, used)
    return {
        name: tuple(replace(each, shared_state_cause=shared.get((name, each.dir))) for each in members)
        for name, members in layout.items()
    }


def reconfigured(before: Collection[RootModuleSettings], after: Collection[RootModuleSettings]) -> tuple[str, ...]:
    """The root modules that a change of Planward's config affects: new ones, and those that run differently."""
    known = {(each.environment, each.dir): each for each in before}
    changed = (each.dir for each in after if known.get((each.environment, each.dir)) != each)
    return tuple(dict.fromkeys(changed))


def _configure_all(
    config: RepositoryConfig,
    configuration: Configuration,
    *,
    branches: Mapping[EnvironmentName, str],
    tree: Tree,
) -> dict[EnvironmentName, tuple[RootModuleSettings, ...]]:
    configured = {entry.dir: entry for entry in config.root_modules or ()}

    def configure(environment: Environment) -> tuple[RootModuleSettings, ...]:
        branch = branches.get(environment.name)
        return tuple(
            configure_root_module(config, root_module, entry, environment, branch=branch, tree=tree)
            for root_module in configuration.root_modules
            for entry in [configured.get(root_module.dir) or RootModuleConfig(dir=root_module.dir)]
        )

    return {environment.name: configure(environment) for environment in config.environments.values()}


def _shared_states(
    root_modules: Mapping[str, RootModule], locations: Mapping[tuple[EnvironmentName, str], StateLocation]
) -> dict[tuple[EnvironmentName, str], str]:
    """Why each root module that shares its state with another environment or root module must not run."""
    groups: dict[str, list[tuple[EnvironmentName, str]]] = {}
    for one, location in locations.items():
        for key in _keys(one[1], location):
            groups.setdefault(key, []).append(one)
    causes: dict[tuple[EnvironmentName, str], str] = {}
    for one, location in locations.items():
        group = next((groups[key] for key in _keys(one[1], location) if len(groups[key]) > 1), None)
        if group is not None:
            first, second = (group[0], one) if one != group[0] else (one, group[1])
            causes[one] = _describe_sharing(root_modules, first, second, len(group) - 2, location)
    return causes


def _keys(directory: str, location: StateLocation) -> tuple[str, ...]:
    """The keys by which locations are compared: one within a root module, and one across all root modules.

    Only a location that `is_certain` has the second key.
    """
    own = f"{directory}\0{location.identity}"
    return (own, location.identity) if location.is_certain else (own,)


def _describe_sharing(
    root_modules: Mapping[str, RootModule],
    first: tuple[EnvironmentName, str],
    second: tuple[EnvironmentName, str],
    others: int,
    location: StateLocation,
) -> str:
    """Say what is wrong, where, and what to do."""
    more = f" (and {others} more)" if others else ""
    (environment, directory), (other_environment, other) = first, second
    if directory == other:
        return (
            f"{directory} ({_place(root_modules[directory])}): {environment} and {other_environment}{more} would share "
            f"its state: {location.words}; give each its own workspace or backend_config"
        )
    return (
        f"{directory} in {environment} ({_place(root_modules[directory])}) and {other} in {other_environment} "
        f"({_place(root_modules[other])}){more} would share a state: {location.words}; give each its own"
    )


def _place(root_module: RootModule) -> str:
    backend = root_module.backend
    assert backend is not None
    return f"{backend.path}:{backend.line}"
