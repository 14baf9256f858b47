"""A store with rows that Planward wrote at earlier times."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Literal, TypeVar

from sqlalchemy import Executable

from ghapp.sealing import Sealer
from ghapp.store import ApplyState, KnownPullRequest, PlanState, Run, Store
from ghapp.store.tables import metadata
from ghapp.values import BranchName, CommitSha, EnvironmentName, RepositoryId, RunId, TreeId

T = TypeVar("T")
DAY = 24 * 3600.0
REPOSITORY = RepositoryId(7)
STAGING = EnvironmentName("staging")
BRANCH = BranchName("staging")
OLD, NEW = CommitSha("a" * 40), CommitSha("b" * 40)


class Past:
    """A store whose clock the test sets, and functions that write rows as Planward does."""

    def __init__(self, url: str) -> None:
        self.now = 1_700_000_000.0
        self.store = Store(url, Sealer(("k" * 32,)), clock=lambda: self.now)
        self._runner = asyncio.Runner()  # one event loop with its threads, since many small calls are made

    def close(self) -> None:
        """Close the store and the event loop."""
        self._runner.close()
        self.store.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def empty(self) -> None:
        """Delete all rows."""
        with self.store._database.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())

    def execute(self, statement: Executable) -> None:
        """Execute a statement, for changes that the present Planward never makes."""
        with self.store._database.engine.begin() as connection:
            connection.execute(statement)

    def wait(self, days: float) -> None:
        self.now += days * DAY

    def run(self, id: str, operation: str = "plan", head: CommitSha = OLD, **more: Any) -> Run:
        """Begin a run that has a log and a root report."""
        name = "planward/plan" if operation == "plan" else "planward/apply (staging)"
        values: dict[str, Any] = {
            "id": RunId(id),
            "repository_id": REPOSITORY,
            "operation": operation,
            "environment": STAGING,
            "branch": BRANCH,
            "head_sha": head,
            "base_sha": head,
            "pull_request": None,
            "attempt": 0,
            "check_run_name": name,
        }
        state = PlanState() if operation == "plan" else ApplyState()
        run = self.do(self.store.runs.begin(Run(**{"state": state, **values, **more})))
        self.do(self.store.runs.write_log(run.id, "network", ["a line"]))
        self.do(self.store.runs.keep_root_run(run.id, "1:staging", "network", outcome="planned", report=b"{}"))
        return run

    def ended(
        self, id: str, operation: str = "plan", head: CommitSha = OLD, *, as_: str = "success", **more: Any
    ) -> Run:
        run = self.run(id, operation, head, **more)
        self.do(self.store.runs.complete(run.id, conclusion=as_, title="", report=b"[]"))
        return run

    def pull_request(
        self, number: int, state: Literal["open", "merged", "closed"], head: CommitSha = OLD, **more: Any
    ) -> None:
        known = KnownPullRequest(
            repository_id=REPOSITORY,
            number=number,
            state="open",
            head_sha=head,
            head_repository_id=REPOSITORY,
            base_branch=BRANCH,
            url="",
            author="mona",
            author_id=1,
            author_is_bot=False,
            draft=False,
            title="",
        )
        self.do(self.store.pull_requests.record(replace(known, state=state, **more)))

    def merged(self, number: int, head: CommitSha = OLD) -> None:
        self.pull_request(number, "merged", head, merge_sha=CommitSha("c" * 40), merged_at=self.now, merged_by="mona")

    def judged(self, number: int, run: Run) -> None:
        self.do(
            self.store.pull_requests.record_verdict(
                REPOSITORY,
                number,
                base_branch=BRANCH,
                head_sha=run.head_sha,
                base_sha=run.base_sha,
                run_id=run.id,
                conclusion="success",
                at=self.now,
            )
        )

    def last(self, sha: CommitSha) -> None:
        self.do(self.store.branches.move_last(REPOSITORY, STAGING, BRANCH, sha, TreeId("f" * 40), applied=True))

    def tidy(self, days: float = 30) -> None:
        """Remove all rows that are older than this many days, in small batches."""
        retention, before = self.store.retention, self.now - days * DAY
        for removal in (
            retention.remove_runs,
            retention.remove_verdicts,
            retention.remove_approvals,
            retention.remove_pushes,
            retention.remove_commit_writers,
            retention.remove_pull_requests,
        ):
            while self.do(removal(before=before, limit=2)) == 2:
                pass
        after: str | None = ""
        while after is not None:
            _, after = self.do(self.store.retention.remove_markers(before=before, limit=2, after=after))

    def has(self, id: str) -> bool:
        return self.do(self.store.runs.find(RunId(id))) is not None

    def verdicts(self, number: int, head: CommitSha = OLD) -> int:
        return len(self.do(self.store.pull_requests.verdicts(REPOSITORY, number, base_branch=BRANCH, head_sha=head)))
