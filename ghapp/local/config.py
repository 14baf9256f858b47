"""The answers of `planward config check`, `config schema`, `config show` and `import`, as values."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from checks.configuration import Configuration, RootModule
from checks.configuration.layers import layers
from checks.errors import ConfigurationError
from ghapp.atlantis import Imported, import_atlantis
from ghapp.errors import JobError
from ghapp.local.working_copy import WorkingCopy, read_working_copy
from ghapp.repository_config import (
    CONFIG_PATH,
    BranchEnvironment,
    ConfigInvalid,
    Environment,
    RepositoryConfig,
    Testing,
    placeholder_branch,
    read_config,
)
from ghapp.repository_config.schema import schema_text
from ghapp.root_modules import Layout, RootModuleSettings, unlisted_tools
from ghapp.terraform import Terraform, choose
from ghapp.values import TESTING
from ghapp.vault import DEFAULT_SOURCES, SecretSource, encode_branch
from ghapp.vault.errors import SecretPathInvalid
from ghapp.vault.sources import fill_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The output of a command, and its exit status: 0 success, 1 failure."""

    exit_status: int
    lines: tuple[str, ...]


def check(path: Path) -> Answer:
    """Check a config file; for a directory, check the config and the root modules of its working copy."""
    if path.is_file():
        return _check_file(path)
    working_copy = read_working_copy(path)
    try:
        config = _config_of(working_copy)
        configuration, layout = working_copy.lay_out(config)
    except ConfigInvalid as error:
        return Answer(exit_status=1, lines=tuple(str(problem) for problem in error.problems))
    complaints = tuple(complaints_of(config, configuration, layout))
    if complaints:
        return Answer(exit_status=1, lines=complaints)
    said = CONFIG_PATH if working_copy.config is not None else f"no {CONFIG_PATH}, the defaults apply"
    found = _count(len(configuration.root_modules), "root module")
    return Answer(exit_status=0, lines=(f"{said}: no problem; {found}, {', '.join(config.environments)}",))


def schema() -> str:
    """The JSON Schema of the config file."""
    return schema_text()


def show_working_copy(directory: Path) -> Answer:
    """Show what Planward finds in a working copy, with the defaults filled in."""
    working_copy = read_working_copy(directory)
    try:
        config = _config_of(working_copy)
        configuration, layout = working_copy.lay_out(config)
    except ConfigInvalid as error:
        return Answer(exit_status=1, lines=tuple(str(problem) for problem in error.problems))
    return Answer(exit_status=0, lines=tuple(show(config, configuration, layout, working_copy.paths)))


def show(
    config: RepositoryConfig,
    configuration: Configuration,
    layout: Layout,
    paths: Collection[str],
    engines: Sequence[Terraform] = (),
) -> Iterator[str]:
    """Show a config: environments, root modules in their layers, versions, and the secrets' paths.

    With `engines`, also say which root modules none of them can run.
    """
    yield f"team {config.team}"
    yield ""
    yield "environments"
    for environment in config.environments.values():
        yield f"  {environment.name}: {_environment(environment)}"
    yield ""
    yield from _root_modules(config, configuration, layout, engines)
    for tool in unlisted_tools(config, paths):
        yield f"  not supported {tool.dir}: it is run by {tool.tool} ({tool.file})"
    yield ""
    yield "secrets" if config.secrets is not None else "secrets (the default, if the operator has a Vault)"
    for environment in config.environments.values():
        yield from _secrets(config, environment, layout[environment.name])


def import_from_atlantis(path: Path) -> Imported:
    """Convert an atlantis.yaml, using the branches and root modules of the working copy that contains it.

    Raises ConfigInvalid if the file is not an Atlantis config.
    """
    working_copy = read_working_copy(path.parent)
    return import_atlantis(
        path.read_bytes(),
        path=path.name,
        branches=working_copy.branches,
        directories=[root_module.dir for root_module in working_copy.configuration().root_modules],
    )


def _check_file(path: Path) -> Answer:
    try:
        read_config(path.read_bytes(), branches=(), repository_name="repository", path=path.as_posix())
    except ConfigInvalid as error:
        return Answer(exit_status=1, lines=tuple(str(problem) for problem in error.problems))
    return Answer(exit_status=0, lines=(f"{path.as_posix()}: no problem",))


def _config_of(working_copy: WorkingCopy) -> RepositoryConfig:
    return read_config(working_copy.config, branches=working_copy.branches, repository_name=working_copy.name)


def complaints_of(
    config: RepositoryConfig, configuration: Configuration, layout: Layout, engines: Sequence[Terraform] = ()
) -> Iterator[str]:
    """The errors in root modules. Each fails only the pull requests that touch its root module, and their applies."""
    for index, entry in enumerate(config.root_modules or ()):
        if entry.dir in configuration.missing:
            yield str(config.problem(f"root_modules[{index}].dir", f'"{entry.dir}" has no .tf files'))
    for problem in configuration.problems:
        yield f"{problem.path}:{problem.line}: {problem.message}"
    causes = (_cause(settings, engines) for each in layout.values() for settings in each)
    yield from dict.fromkeys(cause for cause in causes if cause)
    try:
        _layers(configuration, layout)
    except ConfigurationError as error:
        yield str(error)


def _cause(settings: RootModuleSettings, engines: Sequence[Terraform]) -> str | None:
    """Why a root module cannot run in its environment, as far as that is known without running anything."""
    if settings.cause is None and engines:
        try:
            choose(engines, settings.required_version, settings.pins)
        except JobError as error:
            return f"{settings.dir}: {error}"
    return settings.cause


def _layers(configuration: Configuration, layout: Layout) -> tuple[tuple[str, ...], ...]:
    first = next(iter(layout.values()))
    return layers(
        configuration,
        [settings.dir for settings in first],
        {settings.dir: settings.depends_on for settings in first},
        {settings.dir: settings.backend_values for settings in first},
    )


def _environment(environment: Environment) -> str:
    match environment:
        case Testing(apply=apply, plan=plan):
            applied = {"never": "never applied", "on_merge": "each merge is applied to it first"}
            planned = {
                "always": "every pull request is planned in it",
                "never": "pull requests are not planned in it",
                None: "pull requests are planned in it, unless they have a preview and Vault has no secrets for it",
            }
            return f"{planned[plan]}; {applied[apply]}"
        case BranchEnvironment():
            parts = [f"branch {environment.branch}"]
            if environment.promote_from:
                parts.append(f"promoted from {environment.promote_from}")
            previewed = {
                "always": "previewed",
                "on_approval": "previewed once somebody approves them",
                "never": "not previewed",
            }
            parts.append(f"pull requests are {previewed[environment.preview]}")
            parts.append("applied by hand" if environment.apply == "manual" else "applied on merge")
            if environment.approvers:
                parts.append(f"approved by {', '.join(environment.approvers)}")
            return ", ".join(parts)
        case _ as never:
            assert_never(never)


def _root_modules(
    config: RepositoryConfig, configuration: Configuration, layout: Layout, engines: Sequence[Terraform]
) -> Iterator[str]:
    try:
        order: Sequence[Sequence[str]] = _layers(configuration, layout)
        heading = f"{_count(len(configuration.root_modules), 'root module')} in {_count(len(order), 'layer')}"
    except ConfigurationError as error:
        order = [[root_module.dir for root_module in configuration.root_modules]]
        heading = f"{_count(len(configuration.root_modules), 'root module')}, in no order: {error}"
    yield heading
    settings = {(name, each.dir): each for name, members in layout.items() for each in members}
    for number, members in enumerate(order, start=1):
        for directory in members:
            yield f"  {number}. {directory}: {_facts(configuration.by_dir[directory], settings[TESTING, directory])}"
            for name, environment in config.environments.items():
                yield from _settings(settings[name, directory], environment, engines)
    for problem in configuration.problems:
        yield f"  cannot read {problem.path}:{problem.line}: {problem.message}"
    for directory, reason in configuration.passed_over:
        yield f"  skipped {directory}: {reason}"
    for directory in configuration.missing:
        yield f"  missing {directory}: it has no .tf files"


def _facts(root_module: RootModule, settings: RootModuleSettings) -> str:
    backend = root_module.backend
    parts = ["no backend" if backend is None else f"backend {backend.type} ({backend.path}:{backend.line})"]
    if settings.required_version:
        parts.append(f"terraform {', '.join(settings.required_version)}")
    parts += [f"{pin.product} {pin.version} from {pin.path}" for pin in settings.pins]
    if settings.depends_on:
        parts.append(f"after {', '.join(settings.depends_on)}")
    return ", ".join(parts)


def _settings(settings: RootModuleSettings, environment: Environment, engines: Sequence[Terraform]) -> Iterator[str]:
    parts = [f"workspace {settings.workspace}"]
    for name, values in (
        ("backend files", settings.backend_config),
        ("var files", settings.var_files),
        ("arguments", settings.extra_arguments),
    ):
        if values:
            parts.append(f"{name} {', '.join(values)}")
    if settings.team != environment.team:
        parts.append(f"team {settings.team}")
    yield f"       {settings.environment}: {'; '.join(parts)}"
    cause = _cause(settings, engines)
    if cause:
        yield f"         cannot run: {cause}"


def _secrets(
    config: RepositoryConfig, environment: Environment, members: Sequence[RootModuleSettings]
) -> Iterator[str]:
    """The paths that are read for an environment, once for each team of its root modules."""
    teams = dict.fromkeys((environment.team, *(settings.team for settings in members)))
    sources = DEFAULT_SOURCES if config.secrets is None else config.secrets
    if not sources:
        yield f"  {environment.name}: none"
    branch = encode_branch(placeholder_branch(environment))
    values = ({"team": team, "branch": branch, "environment": environment.name} for team in teams)
    lines = (f"  {environment.name}: {_secret(source, each)}" for each in values for source in sources)
    yield from dict.fromkeys(lines)


def _secret(source: SecretSource, values: Mapping[str, str]) -> str:
    try:
        filled = fill_source(source, values)
    except SecretPathInvalid as error:
        return str(error)
    what = "variables" if source.form == "tfvars" else "environment variables"
    field = f", only the key {source.field}" if source.field else ""
    renames = "".join(f", {name} as {renamed}" for name, renamed in source.map.items())
    return f"{filled.path}{'/*' if filled.is_prefix else ''} as {what}{field}{renames}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
