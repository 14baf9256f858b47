"""Planward's waiting times. They are passed around as one object, so that tests can use shorter times."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Planward's waiting times, in seconds."""

    retry_s: float = 30.0
    """The wait before a job that failed for a temporary reason is tried again. It doubles each time."""
    retry_at_most_s: float = 600.0
    claim_s: float = 5.0
    """How long a process's claim to create a check run is valid: if it was killed, others wait that long."""
    notify_after_s: float = 60.0
    """The wait before another attempt to report the result of an apply, if the first one failed."""
    progress_s: float = 5.0
    """The wait before the check run of an apply first shows its progress. Later updates are further apart."""
    chat_retries_s: tuple[float, ...] = (10.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0)
    delivery_checks_s: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
    """The waits before Planward looks again for a delivery that GitHub's log does not list yet. If the log does not
    list it even after the last wait, the delivery did not come from GitHub, and is ignored."""
    apply_check_s: float = 60.0
    """The longest time for which a plan that waits for an apply is deferred before it checks whether the apply has
    ended."""
    reconcile_every_s: float = 300.0
    """The interval at which Planward asks GitHub for failed deliveries. Asking takes one call."""
    after_redeliveries_s: float = 60.0
    """How much time GitHub gets to redeliver before a repository is compared with Planward's records."""

    heartbeat_s: float = 3.0
    """The interval at which an executor with a shared database writes its heartbeat."""
    own_silence_s: float = 12.0
    """How long an executor continues if it cannot write its heartbeat."""
    keeper_silence_s: float = 15.0
    """How long a process that sends heartbeats may be silent before its keeper ends it and its programs."""
    keeper_grace_s: float = 25.0
    """How much time a program gets to end after the keeper has interrupted it."""
    takeover_margin_s: float = 5.0
    state_lock_s: int = 60
    """How long Terraform waits for a state's lock."""

    @property
    def takeover_s(self) -> float:
        """How long an executor may be silent before others take over its work. Its programs have ended by then."""
        return self.keeper_silence_s + self.keeper_grace_s + self.takeover_margin_s

    def retry_after_s(self, attempts: int) -> float:
        """How long a job waits after this many attempts, if the unavailable service does not say how long."""
        return min(self.retry_s * 2.0 ** min(attempts, 10), self.retry_at_most_s)
