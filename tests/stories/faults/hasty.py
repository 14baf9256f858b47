"""`planward` that waits for seconds where it would wait for minutes. `python -m tests.stories.faults.hasty serve …`"""

from functools import partial

from ghapp import app, settings
from ghapp.cli import main
from ghapp.flows import check_run, dispatch
from ghapp.flows.maintenance import reconcile
from ghapp.flows.notifications import chat, telling
from ghapp.github import GitHubApp
from ghapp.github.calls import Patience
from ghapp.vault import VaultSettings

PATIENCE = Patience(timeout_s=2.0, connect_timeout_s=2.0, total_s=6.0, wait_initial_s=0.1, wait_max_s=1.5)

if __name__ == "__main__":
    dispatch.AGAIN_S, telling.NOTIFY_AFTER_S = 1.0, 2.0
    reconcile.EVERY_S, reconcile.AFTER_REDELIVERIES_S = 3, 30
    chat._WAITS_S = (1.0,) * 6
    check_run._CLAIM_S = 1.5
    setattr(app, "GitHubApp", partial(GitHubApp, patience=PATIENCE, settle_s=1.0))  # noqa: B010
    setattr(settings, "VaultSettings", partial(VaultSettings, timeout_s=2.0))  # noqa: B010
    main()
