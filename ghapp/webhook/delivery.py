"""Verify a delivery, then read it. No I/O."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs

from msgspec import Struct

from ghapp.events import Event
from ghapp.webhook.errors import MalformedDelivery, SignatureMismatch
from ghapp.webhook.readers import read_event

Body = bytes | bytearray


class Delivery(Struct, frozen=True, kw_only=True):
    """One POST by GitHub. A redelivery has the id of the first delivery."""

    id: str
    event: Event


def require_signature(headers: Mapping[str, str]) -> None:
    """Refuse an unsigned delivery before its body is read. Raises SignatureMismatch."""
    if not _SIGNATURE.fullmatch(headers.get("x-hub-signature-256", "")):
        raise SignatureMismatch(_UNSIGNED)


def read_delivery(headers: Mapping[str, str], body: Body, secrets: Sequence[str]) -> Delivery:
    """Verify the signature, then read the event.

    Every secret is tried, so that secrets can be rotated. Raises SignatureMismatch before one byte is parsed, and
    MalformedDelivery afterwards. Upper and lower case do not matter in header names.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    fields = {name.lower(): value for name, value in headers.items()}
    _verify(fields.get("x-hub-signature-256", ""), body, secrets)
    delivery_id = fields.get("x-github-delivery", "")
    if not _DELIVERY_ID.fullmatch(delivery_id):
        raise MalformedDelivery("the header X-GitHub-Delivery is missing or is not an identifier")
    name = fields.get("x-github-event", "")
    if not name:
        raise MalformedDelivery("the header X-GitHub-Event is missing")
    return Delivery(id=delivery_id, event=read_event(name, _payload(fields.get("content-type", ""), body)))


_SIGNATURE: Final = re.compile(r"sha256=[0-9a-f]{64}")
_UNSIGNED: Final = "X-Hub-Signature-256 is missing or matches no secret"
_DELIVERY_ID: Final = re.compile(r"[0-9A-Za-z._-]{1,100}")


def _verify(signature: str, body: Body, secrets: Sequence[str]) -> None:
    given = signature.encode(errors="backslashreplace")
    fits = False
    for secret in secrets:
        expected = b"sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
        # Compare with every secret, so that the time is constant. With an empty secret anybody could sign.
        fits |= hmac.compare_digest(given, expected) and secret != ""
    if not fits:
        raise SignatureMismatch(_UNSIGNED)


def _payload(content_type: str, body: Body) -> Body:
    kind = content_type.partition(";")[0].strip().lower()
    if kind in {"", "application/json"}:
        return body
    if kind != "application/x-www-form-urlencoded":
        raise MalformedDelivery("the header Content-Type is neither application/json nor a form")
    try:
        payloads = parse_qs(body.decode(), strict_parsing=True, max_num_fields=10).get("payload", [])
    except ValueError:
        raise MalformedDelivery("the form cannot be read") from None
    if len(payloads) != 1:
        raise MalformedDelivery("the form does not have exactly one field `payload`")
    return payloads[0].encode()
