"""Ask GitHub to send failed deliveries again. GitHub does not do so by itself, and keeps deliveries for three days.

https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ghapp.github import DeliverySeen, GitHubRefused
from ghapp.log import log
from ghapp.services import Services
from ghapp.store.delivery_markers import (
    DeliveriesProbed,
    DeliveriesReconciled,
    Probe,
    RedeliveryMarker,
    RedeliveryRequest,
)

MOST = 5
"""How many times a delivery is requested again, at most, if it keeps failing while other deliveries arrive."""
KEPT_S = 3 * 24 * 3600
"""How long GitHub keeps deliveries."""
OVERLAP_S = 600
"""How long it may take until GitHub lists a delivery or a redelivery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeliveries:
    """The redeliveries to request now. `probe`: whether only one is requested, as a test."""

    wanted: tuple[DeliverySeen, ...] = ()
    probe: bool = False
    under_way: bool = False
    """Whether there are requested redeliveries that GitHub does not list yet."""
    open_since: int | None = None
    """The time of the oldest failed attempt that is not given up."""


def decide_redeliveries(
    seen: Sequence[DeliverySeen], asked: Mapping[str, RedeliveryRequest], *, now: int, arrived_at: int = 0
) -> Redeliveries:
    """Decide which deliveries to request, given the attempts that GitHub lists and the earlier requests by GUID.

    If a redelivery has failed and nothing has arrived since then, the connection may be broken. Then only one delivery
    is requested each time, as a test, and its failure does not count towards `MOST`. So even after a long outage, every
    delivery that GitHub still keeps arrives in the end. `arrived_at` is the time of the first arrival after the last
    such test (the last probe), or 0. It is needed because GitHub may list that delivery only later.
    """
    failed = [each for each in failed_deliveries(seen) if asked.get(each.guid, RedeliveryRequest()).times < MOST]
    if not failed:
        return Redeliveries()
    open_since = min(each.delivered_at for each in failed)
    failed_again = [
        each.id
        for each in failed
        if 0 < asked.get(each.guid, RedeliveryRequest()).after < each.id and each.delivered_at > arrived_at
    ]
    arrived = max((each.id for each in seen if each.accepted), default=0)
    due = [each for each in failed if not _is_under_way(each, asked.get(each.guid, RedeliveryRequest()), now)]
    under_way = len(due) < len(failed)
    if not failed_again or arrived > max(failed_again):
        return Redeliveries(wanted=tuple(due), under_way=under_way, open_since=open_since)
    tried = Counter(each.guid for each in seen)
    fewest = sorted(due, key=lambda each: (tried[each.guid], each.id))
    return Redeliveries(wanted=tuple(fewest[:1]), probe=True, under_way=under_way, open_since=open_since)


def failed_deliveries(seen: Sequence[DeliverySeen]) -> tuple[DeliverySeen, ...]:
    """The newest attempt of each failed delivery, sorted by age with the oldest first.

    A delivery has failed if none of its attempts is accepted or pending.
    """
    settled = {each.guid for each in seen if each.accepted or each.status == "pending"}
    newest = {each.guid: each for each in sorted(seen, key=lambda each: each.id) if each.guid not in settled}
    return tuple(sorted(newest.values(), key=lambda each: each.id))


def _is_under_way(delivery: DeliverySeen, asked: RedeliveryRequest, now: int) -> bool:
    return asked.after == delivery.id and now - asked.at < OVERLAP_S


async def redeliver(services: Services, now: int) -> bool:
    """Request the deliveries that have failed and not arrived since then. Returns whether to check again soon."""
    markers = services.store.markers
    looked = await markers.find(DeliveriesReconciled())
    since = now - KEPT_S if looked is None else max(looked - OVERLAP_S, now - KEPT_S)
    try:
        seen = await services.github.deliveries(since=since)
    except GitHubRefused as error:
        log.warning("missed_deliveries_not_listed", reason=str(error))
        return False
    asked = {each.guid: await _redelivery_request(services, each.guid) for each in failed_deliveries(seen)}
    probed = await markers.find(DeliveriesProbed())
    arrived_at = 0 if probed is None else probed.arrived_at
    decided = decide_redeliveries(seen, asked, now=now, arrived_at=arrived_at)
    if decided.probe:
        await markers.keep(DeliveriesProbed(), Probe(at=now))
    for delivery in decided.wanted:
        before = asked[delivery.guid]
        try:
            await services.github.redeliver(delivery.id)
        except GitHubRefused as error:
            log.warning("redelivery_refused", delivery=delivery.guid, reason=str(error))
        else:
            log.info("redelivery_asked", delivery=delivery.guid, of=delivery.event, status=delivery.status_code)
        times = before.times if decided.probe else before.times + 1
        await markers.keep(RedeliveryMarker(delivery.guid), RedeliveryRequest(times=times, after=delivery.id, at=now))
    open_since = decided.open_since
    await markers.keep(DeliveriesReconciled(), now if open_since is None else min(now, open_since + OVERLAP_S))
    return decided.under_way


async def note_arrival(services: Services) -> bool:
    """Record that a delivery arrived. Returns whether it is the first one since a probe."""
    markers = services.store.markers
    probed = await markers.find(DeliveriesProbed())
    if probed is None or probed.arrived_at:
        return False
    await markers.keep(DeliveriesProbed(), replace(probed, arrived_at=int(services.store.clock())))
    return True


async def _redelivery_request(services: Services, guid: str) -> RedeliveryRequest:
    return await services.store.markers.find(RedeliveryMarker(guid)) or RedeliveryRequest()
