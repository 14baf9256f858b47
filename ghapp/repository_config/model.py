"""A repository's config as typed values, with every default filled in."""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal, assert_never

from checks.plan.parity import Parity
from ghapp.errors import JobError
from ghapp.values import TESTING, BranchName, EnvironmentName
from ghapp.vault import SecretSource

CONFIG_PATH = ".github/planward.yml"
"""The path of the config. It is read from the base branch, except that `root_modules` come from the merge result.

The teams of root modules, too, are read from the base branch.
"""

_NAME = "planward"
_ENDINGS = frozenset({"yml", "yaml", "json", "toml"})
_ONE_LETTER = 0.87
"""If a name differs from "planward" in only one letter, the similarity that `difflib` computes is above this."""

TestingApply = Literal["never", "on_merge"]
"""Whether merges are applied to testing."""

TestingPlan = Literal["always", "never"]
"""Whether pull requests are planned in testing."""

Preview = Literal["always", "on_approval", "never"]
"""When a pull request is planned in the environment of its base branch."""

BranchApply = Literal["automatic", "manual"]
"""Whether a merge is applied automatically, or only when somebody presses Apply."""

Drafts = Literal["plan", "skip"]
"""The handling of draft pull requests."""

Occasion = Literal["failed", "waiting", "applied", "promotion"]
"""The occasions of notifications."""

OCCASIONS: tuple[Occasion, ...] = ("failed", "waiting", "applied", "promotion")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One error in the config, with its position. `str` gives all of it as one line of text."""

    path: str
    line: int
    column: int
    key: str
    message: str

    def __str__(self) -> str:
        about = f"{self.key}: " if self.key else ""
        return f"{self.path}:{self.line}:{self.column}: {about}{self.message}"


def misplaced_config(paths: Collection[str]) -> Problem | None:
    """The error to report if one of these files is a config in a wrong place; otherwise None."""
    found = next((path for path in sorted(paths) if path != CONFIG_PATH and _looks_like_a_config(path)), None)
    if found is None:
        return None
    message = f"this file is not read: move its contents to {CONFIG_PATH}, or rename it if it is something else"
    return Problem(path=found, line=1, column=1, key="", message=message)


def is_config(path: str) -> bool:
    """Whether a file is the config, or a config in a wrong place."""
    return path == CONFIG_PATH or _looks_like_a_config(path)


def _looks_like_a_config(path: str) -> bool:
    """Whether a file at the root or in .github has Planward's name, or a name that differs in one letter."""
    directory, _, file = path.lower().rpartition("/")
    name, _, ending = file.removeprefix(".").rpartition(".")
    name = name.replace("-", "").replace("_", "")
    if directory not in ("", ".github") or ending not in _ENDINGS or abs(len(name) - len(_NAME)) > 1:
        return False
    return SequenceMatcher(None, name, _NAME).ratio() > _ONE_LETTER


class ConfigInvalid(JobError):
    """The config cannot be used; `problems` lists all errors in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first, others = problems[0], len(problems) - 1
        more = f" (and {others} more problem{'s' if others > 1 else ''})" if others else ""
        super().__init__(f"{first}{more}")
        self.problems = problems

    def __reduce__(self) -> tuple[type["ConfigInvalid"], tuple[tuple[Problem, ...]]]:
        """Allow pickling, since configs are read in another process."""
        return ConfigInvalid, (self.problems,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The place of a key in the config file; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Testing:
    """Testing, the environment without a branch; `team` is the TEAM in its Vault paths.

    `plan` is None if the file does not list testing. Testing is then planned if Vault has secrets for it, or if Vault
    is not used.
    """

    apply: TestingApply = "never"
    plan: TestingPlan | None = None
    team: str

    @property
    def name(self) -> EnvironmentName:
        """The name, which is always the same."""
        return TESTING


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchEnvironment:
    """An environment to which a branch is applied; `team` is the TEAM in its Vault paths."""

    name: EnvironmentName
    branch: BranchName
    promote_from: EnvironmentName | None = None
    preview: Preview = "always"
    apply: BranchApply = "automatic"
    parity: Parity = "danger"
    """Which differences from the preview hold an apply."""
    approvers: tuple[str, ...] = ()
    approvals: int = 1
    """How many people have to approve a hold."""
    team: str


Environment = Testing | BranchEnvironment


def placeholder_branch(environment: Environment) -> str:
    """The value of `{branch}`, and of BRANCH in Vault paths; `testing` for testing, which has no branch."""
    match environment:
        case Testing():
            return TESTING
        case BranchEnvironment(branch=branch):
            return branch
        case _ as never:
            assert_never(never)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootModuleOverride:
    """The settings of a root module that differ in one environment; None means no difference."""

    workspace: str | None = None
    var_files: tuple[str, ...] | None = None
    backend_config: tuple[str, ...] | None = None
    extra_arguments: tuple[str, ...] | None = None
    team: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RootModuleConfig:
    """One entry of `root_modules`; None means the default.

    `dir` is relative to the repository (`.` is its root); `var_files`, `backend_config` and `watch` are relative to
    `dir`. Strings still contain their placeholders.
    """

    dir: str
    workspace: str | None = None
    var_files: tuple[str, ...] | None = None
    backend_config: tuple[str, ...] | None = None
    extra_arguments: tuple[str, ...] = ()
    watch: tuple[str, ...] | None = None
    depends_on: tuple[str, ...] = ()
    team: str | None = None
    required_version: str | None = None
    environments: Mapping[EnvironmentName, RootModuleOverride] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """An address for messages, and the occasions for them. `url` may be `vault:PATH#KEY`, with placeholders."""

    url: str
    on: tuple[Occasion, ...] = OCCASIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryConfig:
    """The whole config. `branch_environments` keeps the order of the file.

    `secrets` and `root_modules` are None if the file does not mention them: the defaults then depend on whether the
    operator has a Vault, and on the files in the repository.
    """

    team: str
    testing: Testing
    branch_environments: Mapping[EnvironmentName, BranchEnvironment]
    secrets: tuple[SecretSource, ...] | None = None
    root_modules: tuple[RootModuleConfig, ...] | None = None
    confirm: tuple[str, ...] = ()
    four_eyes: bool = True
    drafts: Drafts = "plan"
    trusted_bots: tuple[str, ...] = ()
    notify: tuple[Notify, ...] = ()
    unimplemented: tuple[Problem, ...] = ()
    """Parts of the file that this version does not implement. If there are any, nothing is planned or applied."""
    positions: Mapping[str, Position] = dataclasses.field(default_factory=dict, compare=False, repr=False)
    """The position of each key of the file, by its dotted name (`root_modules[0].dir`). Comparisons ignore this."""

    def require_implemented(self) -> None:
        """Raise ConfigInvalid if the file has anything that this version does not implement."""
        if self.unimplemented:
            raise ConfigInvalid(self.unimplemented)

    @property
    def environments(self) -> Mapping[EnvironmentName, Environment]:
        """All environments by name, testing first."""
        return {TESTING: self.testing, **self.branch_environments}

    @property
    def teams(self) -> tuple[str, ...]:
        """Every team that the config names, in the order of the config, each once."""
        named: list[str | None] = [each.team for each in self.environments.values()]
        for root_module in self.root_modules or ():
            named += [root_module.team, *(each.team for each in root_module.environments.values())]
        return tuple(dict.fromkeys(team for team in named if team is not None))

    def environment_of_branch(self, branch: str) -> BranchEnvironment | None:
        """The environment of `branch`, or None."""
        return next((each for each in self.branch_environments.values() if each.branch == branch), None)

    def problem(self, key: str, message: str) -> Problem:
        """A problem at the position of `key`, or of the nearest parent key in the file."""
        position = self.positions.get(key)
        above = key
        while position is None and above:
            above = above[: max(above.rfind("."), above.rfind("["), 0)]
            position = self.positions.get(above)
        position = position or Position(line=1, column=1)
        return Problem(path=CONFIG_PATH, line=position.line, column=position.column, key=key, message=message)


def changed_keys(before: RepositoryConfig, after: RepositoryConfig) -> tuple[str, ...]:
    """The keys, such as `environments.staging.approvals`, in which two configs differ.

    A key that a file leaves out counts as its default.
    """
    names = dict.fromkeys((*before.environments, *after.environments))
    found: list[str] = []
    for name in names:
        old, new = before.environments.get(name), after.environments.get(name)
        inherited = old is not None and new is not None and (old.team, new.team) == (before.team, after.team)
        found += _changed_fields(f"environments.{name}", old, new, leave_out=("name", *(["team"] if inherited else [])))
    ours = ("testing", "branch_environments", "unimplemented", "positions")
    return (*found, *_changed_fields("", before, after, leave_out=ours))


def _changed_fields(at: str, before: object, after: object, *, leave_out: Collection[str]) -> tuple[str, ...]:
    if before is None or after is None:
        return () if before is after else (at,)
    assert dataclasses.is_dataclass(before)
    names = [each.name for each in dataclasses.fields(before) if each.name not in leave_out]
    prefix = f"{at}." if at else ""
    return tuple(f"{prefix}{name}" for name in names if getattr(before, name) != getattr(after, name))


def with_root_modules_of(config: RepositoryConfig, proposed: RepositoryConfig) -> RepositoryConfig:
    """`config` with the `root_modules` of `proposed`. The teams of root modules still come from `config`."""
    if config.root_modules == proposed.root_modules:
        return config
    known = {each.dir: each for each in config.root_modules or ()}
    listed = proposed.root_modules
    own = {key: at for key, at in config.positions.items() if not key.startswith("root_modules")}
    theirs = {key: at for key, at in proposed.positions.items() if key.startswith("root_modules")}
    return dataclasses.replace(
        config,
        root_modules=None if listed is None else tuple(_with_teams_of(each, known.get(each.dir)) for each in listed),
        positions={**own, **theirs},
    )


def _with_teams_of(root_module: RootModuleConfig, known: RootModuleConfig | None) -> RootModuleConfig:
    before = {} if known is None else known.environments
    names = dict.fromkeys((*root_module.environments, *(name for name in before if before[name].team is not None)))
    none = RootModuleOverride()
    environments = {
        name: dataclasses.replace(root_module.environments.get(name, none), team=before.get(name, none).team)
        for name in names
    }
    return dataclasses.replace(root_module, team=None if known is None else known.team, environments=environments)
