"""Read repositories' configs in subprocesses, like Terraform's files."""

from collections.abc import Collection
from dataclasses import dataclass

from ghapp.reading.processes import LONGEST_S, Reader
from ghapp.repository_config import CONFIG_PATH, ConfigInvalid, Problem, RepositoryConfig, read_config_in_force

_PROCESSES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Config:
    content: bytes | None
    branches: tuple[str, ...]
    repository_name: str


class Configs:
    """Reads configs, in its own processes, so that no config waits behind hundreds of Terraform files."""

    def __init__(self, *, file_limit_s: float = LONGEST_S) -> None:
        self._file_limit_s = file_limit_s
        self._reader = Reader(_read, file_limit_s=file_limit_s, processes=_PROCESSES)

    async def read(self, content: bytes | None, *, branches: Collection[str], repository_name: str) -> RepositoryConfig:
        """Read a config as `read_config_in_force` does. Raises ConfigInvalid, also if it takes too long."""
        if content is None:
            return read_config_in_force(None, branches=branches, repository_name=repository_name)
        config = _Config(content=content, branches=tuple(branches), repository_name=repository_name)
        [read] = await self._reader.read([config])
        match read:
            case RepositoryConfig():
                return read
            case ConfigInvalid():
                raise read
            case None:
                message = (
                    f"reading it took longer than {self._file_limit_s:g} seconds, so Planward gave up: make it smaller "
                    "and simpler and push; if it could be read before, press Re-run"
                )
                raise ConfigInvalid((Problem(path=CONFIG_PATH, line=1, column=1, key="", message=message),))

    def close(self) -> None:
        """Stop the processes."""
        self._reader.close()


def _read(config: _Config) -> RepositoryConfig | ConfigInvalid:
    try:
        return read_config_in_force(config.content, branches=config.branches, repository_name=config.repository_name)
    except ConfigInvalid as invalid:
        return invalid
