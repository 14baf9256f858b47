"""Access to one repository, which everything that asks about it shares."""

from dataclasses import dataclass

from ghapp.events import RepositoryRef
from ghapp.github.calls import Calls


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryAccess:
    """One repository of one installation. `teams` are calls with a token that may read who belongs to a team."""

    app_id: int
    repository: RepositoryRef
    calls: Calls
    teams: Calls
    settle_s: float
    """Seconds to wait before looking for what may have been created."""
