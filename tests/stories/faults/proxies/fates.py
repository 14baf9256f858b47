"""What happens to a request on its way, drawn from a seed."""

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping

REFUSED = "refused"
"""Answered 500, 502 or 503 by whoever stands before it; not carried out."""
RESET = "reset"
"""The connection is reset before anything is carried out."""
HANGS = "hangs"
"""Nothing is carried out and nothing answered until whoever asks gives up."""
LIMITED = "limited"
"""Answered 429 or 403, with when to come again; not carried out."""
DENIED = "denied"
"""Answered 401, 403 or 404 by mistake, or since the token died; not carried out."""
LOST = "answer lost"
"""Carried out, and the connection is reset instead of an answer."""
CUT = "answer cut"
"""Carried out, and the connection ends in the middle of the answer."""
FAILED_AFTERWARDS = "failed afterwards"
"""Carried out, and answered 502 or 504."""
SILENT = "silent"
"""Carried out, and not answered until whoever asks gives up."""
SLOW = "slow"
"""Carried out, and answered late."""

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
    """Draws fates. The n-th request of a name at a place has the same fate wherever the seed is the same.

    Which request is the n-th is up to the machine: the network's own timing cannot be played again.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.on = False
        """Until then everything goes well."""
        self.counted: Counter[str] = Counter()
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def draw(self, place: str, name: str, rates: Mapping[str, float]) -> tuple[str | None, random.Random]:
        """Return what happens to this one (None: it goes well), and the chance for whatever else is up to chance."""
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

    def told(self) -> str:
        """How often what happened, for people."""
        return ", ".join(f"{name} {number}" for name, number in sorted(self.counted.items()))
