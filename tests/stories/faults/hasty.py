"""`planward` with waits of seconds instead of minutes. `python -m tests.stories.faults.hasty serve …`"""

from functools import partial

from ghapp import settings, work
from ghapp.cli import main
from ghapp.github import GitHubApp
from ghapp.github.calls import Patience
from ghapp.timings import Timings
from ghapp.vault import VaultSettings

PATIENCE = Patience(timeout_s=2.0, connect_timeout_s=2.0, total_s=6.0, wait_initial_s=0.1, wait_max_s=1.5)
TIMINGS = Timings(
    retry_s=0.3,
    claim_s=1.5,
    notify_after_s=2.0,
    chat_retries_s=(1.0,) * 6,
    reconcile_every_s=3.0,
    after_redeliveries_s=30.0,
)

if __name__ == "__main__":
    setattr(work, "Timings", lambda: TIMINGS)  # noqa: B010
    setattr(work, "GitHubApp", partial(GitHubApp, patience=PATIENCE, settle_s=1.0))  # noqa: B010
    setattr(settings, "VaultSettings", partial(VaultSettings, timeout_s=2.0))  # noqa: B010
    main()
