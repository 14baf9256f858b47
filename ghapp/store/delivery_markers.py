"""The markers about webhook deliveries: what was requested again, and how far GitHub's list was reconciled."""

from dataclasses import dataclass

from ghapp.store.marker_key import MarkerKey

_RECONCILED = "looked for missed deliveries"
_PROBED = "probed deliveries"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeliveryRequest:
    """The number of requests for a redelivery, the id of the last failed attempt, and the time of the last request.

    Probes (see `Probe`) do not count. The time is in seconds since 1970.
    """

    times: int = 0
    after: int = 0
    at: int = 0


@dataclass(frozen=True, slots=True)
class RedeliveryMarker(MarkerKey[RedeliveryRequest]):
    """A redelivery of this delivery was requested from GitHub."""

    guid: str

    @property
    def text(self) -> str:
        return f"{REDELIVERIES}{self.guid}"

    def write(self, value: RedeliveryRequest) -> str:
        return f"{value.times}:{value.after}:{value.at}"

    def read(self, stored: str) -> RedeliveryRequest:
        # The first version stored no time.
        times, after, at, *_ = [*stored.split(":"), "0"]
        return RedeliveryRequest(times=int(times), after=int(after), at=int(at))


REDELIVERIES = "redelivered:"
"""The prefix of the stored keys of all redelivery markers."""


@dataclass(frozen=True, slots=True)
class DeliveriesReconciled(MarkerKey[int]):
    """The time until which GitHub's list of deliveries was reconciled (seconds since 1970)."""

    @property
    def text(self) -> str:
        return _RECONCILED

    def write(self, value: int) -> str:
        return str(value)

    def read(self, stored: str) -> int:
        return int(stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """When a redelivery was requested as a probe, and when the first delivery arrived after that (0: none did)."""

    at: int
    arrived_at: int = 0


@dataclass(frozen=True, slots=True)
class DeliveriesProbed(MarkerKey[Probe]):
    """The probe that was requested because no delivery arrived."""

    @property
    def text(self) -> str:
        return _PROBED

    def write(self, value: Probe) -> str:
        return f"{value.at}:{value.arrived_at}"

    def read(self, stored: str) -> Probe:
        at, arrived_at = stored.split(":")
        return Probe(at=int(at), arrived_at=int(arrived_at))
