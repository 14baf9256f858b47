"""The formats of strings in the config, with the patterns that the JSON Schema also uses.

The docstring of a check says which strings it accepts. For any other string, the check returns a text that says what is
wrong and what to do.
"""

import posixpath
import re
from collections.abc import Callable, Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

from ghapp.repository_config.document import did_you_mean
from ghapp.values import TESTING

Check = Callable[[str], str | None]

TEAMS_OWN: Final = "planward"
"""The last part of kv/TEAM/planward, the secret in which a team lists its repositories.

In other paths, this part is a branch or an environment, so neither may have this name.
"""
TEAM: Final = r"^(?!\.{1,2}$)[A-Za-z0-9._-]+$"
ENVIRONMENT: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
BRANCH: Final = r"^(?![/.-])(?!.*(?:\.\.|//|/\.|@\{))[^\s~^:?*\[\\\u0000-\u0020\u007f]+(?<![/.])$"
APPROVER: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]*(?:/[A-Za-z0-9_.-]+)?$"
BOT: Final = r"^[A-Za-z0-9][A-Za-z0-9-]*\[bot\]$"
CONFIRM: Final = r"^(?:destroy|replace|[a-z][a-z0-9-]*_[a-z0-9_-]+)$"
WORKSPACE: Final = r"^[A-Za-z0-9._-]+$"
VARIABLE: Final = r"^[A-Za-z_][A-Za-z0-9_-]*$"
ENVIRONMENT_VARIABLE: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
CONSTRAINT: Final = (
    r"^\s*(?:(?:=|!=|>=?|<=?|~>)\s*)?v?[0-9]+(?:\.[0-9]+){0,2}(?:-[0-9A-Za-z.-]+)?\s*"
    r"(?:,\s*(?:(?:=|!=|>=?|<=?|~>)\s*)?v?[0-9]+(?:\.[0-9]+){0,2}(?:-[0-9A-Za-z.-]+)?\s*)*$"
)
ARGUMENT: Final = (
    r"^(?:-parallelism=[1-9][0-9]{0,2}|-refresh=(?:true|false)|-lock-timeout=[0-9]+[smh]|-compact-warnings)$"
)
"""The arguments that change neither which resources are planned, nor where the state is, nor what Planward reads.

All others are refused: those in `_REFUSED_ARGUMENTS` with the reason given there, the rest with a list of the allowed
arguments.
"""
SECRET_PLACEHOLDERS: Final = ("team", "branch", "environment", "operation")
ROOT_MODULE_PLACEHOLDERS: Final = ("team", "branch", "environment", "root_module", "workspace")
WORKSPACE_PLACEHOLDERS: Final = ("team", "branch", "environment", "root_module")

_REFUSED_ARGUMENTS: Final = {
    "-var": "write the value to a var file and name it in var_files",
    "-var-file": "name the file in var_files",
    "-backend-config": "name a file in backend_config",
    "-target": "a part of the root module would count as the whole; split the root module",
    "-exclude": "a part of the root module would count as the whole; split the root module",
    "-replace": "it would replace on every run; use it once by hand, or lifecycle.replace_triggered_by",
    "-destroy": "remove the resources from the configuration instead",
    "-refresh-only": "every plan already shows what changed outside of Terraform",
    "-generate-config-out": "write the configuration of the imported resource by hand",
    "-lock": "Planward locks the state whenever it writes to it",
    "-state": "name the state in the backend block or in backend_config",
    "-state-out": "name the state in the backend block or in backend_config",
    "-backup": "name the state in the backend block or in backend_config",
}
_RESERVED_VARIABLE = re.compile(
    r"(?:PATH|HOME|SHELL|IFS|ENV|BASH_ENV|LD_.*|DYLD_.*|PYTHON.*|GIT_.*|VAULT_.*|PLANWARD_.*"
    r"|TF_(?!VAR_|TOKEN_|HTTP_).*)"
)
_NOT_IN_VAULT = re.compile(r"[\s~?#%\x00-\x1f]")
_WORKSPACE_TEMPLATE = re.compile(r"(?:[A-Za-z0-9._-]|\{[a-z_]+\})+")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]+")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def templates(known: Collection[str]) -> str:
    """The pattern of strings that may contain these placeholders, and no other brace."""
    return rf"^(?![/~])(?:[^{{}}]|\{{(?:{'|'.join(known)})\}})+$"


def fits(pattern: str, text: str) -> bool:
    """Whether all of `text` matches (Python's `$` alone would allow a final newline)."""
    return "\n" not in text and re.compile(pattern).search(text) is not None


def form(pattern: str, message: str) -> Check:
    """A check that a string has a format; `message` says which."""
    return lambda text: None if fits(pattern, text) else f'{message}, not "{text}"'


def confirm_word(text: str) -> str | None:
    """`destroy`, `replace` or a resource type; a misspelling of the first two is not accepted as a type."""
    if fits(CONFIRM, text):
        return None
    near = did_you_mean(text, ("destroy", "replace"))
    return f'must be destroy, replace or a resource type such as aws_db_instance, not "{text}"{near}'


def bot(text: str) -> str | None:
    """A bot's login in GitHub's form, including `[bot]`."""
    if fits(BOT, text):
        return None
    near = f'; did you mean "{text}[bot]"?' if fits(BOT, f"{text}[bot]") else ""
    return f'must be the login of a bot such as dependabot[bot], not "{text}"{near}'


def approver(text: str) -> str | None:
    """A login, or a team as `org/team`."""
    if fits(APPROVER, text):
        return None
    bare = text.removeprefix("@")
    near = f'; did you mean "{bare}"?' if fits(APPROVER, bare) else ""
    return f'must be a login or a team as org/team, not "{text}"{near}'


def branch(text: str) -> str | None:
    """The name of a branch for an environment."""
    if not fits(BRANCH, text) or text.startswith("refs/"):
        return f'must be the name of a branch, without refs/heads/, not "{text}"'
    if text.casefold() == TEAMS_OWN:
        why = "kv/TEAM/planward says which repositories may use the team's secrets"
        return f'no environment may have the branch "{text}": {why}'
    if text.casefold() == TESTING:
        # The code of pull requests may read kv/TEAM/testing, which would then have this environment's secrets.
        return f'no environment may have the branch "{text}": pull requests read the secrets in kv/TEAM/testing'
    return None


def argument(text: str) -> str | None:
    """One extra argument of `terraform plan` (and of `apply` if it accepts it)."""
    if fits(ARGUMENT, text):
        return None
    name = text.split("=", 1)[0].split(" ", 1)[0].replace("--", "-", 1)
    why = _REFUSED_ARGUMENTS.get(name)
    if why:
        return f"{name} is not allowed: {why}"
    return (
        f'must be -parallelism=N, -refresh=false, -lock-timeout=DURATION or -compact-warnings, not "{text}"; '
        "other arguments would change what is planned or what Planward reads"
    )


def environment_variable(text: str) -> str | None:
    """The name of an environment variable that a secret may set."""
    if not fits(ENVIRONMENT_VARIABLE, text):
        return f'must be the name of an environment variable, not "{text}"'
    if _RESERVED_VARIABLE.fullmatch(text):
        return f"{text} controls Terraform or the machine itself; a secret may not set it"
    return None


def placeholders(text: str, known: Collection[str]) -> str | None:
    """A text whose `{placeholders}` are all known, and which has no other brace."""
    for name in _PLACEHOLDER.findall(text):
        if name not in known:
            return f"unknown placeholder {{{name}}}{did_you_mean(name, known) or _known(known)}"
    if set("{}") & set(_PLACEHOLDER.sub("", text)):
        return f'has a brace that is not part of a placeholder: "{text}"'
    return None


def expand(text: str, values: Mapping[str, str]) -> str:
    """Fill in the placeholders of a string that passed `placeholders`."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def workspace(text: str) -> str | None:
    """The name of a workspace, with placeholders."""
    wrong = placeholders(text, WORKSPACE_PLACEHOLDERS)
    if wrong:
        return wrong
    if not _WORKSPACE_TEMPLATE.fullmatch(text):
        return f'must be the name of a workspace: letters, digits, ".", "_" and "-", not "{text}"'
    return None


def file_template(text: str) -> str | None:
    """The path of a root module's file, with placeholders; `path_inside` checks that it stays in the repository."""
    return placeholders(text, ROOT_MODULE_PLACEHOLDERS)


def no_setting(text: str) -> str | None:
    """The path of a file. Terraform would also accept a setting (KEY=VALUE) here."""
    return f'must be a file, not a setting: write "{text}" into a file and name that' if "=" in text else None


def directory(text: str) -> str | None:
    """One directory of the repository."""
    wrong = path_inside(text)
    if wrong is None and not {"*", "{", "}"}.isdisjoint(text):
        return f'must name one directory, without "*" and placeholders: "{text}"'
    return wrong


def path_inside(text: str, *, below: str = ".") -> str | None:
    """A path relative to the repository's directory `below` that does not lead out of the repository."""
    if not text.isprintable():
        return "has a character that cannot be printed"
    if "\\" in text:
        return f'must be written with "/", not "\\": "{text}"'
    if text.startswith(("/", "~")):
        return f'must be relative to {_directory(below)}, not "{text}"'
    normal = posixpath.normpath(posixpath.join(below, text))
    if normal == ".." or normal.startswith("../"):
        return f'leads out of the repository: "{text}"'
    if normal == ".git" or normal.startswith(".git/"):
        return f'leads into git\'s own directory: "{text}"'
    return None


def secret_path(text: str) -> str | None:
    """A path in Vault, which begins with the mount; the last segment `*` means all secrets below."""
    wrong = placeholders(text, SECRET_PLACEHOLDERS)
    if wrong:
        return wrong
    segments = text.split("/")
    if any(segment in ("", ".", "..") for segment in segments) or len(segments) < 2:
        return f'must be a path in Vault such as kv/{{team}}/{{branch}}/*, without empty, "." and ".." parts: "{text}"'
    if "*" in "/".join(segments[:-1]) or ("*" in segments[-1] and segments[-1] != "*"):
        return f'may have "*" only as its last part: "{text}"'
    if _NOT_IN_VAULT.search(text):
        return f'may not contain whitespace or any of ~ ? # %: "{text}"'
    return None


def chat_address(text: str) -> str | None:
    """The address of a chat. Complaints do not quote it, since such an address is a secret."""
    wanted = "must be an address such as https://…, vault:PATH#KEY or an apprise URL"
    scheme, _, rest = text.partition(":")
    if scheme == "vault":
        path, hash_sign, key = rest.partition("#")
        if not hash_sign or not key or "*" in path:
            return f'{wanted}; after "vault:", write the path of one secret and #KEY'
        wrong = secret_path(path)
        if wrong is None and not path.startswith("kv/{team}/"):
            return "vault: may only name a secret of the team itself: write vault:kv/{team}/PATH#KEY"
        return wrong
    if not _ADDRESS.fullmatch(text):
        return wanted
    if scheme in ("http", "https"):
        try:
            host = urlsplit(text).hostname
        except ValueError:
            host = None
        return None if host else f"{wanted}: it names no host"
    return None


def _known(known: Collection[str]) -> str:
    return f"; known here: {', '.join(f'{{{name}}}' for name in known)}"


def _directory(below: str) -> str:
    return "the repository" if below == "." else f"{below}/"
