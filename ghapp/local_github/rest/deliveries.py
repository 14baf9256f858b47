"""The App's delivery log: list deliveries, read one, and redeliver it.

https://docs.github.com/en/rest/apps/webhooks
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from ghapp.local_github import deliveries
from ghapp.local_github.errors import Unprocessable, field_error, not_found
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers.accounts import maybe_timestamp
from ghapp.local_github.state import JSON, Delivery

_KEPT = timedelta(days=3)
_STATUS_CODES = {"success": range(200, 400), "failure": range(400, 600)}


def _listed(call: Call) -> list[Delivery]:
    """Return the App's finished deliveries of the last three days, newest first, without the hidden ones."""
    since = call.world.now() - _KEPT
    return [
        item
        for item in reversed(call.world.outbox.deliveries)
        if item.app is call.app
        and item.status != "pending"
        and not item.hidden
        and (item.delivered_at is None or item.delivered_at >= since)
    ]


def delivery_json(item: Delivery) -> JSON:
    return {
        "id": item.id,
        "guid": item.guid,
        "delivered_at": maybe_timestamp(item.delivered_at),
        "redelivery": item.redelivery,
        "duration": item.duration_s,
        "status": item.status,
        "status_code": item.status_code,
        "event": item.event,
        "action": item.action,
        "installation_id": item.installation_id,
        "repository_id": item.repository_id,
        "throttled_at": None,
    }


def list_deliveries(call: Call) -> Reply:
    """Return one page, newest first, from the delivery that `cursor` names. Only `Link` leads to the next page."""
    found, status = _listed(call), call.query.get("status")
    if status is not None:
        if status not in _STATUS_CODES:
            raise Unprocessable(field_error("HookDelivery", "status", "invalid"))
        found = [item for item in found if item.status_code in _STATUS_CODES[status]]
    text = call.query.get("per_page", "")
    size = min(max(int(text) if text.isdigit() else 30, 1), 100)
    start = _start(found, call.query.get("cursor"))
    links = {}
    if start + size < len(found):
        links["next"] = found[start + size]
    if start > 0:
        links["prev"] = found[max(start - size, 0)]
    query = {name: value for name, value in call.query.items() if name != "cursor"}
    url = f"{call.world.api_url}/app/hook/deliveries"
    link = ", ".join(
        f'<{url}?{urlencode({**query, "cursor": _cursor(first)})}>; rel="{name}"' for name, first in links.items()
    )
    return Reply(
        body=[delivery_json(item) for item in found[start : start + size]], headers={"Link": link} if link else {}
    )


def _cursor(first: Delivery) -> str:
    return f"v1_{first.id}"


def _start(found: list[Delivery], cursor: str | None) -> int:
    """Return the index of the page's first delivery: the same delivery even if newer ones have arrived since.

    Raises 422 on an invalid cursor.
    """
    if cursor is None:
        return 0
    version, _, number = cursor.partition("_")
    if version != "v1" or not number.isdigit():
        raise Unprocessable(field_error("HookDelivery", "cursor", "invalid"))
    return sum(item.id > int(number) for item in found)


def _delivery(call: Call) -> Delivery:
    for item in _listed(call):
        if str(item.id) == call.params["delivery_id"]:
            return item
    raise not_found()


def read_delivery(call: Call) -> Reply:
    item = _delivery(call)
    body = {
        **delivery_json(item),
        "url": call.app.webhook_url,
        "request": {"headers": item.request_headers, "payload": item.payload},
        "response": {"headers": item.response_headers, "payload": item.response_body},
    }
    return Reply(body=body)


def redeliver(call: Call) -> Reply:
    deliveries.redeliver(call.world, _delivery(call))
    return Reply(body={}, status=202)


ROUTES = (
    Route("GET", "/app/hook/deliveries", list_deliveries, kind="app"),
    Route("GET", "/app/hook/deliveries/{delivery_id}", read_delivery, kind="app"),
    Route("POST", "/app/hook/deliveries/{delivery_id}/attempts", redeliver, kind="app"),
)
