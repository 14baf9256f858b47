"""Reasons to refuse a delivery."""

from ghapp.errors import DeliveryError


class SignatureMismatch(DeliveryError):
    """The delivery is not signed with one of our secrets; the server answers 401."""


class MalformedDelivery(DeliveryError):
    """The delivery is signed but cannot be read; the text names the header or field. The server answers 400."""
