"""The activity of a repository: who moved which branch.

https://docs.github.com/en/rest/repos/repos#list-repository-activities
"""

from __future__ import annotations

from datetime import timedelta
from typing import get_args
from urllib.parse import urlencode

from ghapp.local_github.errors import Unprocessable, field_error
from ghapp.local_github.routing import Call, Reply, Route
from ghapp.local_github.serializers.accounts import timestamp, user
from ghapp.local_github.state import JSON, Activity, ActivityType
from ghapp.local_github.world import node_id

_PERIODS = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
_CHOICES = {"direction": ("asc", "desc"), "time_period": tuple(_PERIODS), "activity_type": get_args(ActivityType)}


def list_activities(call: Call) -> Reply:
    """Return one page, newest first unless `direction` is asc. `after` and `before` are cursors from `Link`."""
    wrong = [
        field_error("Activity", name, "invalid")
        for name, allowed in _CHOICES.items()
        if call.query.get(name, allowed[0]) not in allowed
    ]
    if wrong:
        raise Unprocessable(*wrong)
    found = [item for item in call.repository.activities if _matches(call, item)]
    if call.query.get("direction", "desc") == "desc":
        found.reverse()
    size = min(max(int(text) if (text := call.query.get("per_page", "")).isdigit() else 30, 1), 100)
    start = _start(call, [str(item.id) for item in found], size)
    shown = found[start : start + size]
    links = {}
    if shown and start + size < len(found):
        links["next"] = ("after", shown[-1].id)
    if shown and start > 0:
        links["prev"] = ("before", shown[0].id)
    query = {name: value for name, value in call.query.items() if name not in ("after", "before")}
    url = f"{call.world.api_url}{call.path}"
    link = ", ".join(
        f'<{url}?{urlencode({**query, name: number})}>; rel="{rel}"' for rel, (name, number) in links.items()
    )
    return Reply(body=[_activity(call, item) for item in shown], headers={"Link": link} if link else {})


def _matches(call: Call, item: Activity) -> bool:
    query, now = call.query, call.world.now()
    return (
        query.get("ref", item.ref).removeprefix("refs/heads/") == item.ref.removeprefix("refs/heads/")
        and query.get("actor", item.actor.login).lower() == item.actor.login.lower()
        and query.get("activity_type", item.activity_type) == item.activity_type
        and ("time_period" not in query or item.at >= now - timedelta(days=_PERIODS[query["time_period"]]))
    )


def _start(call: Call, ids: list[str], size: int) -> int:
    """Return the start of the page. Raises 422 if the cursor belongs to no activity in the list."""
    for name in ("after", "before"):
        cursor = call.query.get(name)
        if cursor is not None:
            if cursor not in ids:
                raise Unprocessable(field_error("Activity", name, "invalid"))
            return ids.index(cursor) + 1 if name == "after" else max(ids.index(cursor) - size, 0)
    return 0


def _activity(call: Call, item: Activity) -> JSON:
    return {
        "id": item.id,
        "node_id": node_id("PSH", item.id),
        "before": item.before,
        "after": item.after,
        "ref": item.ref,
        "timestamp": timestamp(item.at),
        "activity_type": item.activity_type,
        "actor": user(call.world, item.actor),
    }


ROUTES = (Route("GET", "/repos/{owner}/{repo}/activity", list_activities, "contents:read"),)
