"""Planward's metrics, for Prometheus. Labels have few, known values: no repository, no pull request, no run.

https://prometheus.io/docs/practices/naming/
"""

import hmac
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ghapp.log import log
from ghapp.settings import MetricsAccess
from ghapp.web.visitors import is_at_the_machine

_EVENTS = frozenset(
    {
        "check_run",
        "check_suite",
        "installation",
        "installation_repositories",
        "issue_comment",
        "merge_group",
        "ping",
        "pull_request",
        "pull_request_review",
        "push",
        "repository",
    }
)
_NOT_HERE = (
    "Metrics are only available on the server itself. To read them from elsewhere, set PLANWARD_METRICS_TOKEN or "
    "PLANWARD_METRICS_LISTEN.\n"
)
_ANSWER_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters of one web process. Figures that many processes share are read from the database at each request.

    A worker has its own counters (`work_metrics.py`).
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._deliveries = Counter(
            "planward_deliveries",
            "Deliveries by GitHub's event and by answer",
            ["event", "answer"],
            registry=self.registry,
        )
        self._answers = Histogram(
            "planward_http_answer_seconds",
            "Time until an answer begins",
            ["method", "route", "status"],
            buckets=_ANSWER_S,
            registry=self.registry,
        )
        built = Gauge("planward_build_info", "The version that runs", ["version"], registry=self.registry)
        built.labels(version("planward")).set(1)
        self._stored = _Stored()
        self.registry.register(self._stored)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def delivery(self, event: str, answer: str) -> None:
        """Count a delivery. Events that GitHub probably did not send are counted as "other"."""
        self._deliveries.labels(event if event in _EVENTS else "other", answer).inc()

    def watch_worker_starts(self, starts: Callable[[], float]) -> None:
        """Show how many workers this process has started."""
        gauge = Gauge("planward_worker_starts", "Workers that this process has started", registry=self.registry)
        gauge.set_function(starts)

    def answer(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._answers.labels(method, route, str(status)).observe(seconds)

    def exposition(self, *, ended: Mapping[tuple[str, str], int] | None, unfinished: Mapping[str, int] | None) -> bytes:
        """The text for Prometheus, without the worker's part.

        `ended` are the numbers of runs by operation and conclusion, `unfinished` by status; None if they are unknown.
        """
        self._stored.ended, self._stored.unfinished = ended, unfinished
        return generate_latest(self.registry)


class _Stored(Collector):
    """The latest figures from the database."""

    def __init__(self) -> None:
        self.ended: Mapping[tuple[str, str], int] | None = None
        self.unfinished: Mapping[str, int] | None = None

    def collect(self) -> Iterator[Metric]:
        if self.ended is not None:
            yield self._ended(self.ended)
        if self.unfinished is not None:
            yield self._unfinished(self.unfinished)

    def _ended(self, counts: Mapping[tuple[str, str], int]) -> Metric:
        ended = CounterMetricFamily(
            "planward_runs", "Runs by operation and conclusion", labels=["operation", "conclusion"]
        )
        for labels, count in sorted(counts.items()):
            ended.add_metric(labels, count)
        return ended

    def _unfinished(self, counts: Mapping[str, int]) -> Metric:
        unfinished = GaugeMetricFamily("planward_runs_unfinished", "Runs that are not completed", labels=["status"])
        for status in ("queued", "in_progress"):
            unfinished.add_metric([status], counts.get(status, 0))
        return unfinished


async def show_metrics(request: Request) -> Response:
    """`GET /metrics` on the address of the pages: with the token, or if there is none, only from this machine.

    Answers 404 if the metrics have their own address, 401 for a wrong token, 403 from other machines.
    """
    access: MetricsAccess = request.state.front.settings.metrics
    if access.listen is not None:
        raise HTTPException(404)
    if access.token is None and not is_at_the_machine(request):
        return PlainTextResponse(_NOT_HERE, status_code=403)
    return await _exposed(request)


async def show_metrics_alone(request: Request) -> Response:
    """`GET /metrics` on its own address, for everybody who reaches it.

    If PLANWARD_METRICS_TOKEN is set, a request without this token gets 401.
    """
    return await _exposed(request)


def metrics_routes() -> list[Route]:
    """The routes of the metrics' own address."""
    return [Route("/metrics", show_metrics_alone)]


async def _exposed(request: Request) -> Response:
    """The metrics. If the database does not answer, only its figures are missing."""
    front = request.state.front
    token = front.settings.metrics.token
    given = request.headers.get("Authorization", "").encode()
    if token is not None and not hmac.compare_digest(given, f"Bearer {token}".encode()):
        return PlainTextResponse("a token is required\n", status_code=401, headers={"WWW-Authenticate": "Bearer"})
    ended: Mapping[tuple[str, str], int] | None = None
    unfinished: Mapping[str, int] | None = None
    try:
        ended = await front.store.overview.count_runs()
        unfinished = await front.store.runs.count_by_status()
    except Exception:
        log.exception("runs_not_counted")
    content = front.metrics.exposition(ended=ended, unfinished=unfinished)
    if front.worker is not None:
        content += (await front.worker.metrics()).encode()
    return Response(content, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
