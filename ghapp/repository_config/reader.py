"""Read the config file as a whole, and report all its errors at once."""

from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from ghapp.repository_config import keys, words
from ghapp.repository_config.document import Complaints, Value, parse_document
from ghapp.repository_config.environments import default_environments, read_environments
from ghapp.repository_config.forms import Entries, Text
from ghapp.repository_config.model import CONFIG_PATH, ConfigInvalid, Notify, Problem, RepositoryConfig
from ghapp.repository_config.root_modules import read_root_modules
from ghapp.values import TESTING
from ghapp.vault import SecretSource

_Entry = TypeVar("_Entry")


def read_config(
    content: bytes | None, *, branches: Collection[str], repository_name: str, path: str = CONFIG_PATH
) -> RepositoryConfig:
    """Read a repository's config. Without a file (`content` is None), return the defaults.

    `branches` are the existing ones, on which the default environments depend. `repository_name`, without the owner, is
    the default of `team`: for the server, it is the name that the repository had when it was first seen. `path` is the
    file's name in complaints. Raises ConfigInvalid with every error in the file, and with everything that this version
    does not implement.
    """
    config = read_config_in_force(content, branches=branches, repository_name=repository_name, path=path)
    config.require_implemented()
    return config


def read_config_in_force(
    content: bytes | None, *, branches: Collection[str], repository_name: str, path: str = CONFIG_PATH
) -> RepositoryConfig:
    """Read a config that another version of Planward may have accepted, to determine approvers and branches.

    Parts that this version does not implement are listed in `unimplemented` and otherwise ignored. Nothing is planned
    or applied under a config with such parts, but a pull request can correct it. If the file has any other error,
    raises ConfigInvalid with all its errors.
    """
    complaints = Complaints(path)
    document = None if content is None else parse_document(content, complaints)
    entries = (keys.CONFIG.read(document) if document else None) or {}
    config = _read(entries, branches, repository_name.rpartition("/")[2], complaints)
    if complaints.problems:
        raise ConfigInvalid(_in_file_order((*complaints.problems, *complaints.unimplemented)))
    return config


def _in_file_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))


def _read(
    entries: Entries, branches: Collection[str], repository_name: str, complaints: Complaints
) -> RepositoryConfig:
    team = keys.TEAM.of(entries) or repository_name
    listed = keys.ENVIRONMENTS.of(entries)
    environments = default_environments(team, branches) if listed is None else read_environments(listed, team)
    testing, others = environments
    secrets, root_modules = keys.SECRETS.of(entries), keys.ROOT_MODULES.of(entries)
    return RepositoryConfig(
        team=team,
        testing=testing,
        branch_environments=others,
        secrets=None if secrets is None else _each(_read_secret, secrets),
        root_modules=None if root_modules is None else read_root_modules(root_modules, (TESTING, *others)),
        confirm=keys.CONFIRM.of(entries),
        four_eyes=keys.FOUR_EYES.of(entries),
        drafts=keys.DRAFTS.of(entries),
        trusted_bots=keys.TRUSTED_BOTS.of(entries),
        notify=_each(_read_notify, keys.NOTIFICATIONS.of(entries)),
        unimplemented=_in_file_order(complaints.unimplemented),
        positions=complaints.positions,
    )


def _read_secret(value: Value) -> SecretSource | None:
    """Read one entry of `secrets`."""
    entries = keys.SECRET.read(value)
    if entries is None:
        return None
    path, form, field = keys.SECRET_PATH.of(entries), keys.SECRET_AS.of(entries), keys.SECRET_FIELD.of(entries)
    renames = _read_renames(keys.SECRET_MAP.of(entries) or {}, form, field)
    return None if path is None else SecretSource(path=path, form=form, field=field, map=renames)


def _read_renames(entries: Entries, form: keys.SecretForm, field: str | None) -> dict[str, str]:
    name_of = Text(words.VARIABLE, words.environment_variable) if form == "env" else keys.VARIABLE
    renames: dict[str, str] = {}
    for name, entry in entries.items():
        if field is not None and name != field:
            entry.refuse(f'cannot rename "{name}": field takes only "{field}"', at=entry.key_position)
        renamed = name_of.read(entry)
        if renamed is not None and renamed in renames.values():
            entry.refuse(f'two keys cannot both become "{renamed}"')
        elif renamed is not None:
            renames[name] = renamed
    return renames


def _read_notify(value: Value) -> Notify | None:
    entries = keys.NOTIFY.read(value)
    if entries is None:
        return None
    url, on = keys.URL.of(entries), keys.ON.of(entries)
    return None if url is None else Notify(url=url, on=on)


def _each(read: Callable[[Value], _Entry | None], members: Sequence[Value]) -> tuple[_Entry, ...]:
    found = (read(member) for member in members)
    return tuple(entry for entry in found if entry is not None)
