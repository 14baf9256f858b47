"""A worker's metrics for Prometheus, which its `serve` shows. Labels have few, known values, as in `web/metrics.py`."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.process_collector import ProcessCollector

from ghapp.processes.slots import Slots


class WorkMetrics:
    """The counters of one worker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._jobs = Counter("planward_jobs", "Jobs by kind and end", ["kind", "end"], registry=self.registry)
        self._github = Counter(
            "planward_github_requests",
            "Requests to GitHub by method, path template and status (0: no answer)",
            ["method", "path", "status"],
            registry=self.registry,
        )
        self._deferred = Counter(
            "planward_github_put_off",
            "Requests that were deferred or dropped because of GitHub's limits, by priority and reason",
            ["priority", "reason"],
            registry=self.registry,
        )
        self._root_runs = Gauge("planward_root_runs_going_on", "Root runs in this process", registry=self.registry)
        self._waiting = Gauge(
            "planward_root_runs_waiting", "Root runs that wait for a slot in this process", registry=self.registry
        )
        # The metrics of `serve` itself have no prefix.
        ProcessCollector(namespace="planward_worker", registry=self.registry)

    @contextlib.contextmanager
    def job(self, kind: str) -> Iterator[None]:
        """Count a job: done, or failed if it raises an exception."""
        end: Literal["done", "failed"] = "failed"
        try:
            yield
            end = "done"
        finally:
            self._jobs.labels(kind, end).inc()

    def github_request(self, method: str, path_template: str, status: int) -> None:
        """Count a request to GitHub."""
        self._github.labels(method, path_template, str(status)).inc()

    def github_deferred(self, priority: str, reason: str) -> None:
        """Count a request that was deferred or dropped."""
        self._deferred.labels(priority, reason).inc()

    def watch_github_budget(self, left: Callable[[], float]) -> None:
        """Add a metric: the share of GitHub's hourly requests that is left to the installation that has the least left.

        `left` is called each time that the metrics are read.
        """
        gauge = Gauge(
            "planward_github_budget_left",
            "Share of GitHub's hourly requests that is left, for the installation with the least",
            registry=self.registry,
        )
        gauge.set_function(left)

    def slots(self, number: int, *, one_each: bool = False) -> Slots:
        """Slots for root runs, with metrics of the taken slots and the waiting runs.

        With `one_each`, a repository has at most one slot.
        """

        def changed(taken: int, waiting: int) -> None:
            self._root_runs.set(taken)
            self._waiting.set(waiting)

        return Slots(number, one_each=one_each, on_change=changed)

    def exposition(self) -> str:
        """The text for Prometheus."""
        return generate_latest(self.registry).decode()
