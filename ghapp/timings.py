"""How long Planward waits. One value, so that tests can wait less."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long Planward waits, in seconds."""

    retry_s: float = 30.0
    """Before a job that failed for a reason that will pass is tried again; doubled each time."""
    retry_at_most_s: float = 600.0
    claim_s: float = 5.0
    """How long another process waits for one that was killed while it created a check run."""
    notify_after_s: float = 60.0
    """Before the result of an apply is told that could not be told when it was reached."""
    progress_s: float = 5.0
    """Before the check run of an apply first says how far it is; later times are further apart."""
    chat_retries_s: tuple[float, ...] = (10.0, 60.0, 300.0, 1800.0, 7200.0, 21600.0)
    delivery_looks_s: tuple[float, ...] = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
    """Before GitHub is asked again for a delivery that it does not list yet; then it counts as never sent."""
    apply_looks_s: float = 60.0
    """How long a plan that waits for the end of an apply waits at most before it looks by itself."""
    reconcile_every_s: float = 300.0
    """How often GitHub is asked which deliveries failed: one call."""
    after_redeliveries_s: float = 60.0
    """How long GitHub has to redeliver before a repository is compared with what Planward knows of it."""

    heartbeat_s: float = 3.0
    """How often an executor that shares its database shows that it works."""
    own_silence_s: float = 12.0
    """How long an executor that cannot show it goes on."""
    keeper_silence_s: float = 15.0
    """How long a process that sends heartbeats may be silent before its keeper ends its programs and the process."""
    keeper_grace_s: float = 25.0
    """How long a program has from its interrupt by the keeper to its end."""
    takeover_margin_s: float = 5.0
    state_lock_s: int = 60
    """How long Terraform waits for a state's lock."""

    @property
    def takeover_s(self) -> float:
        """How long an executor may be silent before others take over its work: its programs have ended by then."""
        return self.keeper_silence_s + self.keeper_grace_s + self.takeover_margin_s

    def retry_after_s(self, attempts: int) -> float:
        """How long a job waits that was tried so often before, where GitHub does not say how long."""
        return min(self.retry_s * 2.0 ** min(attempts, 10), self.retry_at_most_s)
