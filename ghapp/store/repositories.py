"""The repositories that Planward has seen, keyed by GitHub's id, which survives renames and transfers."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from checks.authority.teams import RepositoryIdentity
from ghapp.store.database import Database, equal, upsert
from ghapp.store.tables import repositories, repository_names
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
    """Its name without the owner when it was first seen. It is the default of `team`, so that a rename does not change
    the secrets."""
    first_seen_at: float
    active: bool


def _all() -> Select[Any]:
    return select(*(repositories.c[name] for name in KnownRepository.__slots__))


# Built once: these are asked many times for every pull request.
_FIND = _all().where(*equal(repositories, "id"))
_NAMES = (
    select(repository_names.c.name).where(*equal(repository_names, "repository_id")).order_by(repository_names.c.at)
)


class Repositories:
    """Rows of repositories."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def record(
        self,
        *,
        id: RepositoryId,
        installation_id: InstallationId,
        full_name: str,
        clone_url: str,
        default_branch: str,
    ) -> KnownRepository:
        """Record a repository as a delivery describes it; the first name and time do not change.

        The name under which it is first seen is bound to it, unless another repository was seen under that name
        before.
        """
        values = {
            "id": id,
            "installation_id": installation_id,
            "full_name": full_name,
            "clone_url": clone_url,
            "default_branch": default_branch,
            "first_name": full_name.rpartition("/")[2],
            "first_seen_at": self._db.clock(),
            "active": True,
            "left_at": None,
        }
        changing = ["installation_id", "full_name", "clone_url", "default_branch", "active", "left_at"]

        def write(connection: Connection) -> KnownRepository:
            if connection.execute(_FIND, {"id": id}).first() is None:
                name = {"name": full_name.casefold(), "repository_id": id, "at": self._db.clock()}
                upsert(connection, repository_names, name, update=[])
            upsert(connection, repositories, values, update=changing)
            return _read(connection.execute(_FIND, {"id": id}).one())

        return await self._db.run(write)

    async def load(self, id: RepositoryId) -> KnownRepository:
        """The repository with this id. Raises KeyError if it was never seen."""
        found = await self.find(id)
        if found is None:
            raise KeyError(id)
        return found

    async def identity(self, repository: KnownRepository) -> RepositoryIdentity:
        """The facts that distinguish a repository from others that have had, or will have, the same name."""
        values = {"repository_id": repository.id}
        row = await self._db.read(lambda connection: connection.execute(_NAMES, values).first())
        return RepositoryIdentity(
            id=repository.id, full_name=repository.full_name, bound_name=None if row is None else str(row.name)
        )

    async def find(self, id: RepositoryId) -> KnownRepository | None:
        """The repository with this id, or None."""
        row = await self._db.read(lambda c: c.execute(_FIND, {"id": id}).first())
        return None if row is None else _read(row)

    async def find_by_name(self, full_name: str) -> KnownRepository | None:
        """The active repository with this name, or None."""
        query = _all().where(repositories.c.full_name == full_name, repositories.c.active)
        row = await self._db.read(lambda c: c.execute(query).first())
        return None if row is None else _read(row)

    async def all_active(self) -> tuple[KnownRepository, ...]:
        """Every repository on which the App is installed, by name."""
        query = _all().where(repositories.c.active).order_by(repositories.c.full_name)
        return tuple(_read(row) for row in await self._db.read(lambda c: c.execute(query).all()))

    async def all_of(self, installation: InstallationId) -> tuple[KnownRepository, ...]:
        """Every repository that this installation was last seen on, by name, including inactive ones."""
        query = _all().where(repositories.c.installation_id == installation).order_by(repositories.c.full_name)
        return tuple(_read(row) for row in await self._db.read(lambda c: c.execute(query).all()))

    async def uninstalled(self, ids: Collection[int]) -> frozenset[int]:
        """The ids among these whose repositories removed the App permanently."""
        c = repositories.c
        query = select(c.id).where(c.id.in_(ids), c.left_at.is_not(None))
        rows = await self._db.run(lambda connection: connection.execute(query).all())
        return frozenset(id for (id,) in rows)

    async def deactivate(self, id: RepositoryId, *, for_good: bool) -> None:
        """Mark a repository as inactive. `for_good`: whether the App was removed or the repository was deleted."""
        left_at = {"left_at": self._db.clock()} if for_good else {}
        statement = update(repositories).where(repositories.c.id == id).values(active=False, **left_at)
        await self._db.run(lambda c: c.execute(statement))


def _read(row: Row[tuple[object, ...]]) -> KnownRepository:
    return KnownRepository(**row._mapping)
