"""Log in, read, renew leases during the run, and revoke everything."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import structlog

from checks.authority.teams import ClosedTeam, OpenTeam, open_by_team, secret_of
from ghapp.vault.authority import Authority, OwnLogin
from ghapp.vault.client import Client, Mount
from ghapp.vault.credentials import Credentials, Secret, combine_secrets
from ghapp.vault.errors import (
    SecretPathInvalid,
    SecretsMissing,
    TeamClosed,
    VaultDenied,
    VaultError,
    VaultFault,
)
from ghapp.vault.settings import VaultSettings
from ghapp.vault.sources import (
    FilledSource,
    SecretSource,
    VaultRun,
    check_segment,
    fill,
    fill_source,
    narrower,
)

log = structlog.get_logger()

_MOST_SECRETS = 2000
_SHORTEST_PAUSE_S = 0.5
_T = TypeVar("_T")


class Vault:
    """Opens sessions; stores nothing between them."""

    def __init__(self, settings: VaultSettings, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._settings = settings
        self._sleep = sleep

    async def require_answer(self) -> None:
        """Check whether Vault answers and is unsealed. Raises VaultUnreachable, VaultSealed."""
        client = Client(self._settings)
        try:
            await asyncio.to_thread(client.require_unsealed)
        finally:
            client.close()

    @asynccontextmanager
    async def credentials(
        self, sources: Sequence[SecretSource], run: VaultRun, authority: Authority
    ) -> AsyncIterator[Credentials]:
        """Log in for one run, check whether it may use the team's secrets, and read its secrets.

        Until that check has passed, nothing is read but the team's list of repositories.

        Raises TeamClosed, and the exceptions of `session` and of `VaultSession.read`.
        """
        async with self.session(run) as session:
            opened = await session.open_team(authority)
            yield await session.read(sources, opened)

    @asynccontextmanager
    async def session(self, run: VaultRun) -> AsyncIterator["VaultSession"]:
        """Log in for one run. At the end its leases and the login's token are always revoked.

        An operator's VAULT_TOKEN is never revoked. Raises VaultLoginRefused, VaultSealed, VaultUnreachable, VaultFault.
        """
        role = fill(self._settings.role or "", run.role_values, what="VAULT_ROLE")
        client = Client(self._settings)
        session = VaultSession(client, run)
        try:
            await session.log_in(role)
            keeping = asyncio.ensure_future(session.keep_alive(self._sleep))
            try:
                yield session
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
        finally:
            await _wait_to_end(session.revoke_all())
            client.close()


class VaultSession:
    """A logged-in client for one run, and the leases to revoke."""

    def __init__(self, client: Client, run: VaultRun) -> None:
        self._client = client
        self._run = run
        self._one_at_a_time = asyncio.Lock()
        self._mounts: list[Mount] = []
        self._leases: list[_Lease] = []
        self._logged_in = False
        self._changed = asyncio.Event()

    async def open_team(self, authority: Authority) -> OpenTeam:
        """Check whether the run may use the secrets of its team.

        The list of repositories in the team's secret is read only if the operator's rules do not already grant access.
        A person's own login always passes this check, since Vault returns only what that person may read.

        Raises TeamClosed with the command that grants access, and the exceptions of `Vault.session`.
        """
        team = self._run.team
        opened = authority.open_without_asking(team)
        if opened is not None:
            return opened
        assert not isinstance(authority, OwnLogin)
        try:
            answer = await self._in_thread(partial(self._read_list, secret_of(team)))
        except VaultDenied as error:
            decided = open_by_team(team, authority.repository, None)
            assert isinstance(decided, ClosedTeam)
            raise TeamClosed(f"{decided.cause} {error}.") from None
        decided = open_by_team(team, authority.repository, answer)
        if isinstance(decided, ClosedTeam):
            raise TeamClosed(decided.cause)
        return decided

    async def read(self, sources: Sequence[SecretSource], opened: OpenTeam) -> Credentials:
        """Read all secrets that the config's entries name. `opened` must be the team of this session.

        Raises SecretsMissing, SecretsContradict, SecretPathInvalid, VaultDenied and the exceptions of a session.
        """
        if opened.name != self._run.team:
            raise ValueError("the team that was opened is not the session's")
        filled = [fill_source(source, self._run.values) for source in sources]
        secrets = await self._in_thread(lambda: [secret for one in filled for secret in self._read(one, filled)])
        self._changed.set()
        return combine_secrets(secrets)

    async def has_any(self, sources: Sequence[SecretSource], opened: OpenTeam) -> bool:
        """Whether these entries match any secret; a dynamic secret counts as existing.

        Raises SecretPathInvalid, VaultDenied and the exceptions of a session.
        """
        if opened.name != self._run.team:
            raise ValueError("the team that was opened is not the session's")
        filled = [fill_source(source, self._run.values) for source in sources]
        return await self._in_thread(lambda: any(map(self._exists, filled)))

    async def holds(self, path: str) -> bool:
        """Whether there is a secret at a path of a KV engine. Raises SecretPathInvalid and the exceptions of a
        session."""
        return await self._in_thread(lambda: self._client.read_secret(self._kv_mount_of(path), path)) is not None

    async def require_writable(self, path: str) -> None:
        """Raise VaultDenied if Vault reports that this session may not write a secret of a KV engine."""
        await self._in_thread(lambda: self._client.require_writable(self._kv_mount_of(path), path))

    async def write(self, path: str, data: Mapping[str, str]) -> None:
        """Write a secret to a KV engine. Raises SecretPathInvalid and the exceptions of a session."""
        await self._in_thread(lambda: self._client.write_secret(self._kv_mount_of(path), path, data))

    async def sign(self, key: str, message: bytes) -> bytes:
        """Sign with a key that never leaves Vault: RSASSA-PKCS1-v1_5 with SHA-256, by the transit engine.

        `key` is its name, or MOUNT/NAME if the engine is not at `transit`. Raises VaultDenied and the exceptions of a
        session.
        """
        for segment in key.split("/"):
            check_segment(segment, f'the key "{key}" of the transit engine')
        return await self._in_thread(partial(self._client.sign, key, message))

    async def log_in(self, role: str) -> None:
        """Log in with a role; called by Vault.session."""
        await self._in_thread(partial(self._log_in, role))

    async def keep_alive(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Renew each lease when half of its time is over, until cancelled."""
        while True:
            self._changed.clear()
            alive = [lease for lease in self._leases if lease.duration_s > 0 and lease.renewable]
            due = min((lease.due for lease in alive), default=None)
            if due is None:
                await self._changed.wait()
            elif await _sleep_unless(sleep, max(due - time.monotonic(), _SHORTEST_PAUSE_S), unless=self._changed):
                for lease in alive:
                    if lease.due <= due:
                        await self._in_thread(partial(self._renew, lease))

    async def revoke_all(self) -> None:
        """Revoke the leases, then the login's token. Failures are logged; the leases and the token then expire."""
        for lease in self._leases:
            if lease.lease_id:
                await self._in_thread(partial(self._revoke, lease))
        if self._logged_in:
            self._logged_in = False
            await self._in_thread(self._revoke_token)

    def _log_in(self, role: str) -> None:
        login = self._client.log_in(role)
        if login is not None:
            self._logged_in = True
            if login.renewable and login.duration_s:
                self._leases.append(_Lease(lease_id="", path="auth/token", duration_s=login.duration_s))

    def _read_list(self, path: str) -> str | None:
        """The key `repositories` of a team's secret; None if there is none."""
        answer = self._client.read_secret(self._kv_mount_of(path), path)
        listed = None if answer is None else answer.data.get("repositories")
        if isinstance(listed, list):
            return ",".join(str(each) for each in listed)
        return None if listed is None else str(listed)

    def _read(self, filled: FilledSource, all_filled: Sequence[FilledSource]) -> Iterator[Secret]:
        mount = self._mount_of(filled.path)
        if filled.is_prefix:
            yield from self._read_below(mount, filled, narrower(filled, all_filled))
            return
        answer = self._client.read_secret(mount, filled.path)
        if answer is None:
            if filled.may_be_missing:
                return
            raise SecretsMissing(
                f"there is no secret at {filled.path} in Vault: write it there, or remove its line from `secrets` "
                "in .github/planward.yml"
            )
        if answer.lease_id:
            self._leases.append(
                _Lease(
                    lease_id=answer.lease_id,
                    path=filled.path,
                    duration_s=answer.lease_duration_s,
                    renewable=answer.renewable,
                )
            )
        yield Secret(path=filled.path, source=filled.source, data=answer.data)

    def _exists(self, filled: FilledSource) -> bool:
        mount = self._mount_of(filled.path)
        if mount.engine == "other":
            return True
        if filled.is_prefix:
            return bool(self._client.list_secrets(mount, filled.path))
        return self._client.read_secret(mount, filled.path) is not None

    def _read_below(self, mount: Mount, filled: FilledSource, left: Sequence[FilledSource]) -> Iterator[Secret]:
        found = 0
        for path in self._walk(mount, filled.path):
            found += 1
            if found > _MOST_SECRETS:
                raise VaultFault(
                    f"there are more than {_MOST_SECRETS} secrets below {filled.path}/: name narrower paths "
                    "under `secrets` in .github/planward.yml"
                )
            if any(line.covers(path) for line in left):
                continue
            answer = self._client.read_secret(mount, path)
            if answer is None:
                found -= 1  # Vault still lists a secret whose newest version is deleted
            else:
                yield Secret(path=path, source=filled.source, data=answer.data)
        if not found:
            raise SecretsMissing(
                f"there is nothing below {filled.path}/ in Vault: write the environment's secrets there "
                f"(vault kv put {filled.path}/NAME key=value), or put `secrets: []` into .github/planward.yml"
            )

    def _walk(self, mount: Mount, path: str) -> Iterator[str]:
        for name in self._client.list_secrets(mount, path):
            check_segment(name.removesuffix("/"), f"the list of secrets below {path}/")
            if name.endswith("/"):
                yield from self._walk(mount, f"{path}/{name.removesuffix('/')}")
            else:
                yield f"{path}/{name}"

    def _kv_mount_of(self, path: str) -> Mount:
        for segment in path.split("/"):
            check_segment(segment, f'the path "{path}"')
        mount = self._mount_of(path)
        if mount.engine == "other" or not mount.below(path):
            raise SecretPathInvalid(f"{path} is not a secret in a KV engine: name one, as in kv/planward/github")
        return mount

    def _mount_of(self, path: str) -> Mount:
        for mount in self._mounts:
            if path == mount.path or path.startswith(f"{mount.path}/"):
                return mount
        mount = self._client.mount_of(path)
        self._mounts.append(mount)
        return mount

    def _renew(self, lease: "_Lease") -> None:
        try:
            if lease.lease_id:
                lease.extend(self._client.renew_lease(lease.lease_id, lease.path))
            else:
                lease.extend(self._client.renew_token())
        except VaultError:
            # The run continues: its credentials are valid until the lease expires. After that, Terraform fails.
            log.warning("lease_not_renewed", path=lease.path)
            lease.renewable = False

    def _revoke(self, lease: "_Lease") -> None:
        try:
            self._client.revoke_lease(lease.lease_id, lease.path)
        except VaultError:
            # The default policy does not allow this, but revoking the login's token also revokes the lease.
            log.warning("lease_not_revoked", path=lease.path)

    def _revoke_token(self) -> None:
        try:
            self._client.revoke_token()
        except VaultError:
            log.warning("token_not_revoked")

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        async with self._one_at_a_time:
            return await _wait_to_end(asyncio.to_thread(call))


@dataclass(slots=True, kw_only=True)
class _Lease:
    lease_id: str = field(repr=False)
    path: str
    duration_s: int
    renewable: bool = True
    due: float = 0.0

    def __post_init__(self) -> None:
        self.extend(self.duration_s)

    def extend(self, duration_s: int) -> None:
        """Record how long the lease is valid from now on."""
        self.duration_s = duration_s
        self.due = time.monotonic() + duration_s / 2


async def _sleep_unless(sleep: Callable[[float], Awaitable[None]], seconds: float, *, unless: asyncio.Event) -> bool:
    """Sleep. Returns False if `unless` was set before the end."""
    sleeping, changing = asyncio.ensure_future(sleep(seconds)), asyncio.ensure_future(unless.wait())
    try:
        await asyncio.wait({sleeping, changing}, return_when=asyncio.FIRST_COMPLETED)
        return sleeping.done()
    finally:
        sleeping.cancel()
        changing.cancel()
        await asyncio.gather(sleeping, changing, return_exceptions=True)


async def _wait_to_end(work: Awaitable[_T]) -> _T:
    """Wait until the work ends, even if the wait is cancelled. Otherwise the work could create a lease that is
    never recorded, and therefore never revoked."""
    working = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait({working})
        raise
