"""Repositories that Planward has seen, keyed by GitHub's id, which survives renames and transfers."""

from dataclasses import dataclass

from sqlalchemy import Row, select, update

from ghapp.store.database import Database, upsert
from ghapp.store.tables import repositories
from ghapp.values import InstallationId, RepositoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRepository:
    """A repository as last seen in a delivery."""

    id: RepositoryId
    installation_id: InstallationId
    full_name: str
    clone_url: str
    default_branch: str
    first_name: str
    """Its name without the owner when it was first seen: the default of `team`, so that a rename moves no secret."""
    first_seen_at: float
    active: bool


class Repositories:
    """Rows of repositories."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def see(
        self,
        *,
        id: RepositoryId,
        installation_id: InstallationId,
        full_name: str,
        clone_url: str,
        default_branch: str,
    ) -> KnownRepository:
        """Note a repository as a delivery tells of it; the first name and time stay."""
        values = {
            "id": id,
            "installation_id": installation_id,
            "full_name": full_name,
            "clone_url": clone_url,
            "default_branch": default_branch,
            "first_name": full_name.rpartition("/")[2],
            "first_seen_at": self._db.clock(),
            "active": True,
        }
        changing = ["installation_id", "full_name", "clone_url", "default_branch", "active"]
        await self._db.run(lambda c: upsert(c, repositories, values, update=changing))
        return await self.load(id)

    async def load(self, id: RepositoryId) -> KnownRepository:
        """The repository of this id. Raises KeyError where it was never seen."""
        found = await self.find(id)
        if found is None:
            raise KeyError(id)
        return found

    async def find(self, id: RepositoryId) -> KnownRepository | None:
        """The repository of this id, or None."""
        row = await self._db.run(lambda c: c.execute(select(repositories).where(repositories.c.id == id)).first())
        return None if row is None else _read(row)

    async def find_by_name(self, full_name: str) -> KnownRepository | None:
        """The active repository of this name, or None."""
        query = select(repositories).where(repositories.c.full_name == full_name, repositories.c.active)
        row = await self._db.run(lambda c: c.execute(query).first())
        return None if row is None else _read(row)

    async def all_active(self) -> tuple[KnownRepository, ...]:
        """Every repository on which the App is installed, by name."""
        query = select(repositories).where(repositories.c.active).order_by(repositories.c.full_name)
        return tuple(_read(row) for row in await self._db.run(lambda c: c.execute(query).all()))

    async def deactivate(self, id: RepositoryId) -> None:
        """The App is no longer installed there, or the repository is gone."""
        await self._db.run(
            lambda c: c.execute(update(repositories).where(repositories.c.id == id).values(active=False))
        )


def _read(row: Row[tuple[object, ...]]) -> KnownRepository:
    return KnownRepository(**row._mapping)
