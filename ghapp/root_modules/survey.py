"""The survey of a tree: its root modules, and how each environment runs them."""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from checks.configuration import Configuration
from checks.configuration.impact import Touched, read_by, touched
from checks.configuration.layers import dependencies, layers
from checks.configuration.other_tools import OtherTool, find_other_tools, touched_other_tool
from ghapp.git import Submodule
from ghapp.repository_config import CONFIG_PATH, Problem, RepositoryConfig
from ghapp.root_modules.settings import RootModuleSettings
from ghapp.values import CommitSha, EnvironmentName, RunId, TreeId

_MOST_RECENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The root modules of a tree, and how each environment runs them."""

    config: RepositoryConfig
    configuration: Configuration
    layout: Mapping[EnvironmentName, tuple[RootModuleSettings, ...]]
    other_tools: tuple[OtherTool, ...] = ()
    """Directories that belong to tools other than Terraform. Empty if the config lists root modules."""

    pointers: tuple[str, ...] = ()
    """The tree's Git LFS pointer files."""

    submodules: tuple[Submodule, ...] = ()
    misplaced: Problem | None = None
    """A config in a place where Planward does not read it."""

    def of(self, environment: EnvironmentName) -> dict[str, RootModuleSettings]:
        """The root modules of an environment by directory."""
        return {settings.dir: settings for settings in self.layout[environment]}

    def touched(self, environment: EnvironmentName, changed: Collection[str], base: "Survey | None" = None) -> Touched:
        """The root modules that a change of paths affects in an environment, and those removed since `base`."""
        return touched(
            self.configuration,
            changed,
            extra={settings.dir: settings.files for settings in self.layout[environment]},
            watch={settings.dir: settings.watch for settings in self.layout[environment]},
            base=None if base is None else base.configuration,
        )

    def pointers_read_by(self, environment: EnvironmentName, root_module: str) -> tuple[str, ...]:
        """The pointer files that a root module reads or may read in an environment."""
        settings = self.of(environment)[root_module]
        return read_by(self.configuration, root_module, self.pointers, extra=settings.files, watch=settings.watch)

    def submodules_read_by(self, environment: EnvironmentName, root_module: str) -> tuple[Submodule, ...]:
        """The submodules with files that a root module reads or may read in an environment."""
        settings = self.of(environment)[root_module]
        paths = [each.path for each in self.submodules]
        read = read_by(self.configuration, root_module, paths, extra=settings.files, watch=settings.watch)
        return tuple(each for each in self.submodules if each.path in read)

    def not_supported(self, changed: Collection[str], found: Touched, base: "Survey") -> str | None:
        """Why a change cannot be planned, because another tool owns it; None if it can."""
        tools = tuple(dict.fromkeys((*self.other_tools, *base.other_tools)))
        tool = touched_other_tool(
            tools, changed, root_modules=self.configuration.by_dir, touches_any=bool(found.dirs or found.deleted)
        )
        return None if tool is None else not_supported_cause(tool)

    def removed(self, environment: EnvironmentName, before: "Survey") -> tuple[str, ...]:
        """The root modules of an earlier tree whose state in an environment now belongs to no root module.

        A renamed directory is not among them if its backend and workspace are the same.
        """
        own = self.of(environment)
        earlier = before.layout.get(environment, ())
        known = {each.dir for each in earlier}
        states = {each.state_identity for each in own.values() if each.dir not in known} - {None}
        return tuple(sorted(each.dir for each in earlier if each.dir not in own and each.state_identity not in states))

    def builds_on(self, environment: EnvironmentName, root_module: str) -> frozenset[str]:
        """The root modules whose state this one reads, or that its `depends_on` lists."""
        depends_on = {settings.dir: settings.depends_on for settings in self.layout[environment]}
        backends = {settings.dir: settings.backend_values for settings in self.layout[environment]}
        return dependencies(self.configuration, depends_on, backends)[root_module]

    def layers(self, environment: EnvironmentName, dirs: Collection[str]) -> tuple[tuple[str, ...], ...]:
        """The order of root modules: layers, each after those that it builds on."""
        depends_on = {settings.dir: settings.depends_on for settings in self.layout[environment]}
        backends = {settings.dir: settings.backend_values for settings in self.layout[environment]}
        return layers(self.configuration, dirs, depends_on, backends)


def unlisted_tools(config: RepositoryConfig, paths: Collection[str]) -> tuple[OtherTool, ...]:
    """The directories of other tools in a tree; none if the config lists its root modules."""
    return () if config.root_modules is not None else find_other_tools(paths)


def not_supported_cause(tool: OtherTool) -> str:
    """Say what is wrong, where, and what to do."""
    return (
        f"{tool.dir} is run by {tool.tool} ({tool.file}), which Planward does not support, so it is not planned. "
        f"If something else plans it, list the directories that Planward should run under root_modules in "
        f"{CONFIG_PATH}."
    )


class RecentSurveys:
    """The latest surveys of this process, since each root module of a run needs the run's survey."""

    def __init__(self) -> None:
        self._surveys: OrderedDict[tuple[RunId, CommitSha, TreeId], Survey] = OrderedDict()

    def find(self, run_id: RunId, config_sha: CommitSha, tree: TreeId) -> Survey | None:
        """The survey that was cached for this run, or None."""
        return self._surveys.get((run_id, config_sha, tree))

    def keep(self, run_id: RunId, config_sha: CommitSha, tree: TreeId, survey: Survey) -> None:
        """Cache a survey for the root modules of a run."""
        self._surveys[run_id, config_sha, tree] = survey
        self._surveys.move_to_end((run_id, config_sha, tree))
        while len(self._surveys) > _MOST_RECENT:
            self._surveys.popitem(last=False)
