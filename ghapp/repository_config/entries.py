"""The parts of the config that stand for themselves: secrets, drift, notifications, lists of texts."""

import re
from collections.abc import Collection, Mapping
from typing import Final, Literal, cast
from urllib.parse import urlsplit

from ghapp.repository_config import words
from ghapp.repository_config.cron import cron_problem
from ghapp.repository_config.document import Value, did_you_mean
from ghapp.repository_config.model import (
    OCCASIONS,
    Drift,
    Notify,
    Occasion,
)
from ghapp.values import EnvironmentName
from ghapp.vault import SecretSource

SECRET_KEYS: Final = ("path", "as", "field", "map")
DRIFT_KEYS: Final = ("schedule", "environments")
NOTIFY_KEYS: Final = ("url", "on")


def read_text(value: Value, check: words.Check, wanted: str = "a text") -> str | None:
    """A text that passes a check."""
    text = value.text(wanted)
    if text is None:
        return None
    wrong = check(text)
    if wrong:
        value.refuse(wrong)
        return None
    return text


def read_texts(value: Value, check: words.Check, wanted: str = "a list of texts") -> tuple[str, ...] | None:
    """A list of texts, each once."""
    members = value.list(wanted)
    if members is None:
        return None
    texts: list[str] = []
    for member in members:
        text = read_text(member, check)
        if text is not None and text in texts:
            member.refuse(f'is there twice: "{text}"; keep one of them')
        elif text is not None:
            texts.append(text)
    return tuple(texts)


def read_secret(value: Value) -> SecretSource | None:
    """One line of `secrets`."""
    entries = value.mapping("a mapping with path and as", SECRET_KEYS)
    if entries is None:
        return None
    path = required(value, entries, "path", words.secret_path)
    form = entries["as"].choice(("tfvars", "env")) if "as" in entries else "tfvars"
    field = read_text(entries["field"], lambda text: None) if "field" in entries else None
    renames = _read_map(entries["map"], form, field) if "map" in entries else {}
    if path is None or form is None:
        return None
    return SecretSource(path=path, form=cast(Literal["tfvars", "env"], form), field=field, map=renames)


def _read_map(value: Value, form: str | None, field: str | None) -> dict[str, str]:
    variable = words.form(words.VARIABLE, "must be the name of a variable")
    renames: dict[str, str] = {}
    for name, entry in (value.mapping("a mapping from keys of the secret to names") or {}).items():
        if field is not None and name != field:
            entry.refuse(f'cannot rename "{name}": field takes "{field}" alone', at=entry.key_position)
        renamed = read_text(entry, words.environment_variable if form == "env" else variable)
        if renamed is not None and renamed in renames.values():
            entry.refuse(f'two keys cannot both become "{renamed}"')
        elif renamed is not None:
            renames[name] = renamed
    return renames


def read_team(value: Value) -> str | None:
    """TEAM: one segment of a Vault path."""
    message = 'must be one part of a path in Vault: letters, digits, ".", "_" and "-"'
    return read_text(value, words.form(words.TEAM, message))


def read_drift(value: Value, environments: Collection[EnvironmentName]) -> Drift | None:
    """`drift`; `environments` are those that there are, testing first."""
    entries = value.mapping("a mapping with schedule", DRIFT_KEYS)
    if entries is None:
        return None
    schedule = required(value, entries, "schedule", cron_problem)
    chosen = tuple(name for name in environments if name != "testing")
    if "environments" in entries:
        named = read_texts(entries["environments"], lambda text: unknown_environment(text, environments))
        chosen = tuple(EnvironmentName(name) for name in named or ())
    return None if schedule is None else Drift(schedule=schedule, environments=chosen)


def read_notify(value: Value) -> Notify | None:
    """One entry of `notify`."""
    entries = value.mapping("a mapping with url", NOTIFY_KEYS)
    if entries is None:
        return None
    url = required(value, entries, "url", _url)
    occasions = OCCASIONS
    if "on" in entries:
        named = read_texts(entries["on"], _occasion, f"a list of {', '.join(OCCASIONS)}")
        occasions = tuple(cast(Occasion, name) for name in named or ())
    return None if url is None else Notify(url=url, on=occasions)


def unknown_environment(name: str, environments: Collection[str]) -> str | None:
    """What is wrong with the name of an environment that must be one of these; none of them: no other has a branch."""
    if name in environments:
        return None
    near = did_you_mean(name, environments) or (
        f"; there are: {', '.join(environments)}" if environments else "; no other has a branch"
    )
    return f'there is no environment "{name}"{near}'


def _occasion(text: str) -> str | None:
    if text in OCCASIONS:
        return None
    return f'must be one of {", ".join(OCCASIONS)}, not "{text}"{did_you_mean(text, OCCASIONS)}'


def _url(text: str) -> str | None:
    wanted = "must be an address such as https://…, vault:PATH#KEY or one of apprise's"
    scheme, _, rest = text.partition(":")
    if scheme == "vault":
        path, hash_sign, key = rest.partition("#")
        if not hash_sign or not key or "*" in path:
            return f"{wanted}: vault: needs the path of one secret and #KEY"
        return words.secret_path(path)
    # The text is not repeated: such an address is itself a secret.
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]+", text):
        return wanted
    if scheme in ("http", "https"):
        try:
            host = urlsplit(text).hostname
        except ValueError:
            host = None
        return None if host else f"{wanted}: it names no host"
    return None


def required(value: Value, entries: Mapping[str, Value], key: str, check: words.Check) -> str | None:
    """The text of a key that has no default."""
    if key not in entries:
        value.refuse(f"{key} is missing")
        return None
    return read_text(entries[key], check)
