"""Access to one repository, which everything that asks about it shares."""

from dataclasses import dataclass

from ghapp.events import RepositoryRef
from ghapp.github.calls import Calls


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryAccess:
    """One repository of one installation. `teams` and `contents` are calls with tokens that may read these."""

    app_id: int
    repository: RepositoryRef
    calls: Calls
    teams: Calls
    contents: Calls
    settle_s: float
    """Seconds to wait before looking for what may have been created."""
