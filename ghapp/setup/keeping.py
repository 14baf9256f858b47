"""Where the credentials are kept, under the names of the settings."""

import os
import tempfile
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ghapp.errors import SettingsError
from ghapp.vault import Vault, VaultRun, VaultSession


class Keeper(Protocol):
    """Where credentials go. GitHub tells them once, so that `prepare` finds out before whether `keep` would work."""

    async def prepare(self) -> None:
        """Raises SettingsError or VaultError where nothing can be kept, or something is there already."""

    async def keep(self, values: Mapping[str, str]) -> str:
        """Keep the values by their names; gives the place, for people."""

    def next_step(self) -> str:
        """How `planward serve` comes to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKeeper:
    """A file that shells and systemd read as environment variables, with mode 0600."""

    path: Path
    overwrite: bool

    async def prepare(self) -> None:
        """Raises SettingsError where the file is there, or cannot be made."""
        if self.path.exists() and not self.overwrite:
            raise SettingsError(f"{self.path} exists: say --file for another one, or --force to overwrite it")
        try:
            with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=f".{self.path.name}-"):
                pass
        except OSError as error:
            raise SettingsError(f"nothing can be written to {self.path.parent}: {error.strerror}") from None

    async def keep(self, values: Mapping[str, str]) -> str:
        """Write the file whole or not at all. One that has come meanwhile is left, and the name gets the App's id."""
        content = "".join(f"{name}={_quoted(value)}\n" for name, value in values.items())
        with tempfile.NamedTemporaryFile(
            "w", dir=self.path.parent, prefix=f".{self.path.name}-", delete=False, encoding="utf-8"
        ) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written = Path(file.name)
        if self.overwrite:
            written.replace(self.path)
            return str(self.path)
        for path in (self.path, self.path.with_name(f"{self.path.name}.{values['PLANWARD_GITHUB_APP_ID']}")):
            with suppress(FileExistsError):
                os.link(written, path)
                written.unlink()
                return str(path)
        return str(written)

    def next_step(self) -> str:
        """For a shell; systemd reads it as EnvironmentFile."""
        return f"set -a; . {self.path}; set +a; planward serve"


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultKeeper:
    """One secret in Vault's KV, its keys the names of the settings."""

    vault: Vault
    path: str
    overwrite: bool

    async def prepare(self) -> None:
        """Raises SettingsError where a secret is there, and VaultError where it cannot be read or written."""
        async with self._session() as session:
            if await session.holds(self.path) and not self.overwrite:
                raise SettingsError(f"{self.path} in Vault exists: name another path, or say --force to overwrite it")
            await session.require_writable(self.path)

    async def keep(self, values: Mapping[str, str]) -> str:
        """Write the secret."""
        async with self._session() as session:
            await session.write(self.path, values)
        return f"{self.path} in Vault"

    def next_step(self) -> str:
        """Its keys are the variables."""
        return f"give `planward serve` the keys of {self.path} as environment variables, then start it"

    def _session(self) -> AbstractAsyncContextManager[VaultSession]:
        run = VaultRun(team="planward", environment="planward", branch="planward", operation="setup")
        return self.vault.session(run)


def _quoted(value: str) -> str:
    """As sh and systemd read it, over several lines too; what GitHub gives has no single quote."""
    if "'" in value:
        raise SettingsError("a value with a single quote cannot be kept in a file: keep it in Vault, by --vault")
    return f"'{value.strip()}'"
