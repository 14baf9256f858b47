"""A gate, its state, and the facts on which the state depends."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ghapp.github import RuleSource

CHECK = "planward/plan"


class State(StrEnum):
    """The state of a gate. Only `missing` makes `doctor` fail."""

    MET = "met"
    MISSING = "missing"
    ADVICE = "advice"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionCheck:
    """One gate: its current state and, if it should be stronger, what to set."""

    name: str
    state: State
    said: str
    setting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """One environment's branch, and everything on which its gates depend.

    `sees_classic` is False if the App may not read classic protection: then a gate may be set although no ruleset sets
    it. `promotes_from` is the environment that is promoted into this one; None if there is none.
    """

    environment: str
    branch: str
    sources: tuple[RuleSource, ...]
    sees_classic: bool
    app_id: int
    four_eyes: bool
    has_code_owners: bool
    promotes_from: str | None
    allows_merge_commits: bool


def make_check(
    guarded: Guarded,
    name: str,
    met: bool,
    text_if_met: str,
    text_if_missing: str,
    setting: str,
    *,
    otherwise: State = State.MISSING,
) -> ProtectionCheck:
    """Make the check of a gate.

    A gate that is not `met` gets `text_if_missing`, the setting, and the state `otherwise`.
    """
    if met:
        return ProtectionCheck(name=name, state=State.MET, said=text_if_met)
    unseen = "" if guarded.sees_classic else ", as far as rulesets go; classic protection cannot be seen"
    return ProtectionCheck(name=name, state=otherwise, said=f"{text_if_missing}{unseen}", setting=setting)


def sources_requiring_pull_requests(guarded: Guarded) -> list[RuleSource]:
    """The sources that require a pull request."""
    return [source for source in guarded.sources if source.pull_request is not None]


def named(sources: Sequence[RuleSource]) -> str:
    """The names of the sources, each once."""
    return listed(dict.fromkeys(source.name for source in sources))


def listed(words: Iterable[str]) -> str:
    """Join words with commas and "and"."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
