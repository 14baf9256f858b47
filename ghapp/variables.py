"""Read the operator's settings from environment variables: texts, numbers, sizes, addresses and files."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from ghapp.errors import SettingsError

MB = 1_000_000
WITH_FILES = frozenset(
    {
        "PLANWARD_GITHUB_PRIVATE_KEY",
        "PLANWARD_GITHUB_WEBHOOK_SECRET",
        "PLANWARD_GITHUB_CLIENT_SECRET",
        "PLANWARD_ENCRYPTION_KEY",
        "PLANWARD_DATABASE_URL",
        "PLANWARD_METRICS_TOKEN",
        "VAULT_TOKEN",
        "VAULT_SECRET_ID",
    }
)
"""Settings that can also come from a file named by `NAME_FILE`."""


class Recorded(Mapping[str, str]):
    """The environment; it records which names are read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self._asked.add(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)

    def unknown(self) -> tuple[str, ...]:
        """Variables that were never read but are named like settings, each with the setting that was probably meant."""
        found = sorted(name for name in self._environ if name.startswith("PLANWARD_") and name not in self._asked)
        near = {name: get_close_matches(name, self._asked, 1, 0.8) for name in found}
        return tuple(f"{name} (did you mean {near[name][0]}?)" if near[name] else name for name in found)


class Variables:
    """Reads settings from the environment. A secret may also be in the file that `NAME_FILE` names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str) -> str | None:
        value = self._environ.get(name)
        file = self._environ.get(f"{name}_FILE") if name in WITH_FILES else None
        if value and file:
            raise SettingsError(f"{name} and {name}_FILE are both set: keep one")
        if file:
            try:
                value = Path(file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"{name}_FILE: {file} cannot be read: {type(error).__name__}") from None
        return value or None

    def needed(self, name: str, what: str) -> str:
        value = self.text(name)
        if value is None:
            also = f" (or {name}_FILE to a file that holds it)" if name in WITH_FILES else ""
            raise SettingsError(f"{name} is not set: set it to {what}{also}")
        return value

    def number(self, name: str, default: float, *, least: float = 0) -> float:
        text = self.text(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = -1
        if not least <= value < float("inf"):
            raise SettingsError(f"{name} is {text[:40]!r}: set it to a number of at least {least:g}")
        return value

    def flag(self, name: str) -> bool:
        """Read true or false; false if it is not set."""
        value = (self.text(name) or "false").lower()
        if value not in ("true", "false"):
            raise SettingsError(f"{name} is {value[:40]!r}: set it to true or false")
        return value == "true"

    def days(self, name: str, default: float, *, least: float) -> float:
        """Read a number of days. 0 means forever."""
        value = self.number(name, default)
        if 0 < value < least:
            raise SettingsError(f"{name} is {value:g}: set it to 0 (forever), or to at least {least:g} days")
        return value

    def size(self, name: str, default_bytes: int) -> int | None:
        """Read a size in MB, and return it in bytes; None if it is 0."""
        return int(self.number(name, default_bytes / MB) * MB) or None

    def host_and_port(self, name: str) -> tuple[str, int] | None:
        text = self.text(name)
        if text is None:
            return None
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (colon and host and port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) < 65_536):
            raise SettingsError(f"{name} is {text[:40]!r}: set it to HOST:PORT, such as 127.0.0.1:9100")
        return host, int(port)

    def url(self, name: str, default: str) -> str:
        value = (self.text(name) or default).rstrip("/")
        if not _is_address(value):
            raise SettingsError(f"{name} is not an address: set it to http(s)://HOST[:PORT][/PATH]")
        return value


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    more = parts.username or parts.password or parts.query or parts.fragment
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0 and not more


def split(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
