"""The config file, read as a whole: all that is wrong with it is said at once."""

from collections.abc import Callable, Collection, Mapping
from typing import Final, Literal, TypeVar, cast

from ghapp.repository_config import words
from ghapp.repository_config.document import Complaints, Value, parse_document
from ghapp.repository_config.entries import (
    read_drift,
    read_notify,
    read_secret,
    read_team,
    read_texts,
)
from ghapp.repository_config.environments import default_environments, read_environments
from ghapp.repository_config.model import CONFIG_PATH, RepositoryConfig
from ghapp.repository_config.root_module_entries import read_root_modules

KEYS: Final = (
    "team",
    "environments",
    "secrets",
    "root_modules",
    "confirm",
    "four_eyes",
    "drafts",
    "trusted_bots",
    "policies",
    "drift",
    "notify",
)
DRAFTS: Final = ("plan", "skip")
_Entry = TypeVar("_Entry")


def read_config(
    content: bytes | None, *, branches: Collection[str], repository_name: str, path: str = CONFIG_PATH
) -> RepositoryConfig:
    """Read a repository's config; None as content means that there is no file, and gives the defaults.

    `branches` are those that exist (staging and production are environments where nothing else is said),
    `repository_name` is the name without its owner when it was first seen, and `path` what complaints call the file.
    Raises ConfigInvalid with every problem of the file.
    """
    complaints = Complaints(path)
    document = None if content is None else parse_document(content, complaints)
    entries = (document.mapping("a mapping", KEYS) if document else None) or {}
    config = _read(entries, branches, repository_name.rpartition("/")[2], complaints)
    complaints.raise_any()
    return config


def _read(
    entries: Mapping[str, Value], branches: Collection[str], repository_name: str, complaints: Complaints
) -> RepositoryConfig:
    team = (read_team(entries["team"]) if "team" in entries else None) or repository_name
    if "environments" in entries:
        environments = read_environments(entries["environments"], team)
    else:
        environments = default_environments(team, branches)
    root_modules = entries.get("root_modules")
    drift = entries.get("drift")
    drafts = entries["drafts"].choice(DRAFTS) if "drafts" in entries else None
    four_eyes = entries["four_eyes"].boolean() if "four_eyes" in entries else None
    return RepositoryConfig(
        team=team,
        environments=environments,
        secrets=_list(entries, "secrets", read_secret),
        root_modules=read_root_modules(root_modules, environments) if root_modules else None,
        confirm=_texts(entries, "confirm", words.confirm_word),
        four_eyes=True if four_eyes is None else four_eyes,
        drafts=cast(Literal["plan", "skip"], drafts or "plan"),
        trusted_bots=_texts(entries, "trusted_bots", words.bot),
        policies=_texts(entries, "policies", words.path_inside),
        drift=read_drift(drift, tuple(environments)) if drift else None,
        notify=_list(entries, "notify", read_notify) or (),
        positions=complaints.positions,
    )


def _texts(entries: Mapping[str, Value], key: str, check: words.Check) -> tuple[str, ...]:
    return (read_texts(entries[key], check) if key in entries else None) or ()


def _list(entries: Mapping[str, Value], key: str, read: Callable[[Value], _Entry | None]) -> tuple[_Entry, ...] | None:
    if key not in entries:
        return None
    read_entries = (read(member) for member in entries[key].list("a list") or ())
    return tuple(entry for entry in read_entries if entry is not None)
