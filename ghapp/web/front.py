"""What every route is given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ghapp.durable import Acceptor
from ghapp.jobs import Job
from ghapp.sealing import Sealer
from ghapp.settings import Settings
from ghapp.store import Store
from ghapp.web.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What the routes are given."""

    settings: Settings
    store: Store
    acceptor: Acceptor
    accept: Callable[[Job], Awaitable[bool]]
    sealer: Sealer
    metrics: Metrics = field(default_factory=Metrics)
