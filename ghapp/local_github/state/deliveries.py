"""Deliveries: each POST to an App, as GitHub's delivery log shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ghapp.local_github.state.accounts import JSON, App


@dataclass(slots=True, kw_only=True, eq=False)
class Delivery:
    """One POST to an App. A redelivery is another POST with the same guid."""

    id: int
    guid: str
    app: App
    event: str
    action: str | None
    installation_id: int | None
    repository_id: int | None
    payload: JSON = field(repr=False)
    request_headers: dict[str, str] = field(default_factory=dict, repr=False)
    response_headers: dict[str, str] = field(default_factory=dict, repr=False)
    response_body: str = ""
    redelivery: bool = False
    delivered_at: datetime | None = None
    duration_s: float = 0.0
    status: str = "pending"
    status_code: int = 0
    lost: bool = False
    """Whether it is recorded as a delivery that did not arrive."""
    hidden: bool = False
    """Whether it was sent, but is not yet in the App's list of deliveries."""
