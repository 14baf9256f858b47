"""A tree of the repository, surveyed: its root modules, and how each environment runs them."""

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from checks.configuration import Configuration
from checks.configuration.impact import Touched, touched
from checks.configuration.layers import layers
from ghapp.repository_config import RepositoryConfig
from ghapp.root_modules.settings import RootModuleSettings
from ghapp.values import CommitSha, EnvironmentName, RunId, TreeId

_MOST_RECENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The root modules of a tree, and how each environment runs them."""

    config: RepositoryConfig
    configuration: Configuration
    laid: Mapping[EnvironmentName, tuple[RootModuleSettings, ...]]

    def of(self, environment: EnvironmentName) -> dict[str, RootModuleSettings]:
        """The root modules of an environment by directory."""
        return {settings.dir: settings for settings in self.laid[environment]}

    def touched(self, environment: EnvironmentName, changed: Collection[str], base: "Survey | None" = None) -> Touched:
        """Root modules that a change of paths touches in an environment, and those that are gone since `base`."""
        return touched(
            self.configuration,
            changed,
            extra={settings.dir: settings.files for settings in self.laid[environment]},
            base=None if base is None else base.configuration,
        )

    def layers(self, environment: EnvironmentName, dirs: Collection[str]) -> tuple[tuple[str, ...], ...]:
        """The order in which root modules run: layers, each after those that it builds on."""
        depends_on = {settings.dir: settings.depends_on for settings in self.laid[environment]}
        backends = {settings.dir: settings.backend_values for settings in self.laid[environment]}
        return layers(self.configuration, dirs, depends_on, backends)


class RecentSurveys:
    """The surveys that runs of this process need again for each of their root modules; the oldest are dropped."""

    def __init__(self) -> None:
        self._surveys: OrderedDict[tuple[RunId, CommitSha, TreeId], Survey] = OrderedDict()

    def find(self, run_id: RunId, config_sha: CommitSha, tree: TreeId) -> Survey | None:
        """The survey that was kept for this run, or None."""
        return self._surveys.get((run_id, config_sha, tree))

    def keep(self, run_id: RunId, config_sha: CommitSha, tree: TreeId, survey: Survey) -> None:
        """Keep a survey for the root modules of a run."""
        self._surveys[run_id, config_sha, tree] = survey
        self._surveys.move_to_end((run_id, config_sha, tree))
        while len(self._surveys) > _MOST_RECENT:
            self._surveys.popitem(last=False)
