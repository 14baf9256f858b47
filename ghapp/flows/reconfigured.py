"""What a change of Planward's own config touches, and what it leaves behind or brings."""

from collections.abc import Collection, Iterator

from checks.configuration.impact import Touched
from ghapp.flows.ground import Ground
from ghapp.root_modules import reconfigured
from ghapp.values import EnvironmentName


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
