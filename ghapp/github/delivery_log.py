"""The deliveries to the App, according to GitHub's own log.

https://docs.github.com/en/rest/apps/webhooks
"""

from datetime import datetime
from typing import Final

from msgspec import Raw, Struct

from ghapp.github.calls import Calls

_MOST_PAGES: Final = 30
"""The most pages, of 100 deliveries, that are searched for one delivery."""


class DeliveryRead(Struct, frozen=True, kw_only=True):
    """The content of a delivery: the name of the event, and its payload as JSON."""

    event: str
    payload: bytes


class DeliverySeen(Struct, frozen=True, kw_only=True):
    """One delivery attempt by GitHub. Attempts of one delivery share the `guid`."""

    id: int
    guid: str
    event: str
    action: str | None
    status: str
    status_code: int
    delivered_at: int

    @property
    def accepted(self) -> bool:
        """Whether Planward answered 2xx."""
        return 200 <= self.status_code < 300


class _Delivery(Struct):
    id: int
    guid: str
    event: str
    status: str
    status_code: int
    delivered_at: datetime
    action: str | None = None


class _DeliveryRequest(Struct):
    payload: Raw


class _DeliveryRead(Struct):
    event: str
    request: _DeliveryRequest


class DeliveryLog:
    """The deliveries of the last three days. Reading them uses the App's own budget, not an installation's."""

    _calls: Calls

    async def deliveries(self, *, since: float) -> tuple[DeliverySeen, ...]:
        """Delivery attempts since a time (seconds since 1970), newest first. GitHub keeps them for three days.

        https://docs.github.com/en/rest/apps/webhooks#list-deliveries-for-an-app-webhook
        """
        pages = self._calls.cosmetic.read_pages("/app/hook/deliveries", list[_Delivery], doing="list the deliveries")
        seen: list[DeliverySeen] = []
        async for page in pages:
            for attempt in page:
                delivered_at = int(attempt.delivered_at.timestamp())
                if delivered_at < since:
                    return tuple(seen)
                seen.append(
                    DeliverySeen(
                        id=attempt.id,
                        guid=attempt.guid,
                        event=attempt.event,
                        action=attempt.action,
                        status=attempt.status,
                        status_code=attempt.status_code,
                        delivered_at=delivered_at,
                    )
                )
        return tuple(seen)

    async def delivered(self, guid: str) -> DeliveryRead | None:
        """GitHub's record of the delivery with this `X-GitHub-Delivery`; None if it is not among the newest 3,000.

        A new delivery appears in GitHub's log only after some time. If the delivery is among the newest 100, this takes
        two requests.

        https://docs.github.com/en/rest/apps/webhooks#get-a-delivery-for-an-app-webhook
        """
        pages = self._calls.read_pages("/app/hook/deliveries", list[_Delivery], doing="list the deliveries")
        number = 0
        async for page in pages:
            for attempt in page:
                if attempt.guid == guid:
                    read = await self._calls.read(
                        "/app/hook/deliveries/{delivery_id}",
                        _DeliveryRead,
                        doing="read a delivery",
                        at={"delivery_id": attempt.id},
                    )
                    return DeliveryRead(event=read.event, payload=bytes(read.request.payload))
            number += 1
            if number == _MOST_PAGES:
                break
        return None

    async def redeliver(self, delivery_id: int) -> None:
        """Request a redelivery. Its `X-GitHub-Delivery` stays the same, so a second request does no harm."""
        await self._calls.cosmetic.send(
            "POST",
            "/app/hook/deliveries/{delivery_id}/attempts",
            Raw,  # an empty object, or no content
            doing="ask for a redelivery",
            at={"delivery_id": delivery_id},
            answers=(403, 404),
        )
