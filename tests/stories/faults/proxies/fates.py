"""What happens to a request on its way, drawn from a seed: its fate."""

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping

REFUSED = "refused"
"""Not carried out; answered 500, 502 or 503, as by a load balancer before the server."""
RESET = "reset"
"""Not carried out; the connection is reset."""
HANGS = "hangs"
"""Not carried out, and not answered until the client gives up."""
LIMITED = "limited"
"""Not carried out; answered 429 or 403, with the time after which to retry."""
DENIED = "denied"
"""Not carried out; answered 401, 403 or 404, as by mistake or for a revoked token."""
LOST = "answer lost"
"""Carried out, but the connection is reset instead of an answer."""
CUT = "answer cut"
"""Carried out, but the connection ends in the middle of the answer."""
FAILED_AFTERWARDS = "failed afterwards"
"""Carried out, but answered 502 or 504."""
SILENT = "silent"
"""Carried out, but not answered until the client gives up."""
SLOW = "slow"
"""Carried out, but answered late."""

GITHUB: Mapping[str, float] = {
    REFUSED: 0.03,
    RESET: 0.02,
    HANGS: 0.01,
    LIMITED: 0.02,
    DENIED: 0.03,
    LOST: 0.03,
    CUT: 0.02,
    FAILED_AFTERWARDS: 0.02,
    SILENT: 0.01,
    SLOW: 0.05,
}
GIT: Mapping[str, float] = {REFUSED: 0.04, RESET: 0.03, HANGS: 0.01, DENIED: 0.03, LOST: 0.02, CUT: 0.02, SLOW: 0.05}
VAULT: Mapping[str, float] = {
    REFUSED: 0.03,
    RESET: 0.02,
    HANGS: 0.005,
    LIMITED: 0.02,
    LOST: 0.02,
    CUT: 0.02,
    SLOW: 0.05,
}
DELIVERIES: Mapping[str, float] = {REFUSED: 0.03, RESET: 0.02, LOST: 0.03, CUT: 0.02, FAILED_AFTERWARDS: 0.02}

REFUSED_AT_ONCE = "connection refused"
DELAYED = "delayed"
STALLED = "stalled"
CONNECTIONS: Mapping[str, float] = {REFUSED_AT_ONCE: 0.05, DELAYED: 0.1}
STATEMENTS: Mapping[str, float] = {RESET: 0.0015, LOST: 0.0015, DELAYED: 0.01, STALLED: 0.0005}


class Fates:
    """Draws fates. With the same seed, the n-th request with a name at a place always has the same fate.

    Two runs may still differ in which request is the n-th: that depends on timing, which a seed cannot reproduce.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.on = False
        """While it is False, everything goes well."""
        self.counted: Counter[str] = Counter()
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def draw(self, place: str, name: str, rates: Mapping[str, float]) -> tuple[str | None, random.Random]:
        """Return the fate of one request (None: it goes well), and a generator for the random details of that fate."""
        if not self.on:
            return None, random.Random(0)
        with self._lock:
            self._numbers[f"{place} {name}"] += 1
            number = self._numbers[f"{place} {name}"]
            chance = random.Random(f"{self.seed} {place} {name} {number}")
            drawn = chance.random()
            for fate, rate in rates.items():
                drawn -= rate
                if drawn < 0:
                    self.counted[f"{place}: {fate}"] += 1
                    return fate, chance
        return None, chance

    def summary(self) -> str:
        """How often each fate was drawn, as a line for people."""
        return ", ".join(f"{name} {number}" for name, number in sorted(self.counted.items()))
