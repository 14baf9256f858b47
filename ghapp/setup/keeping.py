"""Store the credentials, under the names of the settings."""

import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ghapp.errors import SettingsError
from ghapp.vault import VaultRun
from ghapp.vault.session import Vault, VaultSession

_PLAIN = re.compile(r"[A-Za-z0-9_.:/@%+,-]+")
"""Characters that a shell, systemd and docker all take literally."""
_NOT_PLAIN = "use only letters, digits and _ . : / @ % + , - which sh, systemd and docker all read in the same way"
_OWN_FILES = {"PLANWARD_GITHUB_PRIVATE_KEY": "private-key.pem"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where the credentials are, and how `planward serve` gets them, as texts for people."""

    place: str
    next_step: str


class Keeper(Protocol):
    """Stores credentials. GitHub shows them only once, so `prepare` tests beforehand whether `keep` would work."""

    async def prepare(self, known: Mapping[str, str]) -> None:
        """Raises SettingsError or VaultError if nothing can be stored, or something is already stored.

        `known` are the values that do not come from GitHub.
        """

    async def keep(self, values: Mapping[str, str]) -> Kept:
        """Store the values under their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKeeper:
    """A file of environment variables, plus one file for each value that would need quotes, all with mode 0600.

    A shell, systemd's EnvironmentFile, `docker run --env-file` and Compose's env_file have different rules for quotes,
    so the file has no quotes. If the value of NAME would need them, as the private key does, it gets a file of its own,
    and the variable NAME_FILE has the path of that file.
    """

    path: Path
    overwrite: bool

    async def prepare(self, known: Mapping[str, str]) -> None:
        """Raises SettingsError if a file exists, cannot be created, or would be read differently by some program."""
        for name, value in known.items():
            if not _PLAIN.fullmatch(value):
                raise SettingsError(f"{name} is {value}: {_NOT_PLAIN}, or store it in Vault with --vault")
        if not _PLAIN.fullmatch(str(self.path)):
            raise SettingsError(f"--file: {self.path}: {_NOT_PLAIN}")
        for path in (self.path, self._own_file("PLANWARD_GITHUB_PRIVATE_KEY")):
            if path.exists() and not self.overwrite:
                raise SettingsError(f"{path} exists: choose another file with --file, or overwrite it with --force")
        try:
            with tempfile.NamedTemporaryFile(dir=self.path.parent, prefix=f".{self.path.name}-"):
                pass
        except OSError as error:
            raise SettingsError(f"nothing can be written to {self.path.parent}: {error.strerror}") from None

    async def keep(self, values: Mapping[str, str]) -> Kept:
        """Write each file atomically. If a file has appeared in the meantime, it stays, and the App's id is added to
        the new file's name."""
        app_id = values["PLANWARD_GITHUB_APP_ID"]
        lines = [
            "# Written by planward setup. NAME=VALUE without quotes, so that sh, systemd and docker can all read it."
        ]
        for name, value in values.items():
            if _PLAIN.fullmatch(value):
                lines.append(f"{name}={value}")
            else:
                own_file = self._write(self._own_file(name), value.strip() + "\n", app_id)
                lines.append(f"{name}_FILE={own_file}")
        path = self._write(self.path, "\n".join(lines) + "\n", app_id)
        return Kept(place=str(path), next_step=f"set -a; . {path}; set +a; planward serve")

    def _own_file(self, name: str) -> Path:
        return self.path.with_name(f"{self.path.stem}.{_OWN_FILES.get(name, name.lower())}")

    def _write(self, path: Path, content: str, app_id: str) -> Path:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}-", delete=False, encoding="utf-8"
        ) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        written = Path(file.name)
        if self.overwrite:
            return written.replace(path)
        for place in (path, path.with_name(f"{path.name}.{app_id}")):
            with suppress(FileExistsError):
                os.link(written, place)
                written.unlink()
                return place
        return written


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultKeeper:
    """One secret in Vault's KV, whose keys are the names of the settings."""

    vault: Vault
    path: str
    overwrite: bool

    async def prepare(self, known: Mapping[str, str]) -> None:
        """Raises SettingsError if a secret exists, and VaultError if it cannot be read or written."""
        async with self._session() as session:
            if await session.holds(self.path) and not self.overwrite:
                raise SettingsError(f"{self.path} in Vault exists: choose another path, or overwrite it with --force")
            await session.require_writable(self.path)

    async def keep(self, values: Mapping[str, str]) -> Kept:
        """Write the secret. Its keys are the names of the settings."""
        async with self._session() as session:
            await session.write(self.path, values)
        return Kept(
            place=f"{self.path} in Vault",
            next_step=f"give `planward serve` the keys of {self.path} as environment variables, then start it",
        )

    def _session(self) -> AbstractAsyncContextManager[VaultSession]:
        run = VaultRun(team="planward", environment="planward", branch="planward", operation="setup")
        return self.vault.session(run)
