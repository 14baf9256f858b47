"""All root modules of a repository in an environment, and the rule that no two of them share a state."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from checks.configuration import Configuration, RootModule
from ghapp.repository_config import CONFIG_PATH, ConfigInvalid, Environment, Problem, RepositoryConfig, RootModuleConfig
from ghapp.root_modules.settings import RootModuleSettings, Tree, settle
from ghapp.root_modules.state import StateLocation, literal_values, locate, lost_state_cause
from ghapp.root_modules.version_files import read_pins, version_files
from ghapp.values import EnvironmentName

Layout = Mapping[EnvironmentName, tuple[RootModuleSettings, ...]]


def files_to_read(config: RepositoryConfig, configuration: Configuration, *, paths: Collection[str]) -> frozenset[str]:
    """The files whose contents `configure_root_modules` needs, symlinks followed.

    Those are the backend files of all environments that exist, and files that pin the engine's version.
    """
    tree = Tree(paths=frozenset(paths), links=configuration.links)
    found = _settle_all(config, configuration, branches={}, tree=tree)
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
    """Lay out all root modules for every environment, in the order in which they were found.

    `branches` says what `{branch}` stands for where it is not the environment's own ("testing" for testing); `paths`
    are the files of the commit, `contents` those of `files_to_read`. Raises ConfigInvalid where two
    environments, or two root modules, come to the same state.
    """
    tree = Tree(paths=frozenset(paths), links=configuration.links)
    settled = _settle_all(config, configuration, branches=branches or {}, tree=tree)
    pins = {each.dir: read_pins(each.dir, tree, contents) for each in configuration.root_modules}
    locations: dict[tuple[EnvironmentName, str], StateLocation] = {}
    layout: dict[EnvironmentName, tuple[RootModuleSettings, ...]] = {}
    for name, all_settings in settled.items():
        judged: list[RootModuleSettings] = []
        for root_module, settings in zip(configuration.root_modules, all_settings, strict=True):
            reals = (tree.real(file) for file in settings.backend_config)
            files = [contents[real] for real in reals if real is not None]
            cause = lost_state_cause(root_module.dir, name, root_module.backend, files, settings.workspace)
            values = literal_values(root_module.backend, files)
            judged.append(replace(settings, lost_state_cause=cause, backend_values=values, pins=pins[root_module.dir]))
            if root_module.backend is not None and cause is None and settings.settings_cause is None:
                locations[name, root_module.dir] = locate(root_module.backend, files, settings.workspace)
        layout[name] = tuple(judged)
    problems = _shared_states(config, configuration.root_modules, locations)
    if problems:
        raise ConfigInvalid(problems)
    return layout


def reconfigured(before: Collection[RootModuleSettings], after: Collection[RootModuleSettings]) -> tuple[str, ...]:
    """The root modules that a change of Planward's config touches: those that are new or run otherwise."""
    known = {(each.environment, each.dir): each for each in before}
    changed = (each.dir for each in after if known.get((each.environment, each.dir)) != each)
    return tuple(dict.fromkeys(changed))


def _settle_all(
    config: RepositoryConfig,
    configuration: Configuration,
    *,
    branches: Mapping[EnvironmentName, str],
    tree: Tree,
) -> dict[EnvironmentName, tuple[RootModuleSettings, ...]]:
    configured = {entry.dir: entry for entry in config.root_modules or ()}

    def settled(environment: Environment) -> tuple[RootModuleSettings, ...]:
        branch = branches.get(environment.name)
        return tuple(
            settle(config, root_module, entry, environment, branch=branch, tree=tree)
            for root_module in configuration.root_modules
            for entry in [configured.get(root_module.dir) or RootModuleConfig(dir=root_module.dir)]
        )

    return {environment.name: settled(environment) for environment in config.environments.values()}


def _shared_states(
    config: RepositoryConfig,
    root_modules: Sequence[RootModule],
    locations: Mapping[tuple[EnvironmentName, str], StateLocation],
) -> tuple[Problem, ...]:
    """One problem for each root module that meets another environment's, or another root module's, state."""
    by_dir = {root_module.dir: root_module for root_module in root_modules}
    owners: dict[str, tuple[EnvironmentName, str]] = {}
    problems: dict[tuple[str, str], Problem] = {}
    for (environment, directory), location in locations.items():
        keys = [f"{directory}\0{location.identity}", *([location.identity] if location.is_certain else [])]
        for key in keys:
            other_environment, other = owners.setdefault(key, (environment, directory))
            if (other_environment, other) == (environment, directory) or (directory, other) in problems:
                continue
            if other == directory:
                said = (
                    f"{other_environment} and {environment} would share the state of {directory}: {location.words}; "
                    "give each its own workspace or backend_config"
                )
            else:
                said = (
                    f"{other} in {other_environment} and {directory} in {environment} would share a state: "
                    f"{location.words}; give each its own"
                )
            problems[directory, other] = _problem(config, by_dir[directory], said)
            break
    return tuple(problems.values())


def _problem(config: RepositoryConfig, root_module: RootModule, message: str) -> Problem:
    """At the root module's entry in the config if it has one, else at its backend block."""
    for index, entry in enumerate(config.root_modules or ()):
        if entry.dir == root_module.dir:
            return config.problem(f"root_modules[{index}]", message)
    backend = root_module.backend
    if backend is None:
        return Problem(path=CONFIG_PATH, line=1, column=1, key="", message=message)
    return Problem(path=backend.path, line=backend.line, column=1, key="", message=message)
