"""What every story stands on: the repository's mirror, its config at a commit, its root modules in a tree."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from checks.configuration import Configuration
from checks.configuration.impact import Touched, touched
from checks.configuration.layers import layers
from ghapp.flows.repository import config_at
from ghapp.git import Mirror
from ghapp.repository_config import RepositoryConfig
from ghapp.root_modules import RootModuleSettings, backend_files, lay_out_all, reconfigured
from ghapp.services import Services
from ghapp.store import KnownRepository
from ghapp.terraform import Terraform, find_terraforms
from ghapp.values import CommitSha, EnvironmentName, RunId

_MOST_KEPT = 4


async def terraforms(services: Services) -> Sequence[Terraform]:
    """The engines that are installed, looked for again where there was none. Raises TerraformMissing."""
    return services.terraforms or await asyncio.to_thread(find_terraforms, services.settings.terraform)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A tree of the repository, understood: its root modules and how each environment lays them out."""

    config: RepositoryConfig
    configuration: Configuration
    laid: Mapping[EnvironmentName, tuple[RootModuleSettings, ...]]

    def of(self, environment: EnvironmentName) -> dict[str, RootModuleSettings]:
        """The root modules of an environment by directory."""
        return {settings.dir: settings for settings in self.laid[environment]}

    def touched(self, environment: EnvironmentName, changed: Collection[str], base: "Ground | None" = None) -> Touched:
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


async def survey(services: Services, mirror: Mirror, config: RepositoryConfig, treeish: str) -> Ground:
    """Understand a tree under a config. Raises JobError where states would be shared or the config names nothing."""
    entries = await mirror.list_tree(treeish)
    configuration = await services.facts.configuration(mirror, entries, config)
    paths = frozenset(entry.path for entry in entries)
    blobs = {entry.path: entry.blob_id for entry in entries}
    wanted = {path: blobs[path] for path in backend_files(config, configuration, paths=paths)}
    read = await mirror.read_blobs(wanted.values())
    contents = {path: read[blob_id] for path, blob_id in wanted.items()}
    laid = lay_out_all(config, configuration, paths=paths, contents=contents)
    return Ground(config=config, configuration=configuration, laid=laid)


_kept: OrderedDict[tuple[RunId, CommitSha, str], Ground] = OrderedDict()


def keep_ground(run_id: RunId, config_sha: CommitSha, tree: str, ground: Ground) -> None:
    """Keep what a run has understood of a tree, for its root modules."""
    _kept[run_id, config_sha, tree] = ground
    _kept.move_to_end((run_id, config_sha, tree))
    while len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)


async def ground_of_run(
    services: Services, repository: KnownRepository, mirror: Mirror, run_id: RunId, config_sha: CommitSha, tree: str
) -> Ground:
    """Understand a tree under the config at a commit, once for all root modules of a run in this process."""
    ground = _kept.get((run_id, config_sha, tree))
    if ground is None:
        ground = await survey(services, mirror, await config_at(mirror, repository, config_sha), tree)
        keep_ground(run_id, config_sha, tree, ground)
    return ground


def run_otherwise(environment: EnvironmentName, before: Ground, after: Ground | None) -> tuple[str, ...]:
    """The root modules that a changed config runs otherwise in an environment; `after` is None where it is the same."""
    if after is None:
        return ()
    return reconfigured(before.laid.get(environment, ()), after.laid.get(environment, ()))


def known_to(ground: Ground, environment: EnvironmentName, dirs: Collection[str]) -> tuple[str, ...]:
    """Those of the directories, each once, that are root modules under the config in force."""
    known = ground.of(environment)
    return tuple(directory for directory in dict.fromkeys(dirs) if directory in known)


def left_behind(found: Touched, ground: Ground, after: Ground | None) -> Iterator[str]:
    """Say which root modules are none any more, by deleted files or by the changed config: their states stay."""
    for directory in found.deleted:
        yield f"`{directory}` is deleted: what its state holds is left behind"
    if after is not None:
        gone = ground.configuration.by_dir.keys() - after.configuration.by_dir.keys()
        for directory in sorted(gone):
            yield f"`{directory}` is no root module under the changed config: what its state holds is left behind"


def not_planned_yet(ground: Ground, after: Ground | None) -> Iterator[str]:
    """Say which root modules only the changed config has: it is in force once it is merged."""
    if after is not None:
        for directory in sorted(after.configuration.by_dir.keys() - ground.configuration.by_dir.keys()):
            yield f"`{directory}` is a root module under the changed config: it is planned once that is merged"
