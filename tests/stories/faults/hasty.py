"""A line whose Planward waits for seconds instead of minutes, but has no faults of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ghapp import settings, work
from ghapp.github import GitHubApp
from ghapp.github.calls import Patience
from ghapp.timings import Timings
from ghapp.vault import VaultSettings
from tests.forked import run_changed
from tests.stories.faults.machines import MachinesLine

PATIENCE = Patience(timeout_s=2.0, connect_timeout_s=2.0, total_s=6.0, wait_initial_s=0.1, wait_max_s=1.5)
TIMINGS = Timings(
    retry_s=0.3,
    claim_s=1.5,
    notify_after_s=2.0,
    chat_retries_s=(1.0,) * 6,
    reconcile_every_s=3.0,
    after_redeliveries_s=30.0,
)


def run(arguments: Sequence[str], environ: Mapping[str, str], log: str) -> None:
    """Run `planward` with these arguments; to be called in a process that was forked after all imports."""
    run_changed(arguments, environ, log, _shorten)


def _shorten() -> None:
    setattr(work, "Timings", lambda: TIMINGS)  # noqa: B010
    setattr(work, "GitHubApp", partial(GitHubApp, patience=PATIENCE, settle_s=1.0))  # noqa: B010
    setattr(settings, "VaultSettings", partial(VaultSettings, timeout_s=2.0))  # noqa: B010


@dataclass(kw_only=True)
class HastyLine(MachinesLine):
    """A line of such processes."""

    target: Callable[[Sequence[str], Mapping[str, str], str], None] = run
