"""Why a delivery is refused at the door."""

from ghapp.errors import DeliveryError


class SignatureMismatch(DeliveryError):
    """The delivery is not signed with a secret of ours; the server answers 401."""


class MalformedDelivery(DeliveryError):
    """The delivery is ours but cannot be read; the text names the header or field. The server answers 400."""
