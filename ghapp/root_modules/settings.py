"""The settings of one root module in one environment, with all placeholders filled in."""

import posixpath
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from checks.configuration import RootModule
from checks.configuration.file_facts import Values
from checks.configuration.repository_paths import TOP, below, directory_of, follow
from ghapp.repository_config import (
    CONFIG_PATH,
    Environment,
    RepositoryConfig,
    RootModuleConfig,
    RootModuleOverride,
    placeholder_branch,
    words,
)
from ghapp.terraform import DEFAULT_WORKSPACE, EnginePin
from ghapp.values import EnvironmentName
from ghapp.vault import SecretSource

DEFAULT_VAR_FILES = ("{environment}.tfvars", "env/{environment}.tfvars")
DEFAULT_BACKEND_CONFIG = ("{environment}.backend.hcl", "env/{environment}.backend.hcl")
VERSION_FILES = (".terraform-version", ".opentofu-version", ".tool-versions")

_NOT_OF_APPLY = ("-refresh=",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The files of a commit: their paths, and its symlinks with their literal targets."""

    paths: frozenset[str]
    links: Mapping[str, str]

    def real(self, path: str) -> str | None:
        """The real path after following symlinks; None if this repository has no such file."""
        target, _ = follow(path, self.links)
        return target if target in self.paths else None

    def existing(self, files: Collection[str]) -> tuple[str, ...]:
        """Return the given files that exist."""
        return tuple(file for file in files if self.real(file) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootModuleSettings:
    """How an environment runs a root module.

    `backend_config` and `var_files` are paths in the repository, in Terraform's order. `secrets` are as configured,
    for the root module's `team`; None means the default. `backend_values` are the literal values of the backend block,
    overridden by those of the backend files; they may include a password. A `settings_cause`, `lost_state_cause` or
    `shared_state_cause` says why it must not run; `cause` is the first of them.
    """

    dir: str
    environment: EnvironmentName
    team: str
    workspace: str
    workspace_is_explicit: bool = False
    """Whether the config names the workspace, so that it is certainly the intended one."""
    backend_config: tuple[str, ...] = ()
    var_files: tuple[str, ...] = ()
    extra_arguments: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    required_version: tuple[str, ...] = ()
    pins: tuple[EnginePin, ...] = ()
    candidates: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """Default paths of files that affect the root module. This list also includes files that do not exist."""
    watch: tuple[str, ...] | None = field(default=None, compare=False)
    """Patterns of further paths that affect it, relative to the repository's root. They do not change how it runs."""
    secrets: tuple[SecretSource, ...] | None = None
    backend_values: Values = field(default_factory=dict, repr=False)
    state_identity: str | None = field(default=None, compare=False, repr=False)
    """A text that is equal for root modules with the same state; None if unknown. It may contain a password."""
    settings_cause: str | None = None
    lost_state_cause: str | None = None
    shared_state_cause: str | None = field(default=None, compare=False)
    """Not compared: another root module's mistake does not change how this one runs."""

    @property
    def cause(self) -> str | None:
        """Why the root module must not run in this environment: what is wrong, where, what to do; None if it may."""
        return self.settings_cause or self.lost_state_cause or self.shared_state_cause

    @property
    def files(self) -> tuple[str, ...]:
        """The files besides the configuration that affect it if they are changed or deleted."""
        return tuple(dict.fromkeys((*self.var_files, *self.backend_config, *self.candidates)))

    @property
    def apply_arguments(self) -> tuple[str, ...]:
        """The extra arguments that `terraform apply PLANFILE` also accepts."""
        return tuple(each for each in self.extra_arguments if not each.startswith(_NOT_OF_APPLY))


def configure_root_module(
    config: RepositoryConfig,
    root_module: RootModule,
    configured: RootModuleConfig,
    environment: Environment,
    *,
    branch: str | None,
    tree: Tree,
) -> RootModuleSettings:
    """Combine the config with its defaults. The caller checks the location of the state."""
    override = configured.environments.get(environment.name, RootModuleOverride())
    team = override.team or configured.team or environment.team
    values = {
        "team": team,
        "branch": branch or placeholder_branch(environment),
        "environment": environment.name,
        "root_module": root_module.dir,
    }
    backend_templates = _first(override.backend_config, configured.backend_config)
    has_backend_config = (
        bool(tree.existing(_paths(root_module.dir, DEFAULT_BACKEND_CONFIG, values)))
        if backend_templates is None
        else bool(backend_templates)
    )
    workspace = override.workspace or configured.workspace
    if workspace is None:
        workspace = DEFAULT_WORKSPACE if has_backend_config else "{environment}"
    values["workspace"] = words.expand(workspace, values)

    def files(templates: tuple[str, ...] | None, defaults: tuple[str, ...]) -> tuple[str, ...]:
        if templates is None:
            return tree.existing(_paths(root_module.dir, defaults, values))
        return _paths(root_module.dir, templates, values)

    backend_config = files(backend_templates, DEFAULT_BACKEND_CONFIG)
    var_templates = _first(override.var_files, configured.var_files)
    var_files = files(var_templates, DEFAULT_VAR_FILES)
    defaults = (
        *(DEFAULT_VAR_FILES if var_templates is None else ()),
        *(DEFAULT_BACKEND_CONFIG if backend_templates is None else ()),
    )
    extra_arguments = _first(override.extra_arguments, configured.extra_arguments)
    own_version = (configured.required_version,) if configured.required_version else ()
    return RootModuleSettings(
        dir=root_module.dir,
        environment=environment.name,
        team=team,
        workspace=values["workspace"],
        workspace_is_explicit=bool(override.workspace or configured.workspace),
        backend_config=backend_config,
        var_files=var_files,
        extra_arguments=extra_arguments or (),
        depends_on=configured.depends_on,
        required_version=(*root_module.required_version, *own_version),
        candidates=(
            *_paths(root_module.dir, defaults, values),
            *possible_version_files(root_module.dir),
        ),
        watch=None if configured.watch is None else _paths(root_module.dir, configured.watch, values),
        secrets=config.secrets,
        settings_cause=_workspace_cause(root_module.dir, environment.name, values["workspace"])
        or _missing_file_cause(root_module.dir, environment.name, (*var_files, *backend_config), tree),
    )


def possible_version_files(directory: str) -> Iterator[str]:
    """The files that may pin a root module's version, the nearest directory first."""
    at = directory
    while True:
        yield from (below(at, name) for name in VERSION_FILES)
        if at == TOP:
            return
        at = directory_of(at)


def _first(*choices: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return next((choice for choice in choices if choice is not None), None)


def _paths(directory: str, templates: Collection[str], values: Mapping[str, str]) -> tuple[str, ...]:
    expanded = (words.expand(template, values) for template in templates)
    return tuple(posixpath.normpath(posixpath.join(directory, path)) for path in expanded)


def _workspace_cause(directory: str, environment: str, workspace: str) -> str | None:
    if words.fits(words.WORKSPACE, workspace):
        return None
    return (
        f'{directory} in {environment}: Terraform does not accept "{workspace}" as the name of a workspace; '
        "write {environment} instead of {branch} or {root_module}"
    )


def _missing_file_cause(directory: str, environment: str, files: Collection[str], tree: Tree) -> str | None:
    missing = [file for file in files if tree.real(file) is None]
    if not missing:
        return None
    named = ", ".join(missing)
    are, it, way_out = (
        ("does not exist", "it", "add the file or leave it out")
        if len(missing) == 1
        else ("do not exist", "them", "add the files or leave them out")
    )
    return f"{directory} in {environment}: {named} {are}, but {CONFIG_PATH} names {it}; {way_out}"
