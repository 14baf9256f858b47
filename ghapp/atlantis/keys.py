"""The reasons why keys of Atlantis are not converted, and a collection of notes for a person."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ghapp.repository_config.document import printable

_LOCKS = "Planward applies one commit at a time in an environment, in the branch's order; plans lock nothing"
_MERGE = "GitHub does that: branch protection requires reviews and the check; planward doctor says what is missing"
_SOURCE_BRANCH = "GitHub does that: the repository's setting to delete head branches"
POLICIES: Final = (
    "this version of Planward does not evaluate policies: run conftest in CI, as a required check of its own"
)
_COMMENTS = "Planward reports in one check run and comments once on a merged pull request"

TOP_LEVEL: Final[Mapping[str, str]] = {
    "automerge": "Planward applies after the merge, and people press the merge button",
    "parallel_plan": "root modules that do not depend on each other are always planned side by side",
    "parallel_apply": "root modules that do not depend on each other are always applied side by side",
    "delete_source_branch_on_merge": _SOURCE_BRANCH,
    "emoji_reaction": "the check run appears at once instead",
    "allowed_regexp_prefixes": "comments name an environment or a directory, never a pattern",
    "abort_on_execution_order_fail": "a root module that fails always stops those that depend on it",
    "repo_locks": _LOCKS,
    "silence_pr_comments": _COMMENTS,
}
"""Top-level keys that need nothing in Planward's config."""

PROJECT: Final[Mapping[str, str]] = {
    "name": "Planward names a root module by its directory",
    "branch": "environments name the branches; every pull request into one of these is planned",
    "terraform_distribution": "the operator's PLANWARD_TERRAFORM names the programs; a version constraint picks one",
    "plan_requirements": _MERGE,
    "apply_requirements": _MERGE,
    "import_requirements": "an import block is planned, reviewed and applied like every other change; there is no "
    "command",
    "delete_source_branch_on_merge": _SOURCE_BRANCH,
    "repo_locking": _LOCKS,
    "repo_locks": _LOCKS,
    "silence_pr_comments": _COMMENTS,
    "glob_file_match": "the directories that match the pattern are listed",
}
"""Keys of a project that need nothing in Planward's config."""

FOUND_BY_ITSELF: Final = (
    "Planward finds these by itself: files of the root module and of modules that it calls, var files, the lock file"
)
NOT_LEFT_OUT: Final = "exclusions are ignored: at worst, Planward makes a plan that was not necessary"

AUTOPLAN: Final[Mapping[str, str]] = {
    "enabled": "the check gates the merge, so every touched root module is planned",
}

EXPLAINED_STEPS: Final[Mapping[str, str]] = {
    "show": "the plan is read from terraform show -json in any case",
    "import": "an import block is planned, reviewed and applied like every other change; there is no command",
    "state_rm": "a removed block is planned, reviewed and applied like every other change; there is no command",
}
"""Workflow steps for which Planward has its own method."""

STEPS: Final[Mapping[str, str]] = {
    "run": "commands of a pull request would run with the environment's credentials; use Terraform instead, or run "
    "them in CI",
    "env": "put an environment variable into Vault (kv/{team}/{branch}/env), or give Terraform the value in a var "
    'file; "command" is not run',
    "multienv": "environment variables come from Vault (kv/{team}/{branch}/env); commands are not run",
    "policy_check": POLICIES,
}
"""Workflow steps that somebody has to replace."""

PLAIN_STEPS: Final = frozenset({"init", "plan", "apply", "show", "policy_check", "import", "state_rm"})
"""Steps that Atlantis runs by default. Without arguments, they need no conversion."""

NOT_ATLANTIS = "is not a key of Atlantis that Planward knows"
_SHOWN_PLACES = 3


@dataclass(slots=True)
class Notes:
    """Notes for a person: places by reason, in the order of the file.

    `unresolved` lists what somebody has to do by hand. `explained` needs no action, but some of it is worth reading.
    """

    unresolved: dict[str, list[str]] = field(default_factory=dict)
    explained: dict[str, list[str]] = field(default_factory=dict)

    def add(self, place: str, reason: str) -> None:
        """Note something that somebody has to resolve."""
        _note(self.unresolved, place, reason)

    def explain(self, place: str, reason: str) -> None:
        """Note something that Planward does by itself, or that was inferred."""
        _note(self.explained, place, reason)

    def texts(self, value: Any, place: str) -> tuple[str, ...]:
        """A list of strings; anything else is noted."""
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        self.add(place, "is not understood: it is not a list of strings")
        return ()

    def items(self, value: Any, place: str) -> list[Any]:
        """A list of anything; anything else is noted."""
        if isinstance(value, list):
            return value
        self.add(place, "is not understood: it is not a list")
        return []

    def text(self, value: Any, place: str) -> str | None:
        """A string that is not empty; anything else is noted."""
        if isinstance(value, str) and value.strip():
            return value
        self.add(place, "is not understood: it is not a string")
        return None

    def mapping(self, value: Any, place: str) -> Mapping[str, Any]:
        """A mapping; anything else is noted."""
        if isinstance(value, dict):
            return {str(key): entry for key, entry in value.items()}
        if value is not None:
            self.add(place, "is not understood: it is not a mapping")
        return {}


def lines_of(notes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """One line per reason, with the places to which it applies."""
    for reason, places in notes.items():
        shown = ", ".join(places[:_SHOWN_PLACES])
        more = len(places) - _SHOWN_PLACES
        yield printable(f"{shown}{f' and {more} more' if more > 0 else ''}: {reason}")


def _note(notes: dict[str, list[str]], place: str, reason: str) -> None:
    places = notes.setdefault(reason, [])
    if place not in places:
        places.append(place)
