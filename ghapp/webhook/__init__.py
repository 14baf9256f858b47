"""Turn the headers and body of a delivery into a typed event. No I/O; no other package parses a payload."""

from ghapp.webhook.delivery import Delivery, read_delivery, require_signature
from ghapp.webhook.errors import MalformedDelivery, SignatureMismatch
from ghapp.webhook.readers import read_event

__all__ = ["Delivery", "MalformedDelivery", "SignatureMismatch", "read_delivery", "read_event", "require_signature"]
