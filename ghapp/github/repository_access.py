"""Access to one repository, shared by all calls about it."""

from dataclasses import dataclass

from ghapp.events import RepositoryRef
from ghapp.github.calls import Calls


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryAccess:
    """One repository of one installation.

    The tokens of the calls `teams` may read teams' members. Those of `contents` may read the repository's contents.
    """

    app_id: int
    repository: RepositoryRef
    calls: Calls
    teams: Calls
    contents: Calls
    settle_s: float
    """Seconds to wait before looking for an object that may have been created."""
