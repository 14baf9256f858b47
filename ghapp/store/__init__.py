"""Planward's data: runs, verdicts, digests, LAST, deferred jobs, approvals, the audit log.

None of it is secret: ids, digests, counts, and reports and logs that were masked and are encrypted at rest. The only
exceptions are the encrypted plan files of holds (`kept_plans`).
"""

import time

from ghapp.sealing import Sealer
from ghapp.store.approvals import Approval, Approvals
from ghapp.store.branches import Branches, Last
from ghapp.store.commit_people import CommitPeople
from ghapp.store.database import Clock, Database, StoreUnavailable, explain_unavailable, require_undamaged
from ghapp.store.deferred_jobs import DeferredJobs
from ghapp.store.executors import Executors, Heartbeat
from ghapp.store.identity import Identity
from ghapp.store.kept_plans import KeptPlan, KeptPlans
from ghapp.store.key_rotation import KeyRotation
from ghapp.store.markers import Markers
from ghapp.store.objects import Objects
from ghapp.store.offloading import Offloading
from ghapp.store.overview import EnvironmentNow, Overview
from ghapp.store.pull_requests import KnownPullRequest, PullRequests, Verdict
from ghapp.store.repositories import KnownRepository, Repositories
from ghapp.store.retention import Retention
from ghapp.store.run_objects import RunObjects
from ghapp.store.run_queries import Run
from ghapp.store.run_state import ApplyResult, ApplyState, CheckRunState, Claim, MergeGroup, PlanState, RunState
from ghapp.store.runs import Runs

__all__ = [
    "ApplyResult",
    "ApplyState",
    "Approval",
    "CheckRunState",
    "Claim",
    "EnvironmentNow",
    "Executors",
    "Heartbeat",
    "KeptPlan",
    "KnownPullRequest",
    "KnownRepository",
    "Last",
    "MergeGroup",
    "PlanState",
    "Run",
    "RunState",
    "Store",
    "StoreUnavailable",
    "Verdict",
    "explain_unavailable",
    "require_undamaged",
]


class Store:
    """All parts of the store over one database."""

    def __init__(self, url: str, sealer: Sealer, *, objects_url: str | None = None, clock: Clock = time.time) -> None:
        """Open the database at `url`, and the object store if there is one.

        Raises SettingsError if one of them is invalid, or was used by a newer Planward.
        """
        objects = None if objects_url is None else Objects(objects_url)
        self._database = Database(url, sealer, clock=clock)
        try:
            self._database.migrate()
        except BaseException:
            self._database.close()
            raise
        self.clock = clock
        self.repositories = Repositories(self._database)
        self.branches = Branches(self._database)
        self.commit_people = CommitPeople(self._database)
        self.pull_requests = PullRequests(self._database)
        run_objects = RunObjects(self._database, objects)
        self.runs = Runs(self._database, run_objects)
        self.offloading = Offloading(self._database, run_objects)
        self.retention = Retention(self._database, run_objects)
        self.kept_plans = KeptPlans(self._database, objects)
        self.key_rotation = KeyRotation(self._database, run_objects, self.kept_plans)
        self.deferred = DeferredJobs(self._database)
        self.approvals = Approvals(self._database)
        self.markers = Markers(self._database)
        self.overview = Overview(self._database)
        self.executors = Executors(self._database)
        self.identity = Identity(self._database)

    def close(self) -> None:
        """Close the database's connections."""
        self._database.close()
